"""How long is too long: a wait by its queue's longest, a reply by the time there is for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Subquery

from conversations.models import Author, DueKind, Handoff, Message, Mode
from operators.views import wording
from operators.views.drawn import Drawn

WARN_FROM = 0.6
"""The share of the time from which it is short."""
LATE, VERY_LATE = timedelta(minutes=3), timedelta(minutes=5)
"""Where no queue says how long is too long."""
LAST_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer(Drawn):
    """Since when, and after how many seconds it turns amber and red ("Infinity": never)."""

    since: str
    warn: str
    bad: str
    shown: str = field(repr=False)
    level: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyBy:
    """Until when somebody who has just come has to write, or the chat goes back to the queue."""

    until: str
    at: str
    left: str = field(repr=False)
    level: str = field(repr=False)


def timer(since: datetime, limit: timedelta | None, now: datetime, *, warn: timedelta | None = None) -> Timer:
    """Coloured by the time there is; without a limit it only runs."""
    warn_at = warn if warn is not None else limit * WARN_FROM if limit else None
    waited = now - since
    level = "bad" if limit and waited >= limit else "warn" if warn_at and waited >= warn_at else ""
    return Timer(
        since=since.isoformat(),
        warn=_seconds(warn_at),
        bad=_seconds(limit),
        shown=wording.timer(waited),
        level=level,
    )


def waiting(conversation: Any, now: datetime) -> Timer:
    """For how long somebody in the queue has waited."""
    limit = conversation.queue.longest_wait if conversation.queue else None
    since = conversation.waiting_since or now
    return timer(since, limit or VERY_LATE, now, warn=None if limit else LATE)


def unanswered() -> Subquery:
    """When the customer began to write what nobody has answered yet: for ``annotate(unanswered_since=…)``."""
    theirs = Message.objects.filter(
        conversation=OuterRef("pk"), author=Author.CUSTOMER, seq__gt=OuterRef("answered_seq")
    )
    return Subquery(theirs.order_by("seq").values("occurred_at")[:1])


def answer(conversation: Any, handoff: Handoff | None, now: datetime) -> Timer | None:
    """For how long the customer, who has the last word, has waited for ours."""
    since: datetime | None = getattr(conversation, "unanswered_since", None)
    if conversation.mode != Mode.HUMAN or since is None:
        return None
    if handoff and since < handoff.requested_at:
        since = handoff.requested_at
    limit = conversation.queue.reply_time if conversation.queue else None
    return timer(since, limit or VERY_LATE, now, warn=None if limit else LATE)


def reply_by(handoff: Handoff | None, now: datetime) -> ReplyBy | None:
    if handoff is None or handoff.due_kind != DueKind.FIRST_REPLY or handoff.due_at is None:
        return None
    left = handoff.due_at - now
    return ReplyBy(
        until=handoff.due_at.isoformat(),
        at=wording.clock(handoff.due_at),
        left=wording.left(left),
        level="bad" if left <= LAST_MINUTE else "warn",
    )


def _seconds(span: timedelta | None) -> str:
    return str(int(span.total_seconds())) if span is not None else "Infinity"
