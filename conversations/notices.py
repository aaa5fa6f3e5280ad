"""What the customer is told at a transition, and how it is said in the same transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from conversations import messages, texts
from conversations.contract import Cause
from conversations.models import Author, Conversation, Kind, Queue

Lines = list[tuple[Author, str]]


def at(
    conversation: Conversation, queue: Queue | None, moment: str, now: datetime, *, said: bool = False
) -> Lines:
    """What the customer is told at this moment: the queue's words, else the product's (unless the bot spoke)."""
    language = conversation.contact.language
    own = queue.text(moment, language) if queue else None
    text = own if own is not None else ("" if said else texts.default(moment, language))
    return system(conversation, text, now)


def system(conversation: Conversation, text: str, now: datetime) -> Lines:
    """What the product itself says, in the name of the company."""
    return spoken(conversation, Author.SYSTEM, (text,), now)


def may_speak(conversation: Conversation, now: datetime) -> bool:
    """Whether free text may be sent to this customer."""
    return not conversation.contact.opted_out_at and conversation.window_open(now)


def spoken(conversation: Conversation, author: Author, said: tuple[str, ...], now: datetime) -> Lines:
    """The texts in parts that WhatsApp takes; none while free text may not be sent to this customer."""
    if not may_speak(conversation, now):
        return []
    return [
        (author, part) for text in said for part in messages.split(messages.storable(text).strip()) if part
    ]


def numbers(lines: Lines) -> int:
    """Seqs a transition takes: its event's, and those of what is said with it."""
    return 1 + messages.NUMBERS * len(lines)


def last_line(lines: Lines, now: datetime) -> dict[str, Any]:
    if not lines:
        return {}
    author, text = lines[-1]
    return messages.preview(body=text, author=author, kind=Kind.TEXT, now=now)


def say(taken: Conversation, lines: Lines, *, seq: int, cause: Cause, now: datetime) -> int:
    """Append the lines from ``seq`` on; the next free number."""
    for author, text in lines:
        messages.send(taken, seq=seq, author=author, body=text, cause=cause, now=now)
        seq += messages.NUMBERS
    return seq
