"""What a bot is asked: all that an engine may know of a conversation when it is its turn."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.conf import settings

from conversations import context, knowledge
from conversations.bots.base import Answer, Article, Line, Turn
from conversations.models import (
    Author,
    BotAnswer,
    BotEngineName,
    BotTurn,
    Conversation,
    Handoff,
    Message,
    Resume,
    TurnKind,
)

UNTOLD = 10
ASKED = 3
"""Lines of the customer's that are looked up together: a question often comes in pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """``told``: the service whose end the turn tells of, which counts as told once the answer is accepted."""

    conversation: Conversation
    turn: Turn
    told: Handoff | None


def of(row: BotTurn) -> Question:
    conversation = Conversation.objects.with_parties().get(pk=row.conversation_id)
    told = untold(conversation)
    return Question(conversation=conversation, turn=_turn(row, conversation, told), told=told)


def _id(row: BotTurn) -> str:
    """The same for every attempt at one question, another as soon as the question is another."""
    return str(uuid.uuid5(row.public_id, f"{row.kind} {row.cause_seq} {row.epoch}"))


def _turn(row: BotTurn, conversation: Conversation, handoff: Handoff | None) -> Turn:
    cause = (
        Message.objects.filter(conversation=conversation, seq=row.cause_seq, author=Author.CUSTOMER).first()
        if row.kind == TurnKind.MESSAGE
        else None
    )
    history = context.history(conversation, upto_seq=conversation.seq)
    state = dict(conversation.bot_state)
    same_session = state.pop("session", None) == conversation.bot_session
    return Turn(
        turn_id=_id(row),
        kind="released" if row.kind == TurnKind.RELEASED else "message",
        conversation=str(conversation.public_id),
        epoch=row.epoch,
        session=conversation.bot_session,
        language=conversation.contact.language,  # type: ignore[arg-type]  # checked by the admin's choices
        contact_name=conversation.contact.name,
        message=context.line(cause) if cause else None,
        history=history,
        release=context.end_of_service(handoff) if handoff else None,
        state=state if same_session else {},
        attributes=conversation.contact.attributes,
        answers=_answers(conversation),
        articles=_articles(conversation, history),
        brand=conversation.sender.name or settings.APP_NAME,
    )


def flow_takes(conversation: Conversation) -> bool:
    """Whether Twilio may hand a message to the Studio flow as it is. Not when the flow has to be told how a service
    ended, or while others wait for that: it is then started with them."""
    if not conversation.sender.flow or BotTurn.objects.filter(open_for=conversation).exists():
        return False
    return to_tell(conversation) is None


def to_tell(conversation: Conversation) -> Handoff | None:
    """The service whose end a Studio flow is told of: one that somebody gave, and that did not end without the bot.
    After any other the flow begins afresh."""
    ended = untold(conversation)
    served = ended is not None and ended.first_handoff_at and ended.resume != Resume.CLOSE
    return ended if served else None


def untold(conversation: Conversation) -> Handoff | None:
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


def _articles(conversation: Conversation, history: tuple[Line, ...]) -> tuple[Article, ...]:
    """What the company knows about the newest question; about the ones before it where that names nothing."""
    if conversation.sender.bot_engine != BotEngineName.LLM:
        return ()
    said = [line.text for line in history if line.author == "customer"][-ASKED:]
    for question in (said[-1:], said):
        if found := knowledge.found(
            "\n".join(question), sender=conversation.sender, language=conversation.contact.language
        ):
            return found
    return ()
