"""The whole round, as the command and the supervisors' page ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from asgiref.sync import async_to_sync
from django.db import DatabaseError
from django.utils.translation import gettext as _

from conversations.models import Organization, Queue, Sender
from handoffflow.doctor import account, door, installation, numbers, sandbox
from handoffflow.doctor.account import Known
from handoffflow.doctor.finding import Finding, Level, advice, error

ORDER = list(Level)[::-1]


def senders(organization: Organization | None = None) -> list[Sender]:
    found = Sender.objects.filter(demo=False).select_related("reconciliation").order_by("pk")
    return list(found.for_organization(organization) if organization else found)


def queues(organization: Organization | None = None) -> list[Queue]:
    found = Queue.objects.order_by("pk")
    return list(found.for_organization(organization) if organization else found)


def examine(
    now: datetime, *, organization: Organization | None = None, fix: bool = False, code: str = ""
) -> list[Finding]:
    """Everything that was found, the worst first. With ``fix`` our addresses are set at Twilio, and asked for again."""
    found = [
        *installation.database(now),
        installation.address(),
        *installation.production(),
        *installation.capture(),
    ]
    try:
        mine = senders(organization)
        found += installation.mail(queues(organization))
    except DatabaseError:
        return _sorted(found)
    if not mine:
        what = _("There is no sender: nobody can write to this desk.")
        how = _(
            "Set TWILIO_SID, TWILIO_AUTH_TOKEN and TWILIO_WHATSAPP_NUMBER, or add one in the admin (Senders)."
        )
        found.append(advice("no_sender", _("senders"), what, how))
    known = async_to_sync(account.ask_all)(mine)
    if fix:
        found += [_not_set(one.sender) for one in known if not async_to_sync(account.mend)(one)]
        known = async_to_sync(account.ask_all)(mine)
    for one in known:
        found += numbers.judge(one, now)
    found += [*door.knock(_trusted(known)), *sandbox.invite(mine, code)]
    return _sorted(found)


def _not_set(sender: Sender) -> Finding:
    what = _("Twilio did not let this desk's addresses be set.")
    return error("not_set", sender.name, what, _("Enter them in Twilio's console yourself."))


def _trusted(known: list[Known]) -> Iterator[Sender]:
    """Only what Twilio itself takes as the token proves anything at our door."""
    return (one.sender for one in known if not one.trouble)


def _sorted(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: ORDER.index(finding.level))
