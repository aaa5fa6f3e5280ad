"""What the journeys and the states of the console begin with, and what the database says of them."""

from __future__ import annotations

from conversations.models import Author, Conversation, Handoff, Mode, Note
from tests import builders

RUI, LIA, IVO, EVA = (f"whatsapp:+551198765000{number}" for number in range(1, 5))


def state(conversation: Conversation) -> tuple[Mode, str | None]:
    """Who has it."""
    now = builders.fresh(conversation)
    return Mode(now.mode), now.operator.username if now.operator else None


def said(conversation: Conversation) -> list[str]:
    return [message.body for message in builders.bubbles(conversation) if message.author == Author.OPERATOR]


def noted(conversation: Conversation) -> list[tuple[str, str, str]]:
    notes = Note.objects.filter(conversation=conversation).order_by("seq")
    return list(notes.values_list("author__username", "kind", "body"))


def ended(conversation: Conversation) -> tuple[str | None, str, str]:
    """Who ended it, how, and what the bot is told."""
    episode = Handoff.objects.get(conversation=conversation)
    assert episode.released_at is not None
    assert episode.open_for is None
    name = episode.operator.username if episode.operator else None
    return name, episode.outcome, episode.context_out["summary"]
