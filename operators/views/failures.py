"""Why a bubble was not sent, or may not have been, in words, and what the operator can do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Subquery
from django.utils.translation import gettext as _

from conversations.models import Delivery, DeliveryState, Message, Status
from conversations.twilio import errors as refusals

DOUBT_AFTER = timedelta(seconds=60)
"""A callback or Twilio's list usually settles it sooner; from here on a person may decide."""


@dataclass(slots=True)
class Failure:
    text: str
    code: int | None
    retryable: bool
    unconfirmed: bool = False


def of(message: Message, now: datetime) -> Failure | None:
    delivery = getattr(message, "delivery", None)
    if in_doubt(message, now):
        said = _("Twilio did not confirm it. The message may have arrived: check before repeating.")
        return Failure(said, None, retryable=True, unconfirmed=True)
    if message.status != Status.FAILED:
        return None
    reaction = refusals.reaction(message.error_code, delivery.cause if delivery else "")
    return Failure(str(reaction.text), message.error_code, reaction.retryable)


def in_doubt(message: Message, now: datetime) -> bool:
    """Whether it has been unknown for so long that somebody should look."""
    delivery = getattr(message, "delivery", None)
    since = delivery.unknown_since if delivery and message.status == Status.UNKNOWN else None
    return since is not None and now - since > DOUBT_AFTER


def doubts(now: datetime) -> Subquery:
    """How many bubbles of a conversation are in doubt. They become so by the clock alone, without an event."""
    unknown = Delivery.objects.filter(conversation=OuterRef("pk"), state=DeliveryState.UNKNOWN)
    old = unknown.filter(unknown_since__lt=now - DOUBT_AFTER)
    return Subquery(old.values("conversation").annotate(count=Count("pk")).values("count"))
