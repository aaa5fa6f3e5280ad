"""What a Studio flow is told through Twilio's API: to end once people have a customer, to start when it has to speak.

A flow that is in the middle of something would speak when its question times out, and would take the customer's next
message for the answer. So what runs for a customer is ended as soon as they are handed over, and looked for twice
more: a message that was on its way to Studio just then starts it anew. A start that finds an old execution in its
way ends that one and tries again, once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet

from conversations import clock, contacts, failpoints, leases, questions, settling, turns, work
from conversations.atomically import atomically
from conversations.bots import wire
from conversations.bots.base import HandoffRequest, Reply
from conversations.models import (
    Author,
    BotEngineName,
    BotTurn,
    Conversation,
    Handoff,
    Message,
    Mode,
    Reasons,
    StudioCall,
)
from conversations.questions import Question
from conversations.twilio import studio
from conversations.twilio.client import Account
from conversations.twilio.reading import CannotRead

logger = logging.getLogger(__name__)

AT_ONCE = 8
LEASE = timedelta(seconds=60)
"""Longer than the calls of one attempt can take."""
LOOKS = tuple(timedelta(seconds=seconds) for seconds in (5, 30))
"""After the handoff: a message that was handed to Studio just before it, or a start that was under way, has begun
an execution by then."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 600.0
ATTEMPTS = 3
PATIENCE = timedelta(seconds=35)
"""With a flow that cannot be started, for a customer who writes on: each message begins the attempts anew."""
EARLIER = timedelta(seconds=5)
"""Clocks differ by less."""
MOMENT = timedelta(seconds=1)
BUBBLES = 10
LONGEST_LINE = 300
NO_USE = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
"""Refusals that are not about this customer: the account, or the flow."""


@dataclass(frozen=True, slots=True)
class Where:
    """The flow, and the addresses of the customer in it; ``before``: what began later is meant to go on."""

    account: Account
    flow: str
    addresses: set[str]
    before: datetime | None = None


# Ending ------------------------------------------------------------------------------------------------


def with_sender(_now: datetime) -> QuerySet[StudioCall]:
    return StudioCall.objects.select_related("conversation__sender", "conversation__contact")


@work.handles(StudioCall, name="execution", candidates=with_sender, at_once=AT_ONCE, lease=LEASE)
async def run(row: StudioCall, now: datetime) -> None:
    """End what runs. Ending is harmless to repeat, so whatever fails is tried again until it has worked."""
    where = await work.in_thread(_where, row)
    try:
        if where.flow:
            await _end_all(where)
            failpoints.reached("execution.ended")
    except CannotRead as problem:
        if problem.status != HTTPStatus.NOT_FOUND:  # no such flow: nothing runs
            await work.in_thread(_later, row, problem, now)
            return
    await work.in_thread(_looked, row, now)


def _where(row: StudioCall) -> Where:
    conversation = row.conversation
    before = None
    if conversation.mode == Mode.BOT and not conversation.contact.opted_out_at:
        ended = Handoff.objects.filter(conversation=conversation, open_for=None).order_by("-number").first()
        before = max(row.asked_at, ended.released_at if ended and ended.released_at else row.asked_at)
    addresses = set(
        contacts.addresses_of(conversation.contact, conversation.sender_id).values_list("value", flat=True)
    )
    sender = conversation.sender
    return Where(settling.account(sender), sender.flow, addresses | {conversation.reply_address}, before)


async def _end_all(where: Where) -> int:
    found = await studio.running(where.account, where.flow, where.addresses)
    old = [one for one in found if where.before is None or one.created_at < where.before]
    for one in old:
        await studio.end(where.account, where.flow, one.sid)
    return len(old)


def _later(row: StudioCall, problem: CannotRead, now: datetime) -> None:
    pause = leases.back_off(
        row.attempts, retry_after=problem.retry_after, first=FIRST_PAUSE, longest=LONGEST_PAUSE
    )
    logger.warning("an execution could not be ended: %s", problem.cause)
    leases.reschedule(row, now + pause)


def _looked(row: StudioCall, now: datetime) -> None:
    """Once more a little later; while another handoff has asked meanwhile, that begins from the first."""
    if row.looks < len(LOOKS):
        at = max(row.asked_at + LOOKS[row.looks], now + LOOKS[0])
        leases.reschedule(row, at, looks=row.looks + 1, attempts=0)
    else:
        leases.finish(row)


# Starting ----------------------------------------------------------------------------------------------


def of_studio(_now: datetime) -> QuerySet[BotTurn]:
    return BotTurn.objects.filter(conversation__sender__bot_engine=BotEngineName.STUDIO)


