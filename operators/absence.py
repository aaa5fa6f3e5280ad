"""Chats of somebody who has gone: those in which a customer waits for an answer go back to the front of the queue."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F

from conversations import errors, handoffs, heartbeats, leases, work
from conversations.contract import Cause
from conversations.models import Conversation
from operators import presence
from operators.models import Presence, PresenceStatus

CAUSE = Cause(kind="system", door="worker")
WHY = "operator_gone"
LOOK_EVERY = timedelta(seconds=2)
LOOK_AGAIN = timedelta(seconds=30)
AFTER_A_RESTART = timedelta(minutes=10)
"""An outage keeps everybody's panel from beating: after one nobody counts as gone for so long."""


@work.handles(Presence, name="absence", look_every=LOOK_EVERY)
def run(row: Presence, now: datetime) -> None:
    since = heartbeats.working_since(now)
    if since and now < since + AFTER_A_RESTART:
        leases.reschedule(row, since + AFTER_A_RESTART)
        return
    gone_at = row.expires_at + presence.GONE_AFTER
    if row.status != PresenceStatus.OFFLINE and now < gone_at:
        leases.reschedule(row, gone_at)
        return
    held = Conversation.objects.held_by(row.operator)
    for conversation in held.filter(last_inbound_seq__gt=F("answered_seq")).with_parties():
        if not _still_gone(row):
            return
        _requeue(conversation, row, now)
    if held.exists():
        leases.reschedule(row, now + LOOK_AGAIN)
    else:
        leases.finish(row)


def _requeue(conversation: Conversation, row: Presence, now: datetime) -> None:
    try:
        handoffs.requeue(
            conversation,
            cause=CAUSE,
            why=WHY,
            now=now,
            operator=row.operator,
            epoch=conversation.epoch,
            unanswered=True,
        )
    except errors.HandoffError:
        pass  # answered, finished or taken at this moment


def _still_gone(row: Presence) -> bool:
    """A beat takes the row from us."""
    return leases.keep(row, seen_at=F("seen_at"))
