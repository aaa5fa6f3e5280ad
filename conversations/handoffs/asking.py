"""Into the queue, and out of it again before anybody came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, PositiveSmallIntegerField, Value
from django.db.models.functions import Greatest

from conversations import episodes, errors, events, failpoints, notices, positions, texts
from conversations.atomically import atomically
from conversations.bots.base import HandoffRequest
from conversations.contract import Cause, Release
from conversations.handoffs import common
from conversations.models import Author, Conversation, Handoff, Mode, Outcomes, Queue


@atomically
def request(
    conversation: Conversation,
    *,
    cause: Cause,
    request: HandoffRequest,
    now: datetime,
    epoch: int | None = None,
    last_words: tuple[str, ...] = (),
) -> tuple[Handoff, bool]:
    """Ask for a person; True beside the handoff when this call opened it.

    Asking again while one is open is the same handoff: the first reason stays, priority only rises.
    ``epoch`` fences a bot (StaleEpoch); ``last_words`` are what it still says, in the same transaction.
    """
    asked = _Asked(cause=cause, request=request, now=now, epoch=epoch, last_words=last_words)
    handoff = _hand_over(conversation, asked)
    if handoff is not None:
        return handoff, True
    handoff = _ask_again(conversation, asked)
    if handoff is not None:
        return handoff, False
    handoff = _hand_over(conversation, asked)  # released between the two looks
    if handoff is None:
        raise errors.StaleEpoch(epoch=Conversation.objects.get(pk=conversation.pk).epoch)
    return handoff, True


@atomically
def cancel(
    conversation: Conversation,
    *,
    cause: Cause,
    now: datetime,
    outcome: str = Outcomes.CANCELLED,
    due: Handoff | None = None,
) -> Handoff:
    """Back to the bot before anybody came: the customer gave up waiting, or nobody could come."""
    moment = texts.EXPIRED if outcome == Outcomes.EXPIRED else texts.CANCELLED
    apology = notices.at(conversation, conversation.queue, moment, now)
    waiting = common.at(Conversation.objects.queued(), due.due_epoch if due else None)
    taken = waiting.take(
        conversation.pk, notices.numbers(apology), **common.back_to_bot(), **notices.last_line(apology, now)
    )
    if taken is None:
        raise errors.NotWaiting
    seq = taken.seq - notices.numbers(apology) + 1
    handoff = episodes.end(taken, Release(outcome=outcome), seq=seq, now=now, due=due)
    failpoints.reached("handoff.cancelling")
    common.record(taken, "handoff.cancelled", handoff, cause=cause, seq=seq, now=now, outcome=outcome)
    notices.say(taken, apology, seq=seq + 1, cause=cause, now=now)
    return handoff


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    cause: Cause
    request: HandoffRequest
    now: datetime
    epoch: int | None
    last_words: tuple[str, ...]


def _hand_over(conversation: Conversation, asked: _Asked) -> Handoff | None:
    """From the bot into the queue, or None when it is not with the bot (in this epoch)."""
    cause, now = asked.cause, asked.now
    queue = Queue.objects.wanted(asked.request.queue, organization=conversation.sender.organization)
    # Before anything refers to the queue: on MariaDB two that have done so cannot both mark it any more.
    Queue.objects.distribute(queue, now)
    words = notices.spoken(conversation, Author.BOT, asked.last_words, now)
    notice, placed = positions.welcome(conversation, queue, asked.request.priority, now, said=bool(words))
    taken = common.at(Conversation.objects.filter(mode=Mode.BOT), asked.epoch).take(
        conversation.pk,
        notices.numbers(words + notice),
        mode=Mode.QUEUED,
        epoch=F("epoch") + 1,
        handoff_count=F("handoff_count") + 1,
        queue=queue,
        priority=asked.request.priority,
        waiting_since=now,
        **notices.last_line(words + notice, now),
    )
    if taken is None:
        return None
    handoff = episodes.begin(taken, cause=cause, request=asked.request, now=now, placed=placed)
    failpoints.reached("handoff.requesting")
    common.silence_bot(taken, now)
    seq = taken.seq - notices.numbers(words + notice) + 1
    seq = notices.say(taken, words, seq=seq, cause=cause, now=now)
    common.record(
        taken,
        "handoff.requested",
        handoff,
        cause=cause,
        seq=seq,
        now=now,
        reason=handoff.reason,
        queue=str(queue.public_id) if queue else "",
    )
    notices.say(taken, notice, seq=seq + 1, cause=cause, now=now)
    return handoff


def _ask_again(conversation: Conversation, asked: _Asked) -> Handoff | None:
    """The handoff that is open already, its priority raised; None when none is (any more)."""
    open_now = common.at(Conversation.objects.filter(mode__in=[Mode.QUEUED, Mode.HUMAN]), asked.epoch)
    wanted = Value(asked.request.priority, output_field=PositiveSmallIntegerField())
    taken = open_now.take(conversation.pk, 1, priority=Greatest(F("priority"), wanted))
    if taken is None:
        return None
    handoff = Handoff.objects.get(open_for=taken)
    events.record(
        taken,
        "handoff.asked_again",
        cause=asked.cause,
        seq=taken.seq,
        now=asked.now,
        handoff=handoff.number,
        reason=asked.request.reason,
    )
    return handoff
