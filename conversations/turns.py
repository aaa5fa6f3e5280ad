"""The bot's turn: ask the engine outside any transaction, then accept its answer in one."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import F

from conversations import clock, contacts, context, errors, failpoints, handoffs, replies, work
from conversations.atomically import atomically
from conversations.bots import base
from conversations.bots.base import Answer, HandoffRequest, Reply, Turn
from conversations.contract import Cause
from conversations.models import (
    Author,
    BotAnswer,
    BotTurn,
    Conversation,
    Handoff,
    Message,
    Mode,
    Reasons,
    TurnKind,
)

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
"""An engine that has not answered by then is asked again by whoever takes the turn next."""
LOOP_LINES, LOOP_SPAN = 20, timedelta(minutes=10)
UNTOLD = 10
CAUSE = Cause(kind="bot", door="worker")


@work.handles(BotTurn, name="turn", lease=LEASE)
def run(turn: BotTurn, now: datetime) -> None:
    """Answer one due turn. The row carries the ``lease_number`` under which it was claimed."""
    conversation = Conversation.objects.with_parties().get(pk=turn.conversation_id)
    handoff = _untold(conversation)
    failpoints.reached("bot.asking")
    try:
        reply = _sound(_ask(turn, conversation, handoff))
    except (OperationalError, InterfaceError):
        raise  # the database is away, which is no failing of the bot's: the turn comes back
    except Exception as error:  # noqa: BLE001 - a bot may fail in any way; a person then looks at it
        logger.error("bot engine failed: %s", type(error).__name__)
        reply = Reply(handoff=HandoffRequest(reason=Reasons.BOT_FAILURE))
    failpoints.reached("bot.answered")
    accept(turn, conversation, reply, told=handoff, now=clock.now())
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


def _ask(turn: BotTurn, conversation: Conversation, handoff: Handoff | None) -> Reply:
    engine = base.load_engine(conversation.sender.bot_engine)
    cause = (
        Message.objects.filter(conversation=conversation, seq=turn.cause_seq, author=Author.CUSTOMER).first()
        if turn.kind == TurnKind.MESSAGE
        else None
    )
    state = dict(conversation.bot_state)
    same_session = state.pop("session", None) == conversation.bot_session
    return engine.reply(
        Turn(
            turn_id=str(turn.public_id),
            kind="released" if turn.kind == TurnKind.RELEASED else "message",
            conversation=str(conversation.public_id),
            epoch=turn.epoch,
            session=conversation.bot_session,
            language=conversation.contact.language,  # type: ignore[arg-type]  # checked by the admin's choices
            contact_name=conversation.contact.name,
            message=context.line(cause) if cause else None,
            history=context.history(conversation, upto_seq=conversation.seq),
            release=context.end_of_service(handoff) if handoff else None,
            state=state if same_session else {},
            attributes=conversation.contact.attributes,
            answers=_answers(conversation),
            brand=conversation.sender.name or settings.APP_NAME,
        )
    )


def _sound(reply: Reply) -> Reply:
    """The engine's answer, if it can be said and stored; an error otherwise."""
    for text in reply.messages:
        replies.clean(text)
    slots = reply.handoff.slots if reply.handoff else {}
    json.dumps([dict(reply.state), dict(reply.attributes), dict(slots)], allow_nan=False)
    return reply


def _untold(conversation: Conversation) -> Handoff | None:
    """The newest service that ended and the bot was not told of; one where somebody came before one where
    nobody did."""
    ended = Handoff.objects.filter(conversation=conversation, open_for=None, told_at=None)
    untold = list(ended.select_related("operator").order_by("-number")[:UNTOLD])
    served = [handoff for handoff in untold if handoff.first_handoff_at]
    return next(iter(served or untold), None)


def _answers(conversation: Conversation) -> tuple[Answer, ...]:
    """The sender's answers in the contact's language; those of another language rather than none."""
    rows = list(
        BotAnswer.objects.filter(sender=conversation.sender, active=True)
        .select_related("queue")
        .order_by("order", "pk")
    )
    own = [row for row in rows if row.language == conversation.contact.language]
    return tuple(
        Answer(
            label=row.label,
            keywords=tuple(word.strip() for word in row.keywords.split(",") if word.strip()),
            text=row.text,
            menu=row.in_menu,
            hands_over=row.hands_over,
            queue=row.queue.name if row.queue else None,
        )
        for row in own or rows
    )
