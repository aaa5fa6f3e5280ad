"""What time does without moving the conversation: whoever waits too long is raised, whoever is silent is asked."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, PositiveSmallIntegerField, Value
from django.db.models.functions import Least

from conversations import episodes, errors, notices, texts
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.handoffs import common
from conversations.models import Conversation, Handoff, Priority

NUDGES = (texts.NUDGE, texts.LAST_NUDGE)


@atomically
def overdue(conversation: Conversation, *, cause: Cause, due: Handoff, now: datetime) -> None:
    """Nobody came in the time of the queue: the customer is told once, and goes one step up each time."""
    told = notices.at(conversation, conversation.queue, texts.STILL_WAITING, now) if not due.due_step else []
    numbers = notices.numbers(told)
    most = Value(Priority.URGENT, output_field=PositiveSmallIntegerField())
    waiting = common.at(Conversation.objects.queued(), due.due_epoch)
    taken = waiting.take(
        conversation.pk,
        numbers,
        priority=Least(F("priority") + 1, most),
        **notices.last_line(told, now),
    )
    if taken is None:
        raise errors.NotWaiting
    episodes.waits_on(due, taken, now)
    seq = taken.seq - numbers + 1
    common.record(
        taken, "handoff.overdue", due, cause=cause, seq=seq, now=now, moved=False, step=due.due_step + 1
    )
    notices.say(taken, told, seq=seq + 1, cause=cause, now=now)


@atomically
def nudge(conversation: Conversation, *, cause: Cause, due: Handoff, now: datetime) -> None:
    """Ask a customer who has fallen silent whether they are still there."""
    said = notices.at(conversation, conversation.queue, NUDGES[due.due_step], now)
    numbers = notices.numbers(said)
    silent = common.at(Conversation.objects.human(), due.due_epoch)
    taken = silent.filter(last_inbound_seq=conversation.last_inbound_seq).take(
        conversation.pk, numbers, **notices.last_line(said, now)
    )
    if taken is None:
        raise errors.UnreadMessage
    episodes.stays_silent(due, taken, now)
    seq = taken.seq - numbers + 1
    common.record(
        taken, "handoff.nudged", due, cause=cause, seq=seq, now=now, moved=False, step=due.due_step + 1
    )
    notices.say(taken, said, seq=seq + 1, cause=cause, now=now)