@work.handles(BotTurn, name="studio", candidates=of_studio, at_once=AT_ONCE, lease=LEASE)
async def speak(row: BotTurn, now: datetime) -> None:
    """Start the flow because it has to be told how a service ended, or of a message that it could not be handed."""
    asked, where = await work.in_thread(_question, row)
    try:
        if row.attempts == 1 or not await _has_begun(row, where):
            await _start(row, asked, where)
            failpoints.reached("flow.started")
    except CannotRead as problem:
        await work.in_thread(_not_started, row, asked, problem, now)
        return
    await work.in_thread(_started, row, asked)


def _question(row: BotTurn) -> tuple[Question, Where]:
    asked = questions.of(row)
    conversation = asked.conversation
    addresses = {conversation.reply_address}
    sender = conversation.sender
    return asked, Where(settling.account(sender), sender.flow, addresses)


async def _has_begun(row: BotTurn, where: Where) -> bool:
    """Of an attempt before this one nobody knows whether Twilio took it."""
    since = row.created_at - EARLIER
    return bool(await studio.begun(where.account, where.flow, where.addresses, since=since))


async def _start(row: BotTurn, asked: Question, where: Where) -> None:
    if not where.flow:
        raise CannotRead("no_flow", status=HTTPStatus.NOT_FOUND)
    conversation = asked.conversation
    said = await work.in_thread(parameters, row, asked)
    for last in (False, True):
        try:
            await studio.start(
                where.account,
                where.flow,
                to=conversation.reply_address,
                from_=conversation.sender.address,
                parameters=said,
            )
        except CannotRead as problem:
            refused = HTTPStatus.BAD_REQUEST <= problem.status < HTTPStatus.INTERNAL_SERVER_ERROR
            busy = problem.status == HTTPStatus.TOO_MANY_REQUESTS
            if last or busy or not refused or problem.status in NO_USE or not await _end_all(where):
                raise
        else:
            return


def parameters(row: BotTurn, asked: Question) -> dict[str, Any]:
    """``flow.data`` of the new execution: what nobody has answered yet, and how the service ended."""
    turn, conversation = asked.turn, asked.conversation
    ended = turn.release if questions.to_tell(conversation) else None
    said: dict[str, Any] = {
        "kind": turn.kind,
        "message": "\n".join(_unanswered(row, asked)),
        "contact_name": turn.contact_name,
        "language": turn.language,
        "conversation": turn.conversation,
        "epoch": turn.epoch,
        "session": conversation.bot_session,
        "released": "true" if ended else "false",
    }
    if ended is None:
        return said
    short = tuple(replace(line, text=line.text[:LONGEST_LINE]) for line in ended.messages_since)
    return said | wire.release(replace(ended, messages_since=short))


def _unanswered(row: BotTurn, asked: Question) -> list[str]:
    """The bubbles that wait for this turn, oldest first: all since the service ended, or since it is the bot's turn."""
    if asked.turn.message is None:
        return []
    bubbles = Message.objects.filter(
        conversation=asked.conversation, author=Author.CUSTOMER, seq__lte=row.cause_seq
    )
    if asked.told is not None and asked.told.released_seq:
        bubbles = bubbles.filter(seq__gt=asked.told.released_seq)
    else:
        bubbles = bubbles.filter(created_at__gte=row.created_at - MOMENT)
    lines = [message.body for message in bubbles.newest_first()[:BUBBLES] if message.body.strip()]
    return lines[::-1]


def _started(row: BotTurn, asked: Question) -> None:
    """A person may have come meanwhile; then it must not go on, however late we hear of it."""
    reply = Reply(state=dict(asked.turn.state))
    if not turns.accept(row, asked.conversation, reply, told=asked.told, now=clock.now()):
        _end_after_all(asked.conversation, clock.now())


@atomically
def _end_after_all(conversation: Conversation, now: datetime) -> None:
    held = Conversation.objects.exclude(mode=Mode.BOT).take(conversation.pk, 0)
    if held is not None:
        StudioCall.objects.owe(held, now=now)


def _not_started(row: BotTurn, asked: Question, problem: CannotRead, now: datetime) -> None:
    hopeless = problem.status in NO_USE or (
        HTTPStatus.BAD_REQUEST <= problem.status < HTTPStatus.INTERNAL_SERVER_ERROR
        and problem.status != HTTPStatus.TOO_MANY_REQUESTS
    )
    patient = now - BotTurn.objects.fails(row, since=now) < PATIENCE
    if not hopeless and patient and row.attempts < ATTEMPTS:
        leases.reschedule(row, clock.now() + leases.back_off(row.attempts, retry_after=problem.retry_after))
        return
    logger.warning("a flow was not started after %s attempts: %s", row.attempts, problem.cause)
    reply = Reply(state=dict(asked.turn.state), handoff=HandoffRequest(reason=Reasons.BOT_FAILURE))
    turns.accept(row, asked.conversation, reply, told=None, now=clock.now())
