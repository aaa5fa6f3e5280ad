"""A waiting conversation is shown to one person first. Mode and epoch stay; only ``offered_to`` changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from conversations import episodes, errors, failpoints
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.handoffs import common
from conversations.models import Conversation, Handoff, Queue

if TYPE_CHECKING:
    from operators.models import Operator


@atomically
def offer(
    conversation: Conversation,
    *,
    cause: Cause,
    operator: Operator,
    why: str,
    answer_in: timedelta,
    now: datetime,
) -> Handoff:
    """Keep it for this operator until ``now + answer_in``. ``why`` is a code that the offer is explained with.

    The caller holds the operator's own row and has counted their places (``operators.desk``).
    """
    free = common.at(Conversation.objects.queued().filter(offered_to=None), conversation.epoch)
    taken = free.take(conversation.pk, 1, offered_to=operator)
    if taken is None:
        raise errors.NotWaiting
    handoff = Handoff.objects.get(open_for=taken)
    episodes.offered(handoff, taken, answer_by=now + answer_in)
    failpoints.reached("handoff.offering")
    common.record(
        taken,
        "handoff.offered",
        handoff,
        cause=cause,
        seq=taken.seq,
        now=now,
        moved=False,
        offered_to=str(operator.public_id),
        why=why,
    )
    return handoff


@atomically
def decline(
    conversation: Conversation,
    *,
    cause: Cause,
    operator: Operator,
    now: datetime,
    due: Handoff | None = None,
) -> Handoff:
    """The operator does not take what was offered to them, or let the time pass (``due``): anybody may now."""
    offered = Conversation.objects.queued().filter(offered_to=operator)
    taken = common.at(offered, due.due_epoch if due else None).take(conversation.pk, 1, offered_to=None)
    if taken is None:
        raise errors.NotWaiting
    handoff = Handoff.objects.get(open_for=taken)
    episodes.passed_over(handoff, taken, str(operator.public_id), due=due)
    failpoints.reached("handoff.declining")
    kind = "handoff.offer_expired" if due else "handoff.declined"
    common.record(
        taken,
        kind,
        handoff,
        cause=cause,
        seq=taken.seq,
        now=now,
        moved=False,
        operator=str(operator.public_id),
    )
    Queue.objects.distribute(taken.queue, now)
    return handoff
