"""Asking a bot that runs somewhere else: three attempts at one question, and then a person.

A question is asked at most ``ATTEMPTS`` times under one ``turn_id``, within ``SECONDS`` each; an answer that cannot be
taken is no reason to ask again. Whatever goes wrong, the customer has an answer or is in the queue 35 seconds after
the first question that was asked in vain, or three times what a supervisor gives a language model and five seconds:
also one who writes on meanwhile, which asks the bot anew.

Of each bot only ``EACH`` questions are under way, the begun ones before others: one that hangs keeps no places from
the others', and has been given up three times, so that everybody else goes to people, before a second lot is asked.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from conversations import (
    breaker,
    clock,
    failpoints,
    leases,
    outward,
    prompting,
    questions,
    trace,
    turns,
    work,
)
from conversations.bots import wire
from conversations.bots.base import HandoffRequest, Reply, Turn, Unanswered
from conversations.models import BotEngineName, BotTurn, Reasons, Sender
from conversations.models.organization import ELSEWHERE
from conversations.questions import Question

logger = logging.getLogger(__name__)

ATTEMPTS = 3
SECONDS = float(prompting.SECONDS)
LONGEST_PAUSE = 2.0
TO_SPARE = timedelta(seconds=5)
SHORTEST = timedelta(seconds=1)
"""With less than this left no question is begun."""
LEASE = timedelta(seconds=SECONDS) + TO_SPARE
AT_ONCE, EACH = 96, 32


def elsewhere(now: datetime) -> QuerySet[Any]:
    """Those whose bot has a place for them. One that rests is not asked, so its turns need none."""
    rows = BotTurn.objects.filter(conversation__sender__bot_engine__in=ELSEWHERE)
    full = _begun(now).values("conversation__sender").annotate(turns=Count("pk")).filter(turns__gte=EACH)
    new = Q(attempts=0, conversation__sender__bot_rests_until=None)
    return rows.exclude(new, conversation__sender__in=full.values("conversation__sender")).annotate(
        sender=F("conversation__sender"), bot_rests_until=F("conversation__sender__bot_rests_until")
    )


def claim(rows: list[Any], lease: timedelta, now: datetime) -> list[Any]:
    """No more new ones of a bot than it has places."""
    begun = Counter(_begun(now).values_list("conversation__sender", flat=True))
    chosen = []
    for row in rows:
        if not row.attempts and row.bot_rests_until is None:
            begun[row.sender] += 1
            if begun[row.sender] > EACH:
                continue
        chosen.append(row)
    return leases.claim_some(chosen, lease, now)


def _begun(now: datetime) -> QuerySet[BotTurn]:
    """Asked, or to be asked again in a moment."""
    return BotTurn.objects.filter(attempts__gt=0, due_at__lte=now + timedelta(seconds=LONGEST_PAUSE))


@work.handles(BotTurn, name="call", candidates=elsewhere, at_once=AT_ONCE, lease=LEASE, claim=claim)
async def run(row: BotTurn, now: datetime) -> None:
    """Ask for one due turn. Between the question and its answer no connection and no row is held."""
    asked = await work.in_thread(_question, row, now)
    if asked is None:
        return
    try:
        sender = asked.conversation.sender
        reply = turns.sound(await _reply(asked.turn, sender, seconds=_seconds(row, sender, now)))
    except Unanswered as why:
        await work.in_thread(_unanswered, row, asked, why, now)
    except Exception as error:  # noqa: BLE001 - an answer may be wrong in any way; a person then looks at it
        await work.in_thread(_unanswered, row, asked, Unanswered(trace.described(error)), now)
    else:
        failpoints.reached("call.asked")
        await work.in_thread(_answered, row, asked, reply)


def _time_of(sender: Sender) -> float:
    """Seconds for one question. A large model on a small machine may be given more."""
    own = prompting.Endpoint.of(sender).seconds if sender.bot_engine == BotEngineName.LLM else None
    return own or SECONDS


def _seconds(row: BotTurn, sender: Sender, now: datetime) -> float:
    """What is left for this question of the time in which the customer has an answer or a person."""
    whole = _time_of(sender)
    if row.failing_since is None:
        return whole
    return min(whole, (_latest(row.failing_since, sender) - now).total_seconds())


def _latest(failing_since: datetime, sender: Sender) -> datetime:
    """When whoever waits since then is no longer left waiting for this bot."""
    return failing_since + ATTEMPTS * timedelta(seconds=_time_of(sender)) + TO_SPARE


async def _reply(turn: Turn, sender: Sender, *, seconds: float) -> Reply:
    if sender.bot_engine == BotEngineName.LLM:
        return await prompting.ask(turn, sender, seconds=seconds)
    body = wire.question(turn)
    headers = wire.headers(sender.bot_secret, body, at=clock.now())
    answer = await outward.post(sender.bot_url, body, headers, seconds=seconds, most=wire.LONGEST_ANSWER)
    if not answer.taken:
        why = answer.trouble or f"status {answer.status}"
        raise Unanswered(why, again=answer.passing, retry_after=answer.retry_after)
    try:
        return wire.answer(answer.body, state=turn.state)
    except wire.Rubbish as rubbish:
        raise Unanswered(f"rubbish ({rubbish.reason})") from None


def _question(row: BotTurn, now: datetime) -> Question | None:
    """None where its bot is not asked: the customer then goes to a person at once. Or somebody else has the turn."""
    asked = questions.of(row)
    sender = asked.conversation.sender
    if row.failing_since and now > _latest(row.failing_since, sender) - SHORTEST:
        _give_up(row, asked)
        return None
    if not (breaker.lets(sender, now) if row.attempts == 1 else not breaker.rests(sender, now)):
        _hand_over(row, asked)
        return None
    lease = timedelta(seconds=_time_of(sender)) + TO_SPARE
    return asked if lease <= LEASE or leases.extend(row, lease) else None


def _answered(row: BotTurn, asked: Question, reply: Reply) -> None:
    breaker.answered(asked.conversation.sender)
    if not turns.accept(row, asked.conversation, reply, told=asked.told, now=clock.now()):
        # It works: the newer question is answered next.
        BotTurn.objects.filter(pk=row.pk).update(failing_since=None)


def _unanswered(row: BotTurn, asked: Question, why: Unanswered, asked_at: datetime) -> None:
    since = BotTurn.objects.fails(row, since=asked_at)
    pause = leases.back_off(row.attempts, retry_after=why.retry_after)
    again = clock.now() + min(pause, timedelta(seconds=LONGEST_PAUSE))
    in_time = again < _latest(since, asked.conversation.sender) - SHORTEST
    if why.again and row.attempts < ATTEMPTS and in_time:
        leases.reschedule(row, again)
        return
    logger.warning("a bot gave no answer after %s attempts: %s", row.attempts, why)
    _give_up(row, asked)


def _give_up(row: BotTurn, asked: Question) -> None:
    breaker.gave_up(asked.conversation.sender, clock.now())
    _hand_over(row, asked)


def _hand_over(row: BotTurn, asked: Question) -> None:
    """Nothing was told, so what ended before is told with the next question."""
    reply = Reply(state=dict(asked.turn.state), handoff=HandoffRequest(reason=Reasons.BOT_FAILURE))
    turns.accept(row, asked.conversation, reply, told=None, now=clock.now())
