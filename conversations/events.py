"""The story of a conversation: append-only facts, written in the transaction of what they tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from conversations import clock, cursors, wakeup
from conversations.contract import Cause
from conversations.models import Conversation, Event, Organization

MOST = 500
LOOK_BACK = 1000
"""How many ids below the newest may still be under way when somebody begins to read."""
_MOST_LATE = 10 * LOOK_BACK


@dataclass(frozen=True, slots=True)
class Feed:
    events: list[Event]
    cursor: str
    more: bool = False
    expired: bool = False


def record(
    conversation: Conversation,
    kind: str,
    *,
    cause: Cause,
    seq: int,
    now: datetime,
    before: int | None = None,
    **data: Any,
) -> Event:
    """Append one fact. ``data`` holds ids, enums and numbers, never text; ``before`` is the epoch that ended."""
    if cause.message_id is not None:
        data.setdefault("message", cause.message_id)
    transaction.on_commit(wakeup.news.ring)
    return Event.objects.create(
        organization_id=conversation.sender.organization_id,
        conversation=conversation,
        seq=seq,
        kind=kind,
        actor_kind=cause.kind,
        actor_id=cause.id,
        data={"door": cause.door, "mode": conversation.mode, **data},
        epoch_before=conversation.epoch if before is None else before,
        epoch_after=conversation.epoch,
        created_at=now,
    )


def since(cursor: str | None, *, organization: Organization | None, limit: int = MOST) -> Feed:
    """What has become visible since ``cursor``, and where to go on; of every company if ``organization`` is None.

    No event is ever left out, but one may come twice: tell them apart by (conversation, seq). Without a cursor
    nothing is old news. ``expired``: what lay between is not kept, or was never ours; start afresh from the new one.
    """
    now = clock.now().timestamp()
    if cursor is None:
        return Feed([], str(_newest(now)))
    position = cursors.parse(cursor)
    found = _read(position, limit) if position else None
    if position is None or found is None:
        return Feed([], str(_newest(now)), expired=True)
    advanced = position.advanced([event.pk for event in found], now)
    fresh = sum(event.pk > position.last for event in found)
    mine = [event for event in found if organization is None or event.organization_id == organization.pk]
    return Feed(mine, str(advanced), more=fresh >= limit)


def behind(cursor: str) -> bool:
    """Whether there may be something to read on from ``cursor``: asked often, and costs one look at an index."""
    position = cursors.parse(cursor)
    return position is None or bool(position.holes) or Event.objects.filter(pk__gt=position.last).exists()


def _read(position: cursors.Cursor, limit: int) -> list[Event] | None:
    """The rows in the holes and above them, of every company: a hole is a hole in all. None if the place is lost."""
    rows = Event.objects.select_related("conversation").order_by("pk")
    here: list[Event] | None = None
    if position.last:
        # The row it stands on is read along: if that is gone, so may be others behind it.
        here = list(rows.filter(pk__gte=position.last)[: limit + 1])
        if not here or here[0].pk != position.last:
            return None
    # The holes after what is above them: what a conversation told before that is visible by now.
    late: list[Event] = []
    if position.holes:
        holes = Q()
        for hole in position.holes:
            holes |= Q(pk__range=(hole.first, hole.last))
        late = list(rows.filter(holes)[:_MOST_LATE])
    if len(late) == _MOST_LATE:
        return None
    return late + here[1:] if here is not None else list(rows[:limit])


def _newest(now: float) -> cursors.Cursor:
    """Behind the newest row, but not behind what is still being written below it."""
    newest = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    below = cursors.Cursor(max(0, newest - LOOK_BACK))
    return below.advanced(Event.objects.filter(pk__gt=below.last).values_list("pk", flat=True), now)
