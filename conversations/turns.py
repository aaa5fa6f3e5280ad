"""The bot's turn: ask the engine outside any transaction, then accept its answer in one."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError
from django.db.models import F, QuerySet

from conversations import clock, contacts, errors, failpoints, handoffs, questions, replies, work
from conversations.atomically import atomically
from conversations.bots import base
from conversations.bots.base import HandoffRequest, Reply
from conversations.contract import Cause
from conversations.models import Author, BotEngineName, BotTurn, Conversation, Handoff, Message, Mode, Reasons
from conversations.models.organization import ELSEWHERE

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
"""An engine that has not answered by then is asked again by whoever takes the turn next."""
LOOP_LINES, LOOP_SPAN = 20, timedelta(minutes=10)
CAUSE = Cause(kind="bot", door="worker")


def here(_now: datetime) -> QuerySet[BotTurn]:
    """Those of engines that need no network, and of whatever is no engine any more."""
    others = ELSEWHERE | {BotEngineName.STUDIO}
    return BotTurn.objects.exclude(conversation__sender__bot_engine__in=others)


@work.handles(BotTurn, name="turn", candidates=here, lease=LEASE)
def run(turn: BotTurn, now: datetime) -> None:
    """Answer one due turn of a built-in engine. The row carries the ``lease_number`` under which it was claimed."""
    asked = questions.of(turn)
    conversation = asked.conversation
    failpoints.reached("bot.asking")
    try:
        reply = sound(base.load_engine(conversation.sender.bot_engine).reply(asked.turn))
    except (OperationalError, InterfaceError):
        raise  # the database is away, which is no failing of the bot's: the turn comes back
    except Exception as error:  # noqa: BLE001 - a bot may fail in any way; a person then looks at it
        logger.error("bot engine failed: %s", type(error).__name__)
        reply = Reply(handoff=HandoffRequest(reason=Reasons.BOT_FAILURE))
    failpoints.reached("bot.answered")
    accept(turn, conversation, reply, told=asked.told, now=clock.now())
    failpoints.reached("bot.accepted")


class _Overtaken(Exception):
    """A newer message moved the turn on: nothing of this answer holds, not even what it would remember."""


def accept(
    turn: BotTurn, conversation: Conversation, reply: Reply, *, told: Handoff | None, now: datetime
) -> bool:
    """Take the engine's answer if the turn is still open as it was claimed; what it says and asks, all or none.

    False when a newer message moved the turn on (it will run again) or a person was asked for meanwhile: what
    the bot would have said is then kept for the operator.
    """
    try:
        return _accept(turn, conversation, reply, told=told, now=now)
    except _Overtaken:
        return False


@atomically
def _accept(
    turn: BotTurn, conversation: Conversation, reply: Reply, *, told: Handoff | None, now: datetime
) -> bool:
    held = Conversation.objects.filter(mode=Mode.BOT, epoch=turn.epoch).take(
        conversation.pk, 0, bot_state={**reply.state, "session": conversation.bot_session}
    )
    closed = BotTurn.objects.filter(pk=turn.pk, lease_number=turn.lease_number).exclude(open_for=None)
    if held is None:
        closed.update(open_for=None, due_at=None, leased_until=None)
        replies.suggest(conversation, "\n\n".join(reply.messages))
        return False
    if not closed.update(open_for=None, due_at=None, leased_until=None, lease_number=F("lease_number") + 1):
        raise _Overtaken
    contacts.remember(held.contact, dict(reply.attributes))
    if told is not None:
        ended = Handoff.objects.filter(conversation=held, open_for=None, told_at=None)
        ended.update(told_at=now)
    _speak(held, _unless_looping(held, reply, now), now)
    failpoints.reached("bot.accepting")
    return True


def _speak(held: Conversation, reply: Reply, now: datetime) -> None:
    if reply.handoff is not None:
        handoffs.request(
            held, cause=CAUSE, request=reply.handoff, now=now, epoch=held.epoch, last_words=reply.messages
        )
        return
    for text in reply.messages:
        try:
            replies.say(held, cause=CAUSE, author=Author.BOT, body=text, now=now, epoch=held.epoch)
        except (errors.WindowClosed, errors.OptedOut):
            logger.info("bot stays silent: free text may not be sent now")
            return


def _unless_looping(held: Conversation, reply: Reply, now: datetime) -> Reply:
    """Two machines talking to each other: after twenty lines in ten minutes a person looks at it instead."""
    recent = Message.objects.filter(
        conversation=held, author=Author.BOT, occurred_at__gt=now - LOOP_SPAN
    ).count()
    if reply.handoff is not None or recent + len(reply.messages) <= LOOP_LINES:
        return reply
    return Reply(handoff=HandoffRequest(reason=Reasons.LOOP))


def sound(reply: Reply) -> Reply:
    """The engine's answer, if it can be said and stored; an error otherwise."""
    for text in reply.messages:
        replies.clean(text)
    slots = reply.handoff.slots if reply.handoff else {}
    json.dumps([dict(reply.state), dict(reply.attributes), dict(slots)], allow_nan=False)
    return reply
