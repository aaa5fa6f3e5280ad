"""Every transition of a conversation, and the only writer of its mode, epoch, operator and offered_to.

            request                              claim
    bot ─────────────────▶ queued ──────────────────────▶ human
     ▲ ▲                     │                              │
     │ └───── cancel ────────┘                              │
     └──────────────────────── release ─────────────────────┘
      (claim takes a conversation straight from the bot, too)

Each is one transaction around one conditional UPDATE whose row count decides; ``epoch`` rises with each and
fences whoever spoke before. Losing a race is normal and has a name in ``errors``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, PositiveSmallIntegerField, Q, Value
from django.db.models.functions import Greatest

from conversations import episodes, errors, events, failpoints, messages, notices, refusals, texts, wakeup
from conversations.atomically import atomically
from conversations.bots.base import HandoffRequest
from conversations.contract import Cause, Release
from conversations.models import (
    Author,
    BotEngineName,
    BotTurn,
    Conversation,
    Handoff,
    Mode,
    Outcomes,
    Queue,
    Reasons,
    Resume,
    TurnKind,
)

if TYPE_CHECKING:
    from conversations.models.conversation import ConversationQuerySet
    from operators.models import Operator


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
def claim(
    conversation: Conversation,
    *,
    cause: Cause,
    operator: Operator,
    limit: int | None,
    now: datetime,
    epoch: int | None = None,
) -> Handoff:
    """Give a waiting conversation, or one that is with the bot, to an operator. Exactly one caller wins.

    The caller holds the operator's own row (``operators.desk``): the count against ``limit`` is only safe then.
    """
    held = Conversation.objects.held_by(operator)
    if held.filter(pk=conversation.pk).exists():
        return Handoff.objects.get(open_for=conversation)
    if limit is not None and held.count() >= limit:
        raise errors.AtCapacity(limit=limit)
    greeting = notices.at(conversation, conversation.queue, texts.CLAIMED, now)
    taken = _take_for(
        operator, conversation, notices.numbers(greeting), epoch=epoch, **notices.last_line(greeting, now)
    )
    if taken is None:
        raise refusals.of_claim(conversation)
    handoff = taken.handoff
    if handoff is None:
        handoff = episodes.begin(taken, cause=cause, request=HandoffRequest(reason=Reasons.TAKEOVER), now=now)
        _silence_bot(taken)
    Handoff.objects.filter(pk=handoff.pk).update(operator=operator, handoff_at=now)
    failpoints.reached("handoff.claiming")
    handoff.operator, handoff.handoff_at = operator, now
    seq = taken.seq - notices.numbers(greeting) + 1
    _record(
        taken, "handoff.claimed", handoff, cause=cause, seq=seq, now=now, operator=str(operator.public_id)
    )
    notices.say(taken, greeting, seq=seq + 1, cause=cause, now=now)
    return handoff


@atomically
def cancel(
    conversation: Conversation, *, cause: Cause, now: datetime, outcome: str = Outcomes.CANCELLED
) -> Handoff:
    """Back to the bot before anybody came: the customer gave up waiting, or nobody could come."""
    moment = texts.EXPIRED if outcome == Outcomes.EXPIRED else texts.CANCELLED
    apology = notices.at(conversation, conversation.queue, moment, now)
    taken = Conversation.objects.queued().take(
        conversation.pk, notices.numbers(apology), **_back_to_bot(), **notices.last_line(apology, now)
    )
    if taken is None:
        raise errors.NotWaiting
    seq = taken.seq - notices.numbers(apology) + 1
    handoff = episodes.end(taken, Release(outcome=outcome), seq=seq, now=now)
    failpoints.reached("handoff.cancelling")
    _record(taken, "handoff.cancelled", handoff, cause=cause, seq=seq, now=now, outcome=outcome)
    notices.say(taken, apology, seq=seq + 1, cause=cause, now=now)
    return handoff


@atomically
def release(
    conversation: Conversation,
    *,
    cause: Cause,
    operator: Operator | None,
    epoch: int | None,
    seen: int,
    release: Release,
    now: datetime,
    force: bool = False,
) -> Handoff:
    """End the service and give the conversation back to the bot, with what was settled.

    Guarded by holder (``operator`` None: whoever it is), ``epoch``, and the customer having said nothing after
    seq ``seen`` unless ``force``. The same release again answers with the handoff it released.
    """
    if not release.outcome:
        raise errors.OutcomeRequired
    farewell = notices.at(conversation, conversation.queue, texts.FAREWELL, now)
    held = Conversation.objects.human() if operator is None else Conversation.objects.held_by(operator)
    seen_by_them = {} if force else {"last_inbound_seq__lte": seen}
    numbers = notices.numbers(farewell)
    afresh = _new_session(numbers) if release.resume == Resume.CLOSE else {}
    taken = (
        _at(held, epoch)
        .filter(**seen_by_them)
        .take(
            conversation.pk,
            numbers,
            unread=0,
            **afresh,
            **_back_to_bot(),
            **notices.last_line(farewell, now),
        )
    )
    if taken is None:
        return refusals.released_already(
            conversation, operator=operator, epoch=epoch, seen=seen, release=release
        )
    seq = taken.seq - numbers + 1
    handoff = episodes.end(taken, release, seq=seq, now=now)
    failpoints.reached("handoff.releasing")
    _record(taken, "handoff.released", handoff, cause=cause, seq=seq, now=now, outcome=release.outcome)
    notices.say(taken, farewell, seq=seq + 1, cause=cause, now=now)
    if release.resume == Resume.BOT_NOW and taken.sender.bot_engine != BotEngineName.NONE:
        BotTurn.objects.owe(taken, kind=TurnKind.RELEASED, cause_seq=seq, now=now)
        transaction.on_commit(wakeup.ring)
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
    words = notices.spoken(conversation, Author.BOT, asked.last_words, now)
    notice = notices.at(conversation, queue, texts.WAITING, now, said=bool(words))
    taken = _at(Conversation.objects.filter(mode=Mode.BOT), asked.epoch).take(
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
    handoff = episodes.begin(taken, cause=cause, request=asked.request, now=now)
    failpoints.reached("handoff.requesting")
    _silence_bot(taken)
    seq = taken.seq - notices.numbers(words + notice) + 1
    seq = notices.say(taken, words, seq=seq, cause=cause, now=now)
    _record(taken, "handoff.requested", handoff, cause=cause, seq=seq, now=now, reason=handoff.reason)
    notices.say(taken, notice, seq=seq + 1, cause=cause, now=now)
    return handoff


def _ask_again(conversation: Conversation, asked: _Asked) -> Handoff | None:
    """The handoff that is open already, its priority raised; None when none is (any more)."""
    open_now = _at(Conversation.objects.filter(mode__in=[Mode.QUEUED, Mode.HUMAN]), asked.epoch)
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


def _take_for(
    operator: Operator, conversation: Conversation, numbers: int, *, epoch: int | None, **changes: Any
) -> Conversation | None:
    """The conditional updates of a claim: waiting for anybody or for this operator, else still with the bot."""
    theirs = changes | {
        "mode": Mode.HUMAN,
        "epoch": F("epoch") + 1,
        "operator": operator,
        "offered_to": None,
        "waiting_since": None,
    }
    waiting = Conversation.objects.queued().filter(Q(offered_to=None) | Q(offered_to=operator))
    with_bot = Conversation.objects.filter(mode=Mode.BOT)
    opening = {"handoff_count": F("handoff_count") + 1}
    # Asked for between the first two looks, it waits after all.
    for those, more in ((waiting, {}), (with_bot, opening), (waiting, {})):
        if taken := _at(those, epoch).take(conversation.pk, numbers, **theirs, **more):
            return taken
    return None


def _silence_bot(taken: Conversation) -> None:
    messages.cancel_waiting_bot_lines(taken)
    BotTurn.objects.close(taken)


def _new_session(numbers: int) -> dict[str, Any]:
    """The bot starts afresh after the ``numbers`` seqs that this transition takes."""
    return {
        "bot_session": F("bot_session") + 1,
        "bot_session_seq": F("seq") + numbers + 1,
        "bot_state": {},
    }


def _back_to_bot() -> dict[str, Any]:
    return {
        "mode": Mode.BOT,
        "epoch": F("epoch") + 1,
        "operator": None,
        "offered_to": None,
        "queue": None,
        "priority": 0,
        "waiting_since": None,
    }


def _at(conversations: ConversationQuerySet, epoch: int | None) -> ConversationQuerySet:
    return conversations if epoch is None else conversations.filter(epoch=epoch)


def _record(
    taken: Conversation, kind: str, handoff: Handoff, *, cause: Cause, seq: int, now: datetime, **data: Any
) -> None:
    events.record(
        taken, kind, cause=cause, seq=seq, now=now, before=taken.epoch - 1, handoff=handoff.number, **data
    )
