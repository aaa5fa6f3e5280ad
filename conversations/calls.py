"""Asking a bot that runs somewhere else: three attempts at one question, and then a person.

A question is asked at most ``ATTEMPTS`` times under one ``turn_id``, within ``SECONDS`` each; an answer that cannot be
taken is no reason to ask again. Whatever goes wrong, the customer has an answer or is in the queue after 35 seconds,
or after three times what a supervisor gives a language model and five seconds.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db.models import QuerySet

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
LEASE = timedelta(seconds=SECONDS) + TO_SPARE
AT_ONCE = 32


def elsewhere(_now: datetime) -> QuerySet[BotTurn]:
    return BotTurn.objects.filter(conversation__sender__bot_engine__in=ELSEWHERE)


@work.handles(BotTurn, name="call", candidates=elsewhere, at_once=AT_ONCE, lease=LEASE)
async def run(row: BotTurn, now: datetime) -> None:
    """Ask for one due turn. Between the question and its answer no connection and no row is held."""
    asked = await work.in_thread(_question, row, now)
    if asked is None:
        return
    try:
        sender = asked.conversation.sender
        reply = turns.sound(await _reply(asked.turn, sender, seconds=_time_of(sender)))
    except Unanswered as why:
        await work.in_thread(_unanswered, row, asked, why)
    except Exception as error:  # noqa: BLE001 - an answer may be wrong in any way; a person then looks at it
        await work.in_thread(_unanswered, row, asked, Unanswered(trace.described(error)))
    else:
        failpoints.reached("call.asked")
        await work.in_thread(_answered, row, asked, reply)


def _time_of(sender: Sender) -> float:
    """Seconds for one question. A large model on a small machine may be given more."""
    own = prompting.Endpoint.of(sender).seconds if sender.bot_engine == BotEngineName.LLM else None
    return own or SECONDS


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
    """None while its bot rests: the customer then goes to a person at once. Or somebody else has the turn by now."""
    asked = questions.of(row)
    sender = asked.conversation.sender
    if row.attempts == 1 and not breaker.lets(sender, now):
        _hand_over(row, asked)
        return None
    lease = timedelta(seconds=_time_of(sender)) + TO_SPARE
    return asked if lease <= LEASE or leases.extend(row, lease) else None


def _answered(row: BotTurn, asked: Question, reply: Reply) -> None:
    breaker.answered(asked.conversation.sender)
    turns.accept(row, asked.conversation, reply, told=asked.told, now=clock.now())


def _unanswered(row: BotTurn, asked: Question, why: Unanswered) -> None:
    if why.again and row.attempts < ATTEMPTS:
        pause = leases.back_off(row.attempts, retry_after=why.retry_after)
        leases.reschedule(row, clock.now() + min(pause, timedelta(seconds=LONGEST_PAUSE)))
        return
    logger.warning("a bot gave no answer after %s attempts: %s", row.attempts, why)
    breaker.gave_up(asked.conversation.sender, clock.now())
    _hand_over(row, asked)


def _hand_over(row: BotTurn, asked: Question) -> None:
    """Nothing was told, so what ended before is told with the next question."""
    reply = Reply(state=dict(asked.turn.state), handoff=HandoffRequest(reason=Reasons.BOT_FAILURE))
    turns.accept(row, asked.conversation, reply, told=None, now=clock.now())
