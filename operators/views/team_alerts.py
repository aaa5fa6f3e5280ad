"""What went wrong by itself in the last hours: nobody came in time, nobody answered, an offer passed unanswered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from conversations.models import Conversation, Event, Mode
from operators.absence import WHY as OPERATOR_GONE
from operators.models import Operator
from operators.views import wording

KINDS = ("handoff.overdue", "handoff.requeued", "handoff.offer_expired")
SPAN = timedelta(hours=6)
MOST = 30
LOOK_BACK = 10_000
"""How many of the newest events are looked through, on their index: an alert is rare among them."""
ICONS = {"handoff.overdue": "clock", "handoff.requeued": "hist", "handoff.offer_expired": "bell"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    id: str
    """Of the conversation."""
    seq: int
    icon: str
    level: str
    text: str
    time: str
    stamp: str
    now: str
    """Where the conversation is at this moment."""


def recent(supervisor: Operator, now: datetime) -> list[Alert]:
    newest = Event.objects.aggregate(newest=Max("pk"))["newest"] or 0
    found = _of(supervisor).filter(pk__gt=newest - LOOK_BACK, created_at__gte=now - SPAN)
    return _drawn(found.order_by("-pk")[:MOST], supervisor)


def one(supervisor: Operator, conversation: Conversation, seq: int) -> Alert | None:
    """The alert that this event of the conversation is, if it is one."""
    found = _of(supervisor).filter(conversation=conversation, seq=seq)
    return next(iter(_drawn(found, supervisor)), None)


def _of(supervisor: Operator) -> QuerySet[Event]:
    """Whoever lost it had claimed it before."""
    claims = Event.objects.filter(
        conversation=OuterRef("conversation"), kind="handoff.claimed", seq__lt=OuterRef("seq")
    )
    return (
        Event.objects.filter(
            organization=supervisor.organization_id,
            kind__in=KINDS,
            actor_kind="system",
            conversation__merged_into=None,
        )
        .select_related("conversation__contact", "conversation__operator", "conversation__queue")
        .annotate(claim=Subquery(claims.order_by("-seq").values("data")[:1]))
    )


def _drawn(events: Iterable[Any], supervisor: Operator) -> list[Alert]:
    found = list(events)
    people = {_operator_of(event) for event in found} - {""}
    ours = Operator.objects.filter(organization=supervisor.organization_id, public_id__in=people)
    names = {str(one.public_id): wording.first_name(one.shown_name) for one in ours}
    return [_alert(event, names.get(_operator_of(event)) or _("The team")) for event in found]


def _operator_of(event: Any) -> str:
    """Whose turn it was."""
    if event.kind == "handoff.offer_expired":
        return str(event.data.get("operator", ""))
    return str((event.claim or {}).get("operator", "")) if event.kind == "handoff.requeued" else ""


def _alert(event: Any, operator: str) -> Alert:
    conversation = event.conversation
    said = {"name": wording.contact_name(conversation), "operator": operator}
    return Alert(
        id=str(conversation.public_id),
        seq=event.seq,
        icon=ICONS[event.kind],
        level="bad" if event.kind == "handoff.overdue" else "warn",
        text=_sentence(event) % said,
        time=wording.clock(event.created_at),
        stamp=event.created_at.isoformat(),
        now=_place(conversation),
    )


def _sentence(event: Event) -> str:
    if event.kind == "handoff.overdue":
        return _("%(name)s has waited longer than the queue allows.")
    if event.kind == "handoff.offer_expired":
        return _("%(operator)s let the offer of %(name)s pass.")
    if event.data.get("why") == OPERATOR_GONE:
        return _("%(operator)s is gone: %(name)s is back in the queue.")
    return _("%(operator)s did not answer %(name)s in time: back in the queue.")


def _place(conversation: Conversation) -> str:
    if conversation.mode == Mode.BOT:
        return _("with the bot now")
    if conversation.mode == Mode.QUEUED:
        return _("still waiting")
    holder = conversation.operator.shown_name if conversation.operator else ""
    return _("with %(name)s now") % {"name": wording.first_name(holder)}
