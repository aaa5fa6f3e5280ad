"""Chats of somebody who has gone: those in which a customer waits for an answer go back to the front of the queue.

Whoever lets an offer pass is not gone, but away.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from django.db.models import F

from conversations import deadlines, errors, handoffs, heartbeats, leases, work
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import Conversation
from operators import presence
from operators.models import Operator, Presence, PresenceStatus

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
        with suppress(errors.HandoffError):  # answered, finished or taken at this moment
            if not _take_away(conversation, row, now):
                return
    if held.exists():
        leases.reschedule(row, now + LOOK_AGAIN)
    else:
        leases.finish(row)


@deadlines.when_an_offer_passes
def send_away(operator: Operator, now: datetime) -> None:
    presence.send_away(operator, now=now)


@atomically
def _take_away(conversation: Conversation, row: Presence, now: datetime) -> bool:
    """False once they are back: a beat takes the row from us, or waits until this is done."""
    if not leases.keep(row, seen_at=F("seen_at")):
        return False
    handoffs.requeue(
        conversation,
        cause=CAUSE,
        why=WHY,
        now=now,
        operator=row.operator,
        epoch=conversation.epoch,
        unanswered=True,
    )
    return True
