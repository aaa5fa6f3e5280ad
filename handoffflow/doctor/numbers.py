"""Judges what Twilio says about a sender. Each check is a function from what is known to what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from conversations.models import BotEngineName
from handoffflow.doctor.account import Known, behind_flow, webhook_url
from handoffflow.doctor.finding import Finding, advice, error, ok, warning

CLOCK = timedelta(seconds=30)
STUDIO = "webhooks.twilio.com"
_ONLINE = {"ONLINE", "ONLINE:UPDATING"}

Check = Callable[[Known, datetime], Iterator[Finding]]


def judge(known: Known, now: datetime) -> Iterator[Finding]:
    yield from _access(known)
    if not known.trouble and known.status == "active":
        for check in CHECKS:
            yield from check(known, now)


def _access(known: Known) -> Iterator[Finding]:
    subject = known.sender.name
    if not known.sender.calling_tokens[0]:
        what = _("There is no auth token for it, or SECRET_KEY has changed since it was stored.")
        fix = _("Enter the token in the admin (Senders), or set TWILIO_SID and TWILIO_AUTH_TOKEN.")
        yield error("no_token", subject, what, fix)
    elif known.trouble == "credentials":
        what = _("Twilio refuses the account SID and the auth token.")
        fix = _("Copy both from Twilio's console (Account → API keys & tokens) into .env or into the sender.")
        yield error("credentials_refused", subject, what, fix)
    elif known.trouble:
        what = _("Twilio cannot be asked (%(cause)s).") % {"cause": known.trouble}
        fix = _("Check the network, the proxy and TWILIO_API_URL.")
        if settings.SIMULATOR_ENABLED:
            fix = _("The simulator answers in Twilio's place: is it running (manage.py serve)?")
        yield error("twilio_unreachable", subject, what, fix)
    elif known.status != "active":
        what = _("The Twilio account is %(status)s.") % {"status": known.status}
        yield error(
            "account_inactive", subject, what, _("Twilio's console says why, and how to open it again.")
        )
    else:
        yield ok("account", subject, _("The Twilio account is active."))


def clock(known: Known, now: datetime) -> Iterator[Finding]:
    if known.time is not None and abs(known.time - now) > CLOCK:
        what = _("The clock of this machine is %(seconds)s seconds away from Twilio's.")
        off = int(abs(known.time - now).total_seconds())
        fix = _("Let it be set from the network (timedatectl set-ntp true).")
        yield error("clock_wrong", known.sender.name, what % {"seconds": off}, fix)


def number(known: Known, now: datetime) -> Iterator[Finding]:
    subject = known.sender.name
    if known.sender.sandbox or "number" in known.unreadable:
        return
    if known.number is None:
        what = _("The account has no WhatsApp sender with this number.")
        fix = _("Compare the number with Twilio's console (Messaging → Senders → WhatsApp), and the account.")
        yield error("number_unknown", subject, what, fix)
    elif known.number.status not in _ONLINE:
        what = _("WhatsApp does not serve this number: %(status)s.") % {"status": known.number.status}
        yield error("number_offline", subject, what, _("Twilio's console shows the reason with the sender."))
    elif known.number.quality == "LOW":
        what = _("WhatsApp rates the quality of this number as low, and may soon limit it.")
        yield warning("quality_low", subject, what, _("Write to fewer people who have not asked for it."))


def webhook(known: Known, now: datetime) -> Iterator[Finding]:
    if known.number is None:
        return
    subject, given = known.sender.name, known.number.webhook
    fix = _("Run manage.py doctor --fix, or enter %(url)s with method POST in Twilio's console.")
    fix %= {"url": webhook_url()}
    if behind_flow(known):
        yield ok(
            "webhook",
            subject,
            _("Incoming messages go to the Studio flow of this number, which asks this desk."),
        )
    elif urlsplit(given).hostname == STUDIO:
        what = _("A Studio flow answers on this number, not this desk.")
        yield error("studio_answers", subject, what, fix)
    elif not _ours(given):
        what = _("Incoming messages go to %(url)s, not to this desk.") % {"url": _shown(given)}
        yield error("webhook_elsewhere", subject, what, fix)
    elif known.number.method not in ("", "POST"):
        what = _("The webhook is called with %(method)s; this desk takes POST.")
        yield error("webhook_method", subject, what % {"method": known.number.method}, fix)
    elif given != webhook_url():
        what = _(
            "The webhook has other retry settings than advised: after a restart messages may be missing until they"
            " are fetched from Twilio's list."
        )
        yield advice("webhook_retries", subject, what, fix)
    else:
        yield ok("webhook", subject, _("Incoming messages come to this desk."))


def flow(known: Known, now: datetime) -> Iterator[Finding]:
    sender = known.sender
    if sender.bot_engine != BotEngineName.STUDIO or "flow" in known.unreadable:
        return
    if not known.flow:
        what = _("Twilio Studio is the bot, and the account has no flow %(sid)s.")
        fix = _("Enter the SID of a published flow in the admin (Senders), or set TWILIO_FLOW_SID.")
        yield error("flow_unknown", sender.name, what % {"sid": sender.flow or "-"}, fix)
    elif known.flow != "published":
        what = _("The Studio flow %(sid)s is not published: Twilio runs nothing of it.") % {
            "sid": sender.flow
        }
        yield error("flow_draft", sender.name, what, _("Press Publish in Twilio's console (Studio)."))
    else:
        yield ok("flow", sender.name, _("The Studio flow is published."))


def services(known: Known, now: datetime) -> Iterator[Finding]:
    subject, wanted = known.sender.name, known.sender.messaging_service_sid
    if "services" in known.unreadable or known.sender.sandbox:
        return
    if wanted and wanted not in {service.sid for service in known.services}:
        what = _("The account has no Messaging Service %(sid)s.") % {"sid": wanted}
        yield error("service_unknown", subject, what, _("Correct or empty it in the admin (Senders)."))
    for service in known.services:
        if not _ours(service.inbound):
            what = _(
                "The Messaging Service %(name)s sends incoming messages to %(url)s, and wins over the number."
            )
            fix = _(
                "Run manage.py doctor --fix, set its inbound address to %(ours)s, or take the number out of it."
            )
            told = {"name": service.name or service.sid, "url": _shown(service.inbound)}
            yield error("service_answers", subject, what % told, fix % {"ours": webhook_url()})


def conversations(known: Known, now: datetime) -> Iterator[Finding]:
    if known.captured:
        what = _("Twilio Conversations captures messages to this number: both would answer, or neither.")
        fix = _(
            "Switch autocreation off for this address: Twilio's console, Conversations → Address configuration."
        )
        yield error("conversations_answer", known.sender.name, what, fix)


def rotation(known: Known, now: datetime) -> Iterator[Finding]:
    sender = known.sender
    if not sender.secondary_token:
        return
    if sender.secondary_signed_at:
        what = _("Twilio signs with the secondary token: the rotation can be finished.")
        fix = _("Finish it in the admin (Senders), or move the token to TWILIO_AUTH_TOKEN and restart.")
        yield warning("rotation_can_end", sender.name, what, fix)
    else:
        what = _("A secondary token is accepted, and Twilio has not signed with it yet.")
        fix = _("Promote it in Twilio's console; until then nothing has to be done here.")
        yield advice("rotation_waits", sender.name, what, fix)


def paused(known: Known, now: datetime) -> Iterator[Finding]:
    if known.sender.paused:
        what = _("It is paused (%(why)s): its messages wait.") % {"why": known.sender.paused}
        fix = _("Mend the cause, then empty the field in the admin (Senders).")
        yield error("paused", known.sender.name, what, fix)


def templates(known: Known, now: datetime) -> Iterator[Finding]:
    if known.approved is None or known.sender.sandbox:
        return
    if known.approved:
        yield ok(
            "templates", known.sender.name, _("%(count)s approved templates.") % {"count": known.approved}
        )
    else:
        what = _("No template is approved: nobody can be written to 24 hours after their last message.")
        fix = _("Have one approved in Twilio's console (Messaging → Content Template Builder).")
        yield advice("no_templates", known.sender.name, what, fix)


def media(known: Known, now: datetime) -> Iterator[Finding]:
    what = _("Whether files need a login at Twilio cannot be looked up from here.")
    fix = _(
        "In Twilio's console (Messaging → Settings → General) enforce HTTP basic authentication for media."
    )
    yield advice("media_access", known.sender.name, what, fix)


def compared(known: Known, now: datetime) -> Iterator[Finding]:
    row = getattr(known.sender, "reconciliation", None)
    if row is not None and row.failing_since:
        what = _("Twilio's list of messages cannot be read (%(cause)s): lost messages are not fetched.")
        fix = _("It is tried again by itself. If it goes on, the token or the API key may not read messages.")
        yield warning("list_unreadable", known.sender.name, what % {"cause": row.cause}, fix)


def unreadable(known: Known, now: datetime) -> Iterator[Finding]:
    for part in known.unreadable:
        what = _("This part of the account could not be looked up: %(part)s.") % {"part": part}
        yield warning("not_looked_up", known.sender.name, what, _("Look at it in Twilio's console yourself."))


CHECKS: tuple[Check, ...] = (
    *(clock, number, webhook, flow, services, conversations, rotation, paused, templates, media),
    *(compared, unreadable),
)


def _ours(url: str) -> bool:
    return url.partition("#")[0] == webhook_url().partition("#")[0]


def _shown(url: str) -> str:
    """Without what may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else _("nowhere")
