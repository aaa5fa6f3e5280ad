"""Why a bubble was not sent, or may not have been, in words, and what the operator can do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, OuterRef, Subquery
from django.utils.translation import gettext as _

from conversations import delivery
from conversations.models import Delivery, DeliveryState, Message, Status
from conversations.twilio import errors as refusals


@dataclass(slots=True)
class Failure:
    """``step`` is what to do next; ``link`` leads to Twilio's page of a code that nothing here knows."""

    text: str
    code: int | None
    retryable: bool
    unconfirmed: bool = False
    step: str = ""
    link: str = ""


def of(message: Message, now: datetime) -> Failure | None:
    if in_doubt(message, now):
        said = _("Twilio did not confirm it. The message may have arrived: check before repeating.")
        return Failure(said, None, retryable=True, unconfirmed=True)
    if message.status != Status.FAILED:
        return None
    row = getattr(message, "delivery", None)
    return _failed(message.error_code, row)


def _failed(code: int | None, row: Delivery | None) -> Failure:
    reaction = refusals.reaction(code, row.cause if row else "")
    if code is not None and not refusals.known(code):
        said = row.error_text if row else ""
        text = _("Twilio says: %(text)s") % {"text": said} if said else str(reaction.text)
        return Failure(text, code, retryable=False, link=refusals.PAGE.format(code=code))
    if row and row.due_at:
        return Failure(str(reaction.text), code, retryable=False, step=_("It is sent once more by itself."))
    return Failure(str(reaction.text), code, reaction.retryable, step=str(refusals.STEPS[reaction.step]))


def in_doubt(message: Message, now: datetime) -> bool:
    """Whether it has been unknown for so long that somebody should look."""
    row = getattr(message, "delivery", None)
    return row is not None and message.status == Status.UNKNOWN and delivery.in_doubt(row, now)


def is_held(message: Message) -> bool:
    """Whether it waits for its number, on which nothing goes out."""
    row = getattr(message, "delivery", None)
    return message.status == Status.QUEUED and row is not None and bool(row.sender.paused)


def doubts(now: datetime) -> Subquery:
    """How many bubbles of a conversation are in doubt. They become so by the clock alone, without an event."""
    unknown = Delivery.objects.filter(conversation=OuterRef("pk"), state=DeliveryState.UNKNOWN)
    old = unknown.filter(unknown_since__lt=now - delivery.DOUBT)
    return Subquery(old.values("conversation").annotate(count=Count("pk")).values("count"))
