"""What an engine is: a pure function from a ``Turn`` to a ``Reply``. No database, no network."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, cast

Author = Literal["customer", "bot", "operator", "system"]
Language = Literal["pt-br", "en", "es"]
Resume = Literal["bot_now", "wait", "close"]

# Reasons of the product itself; an engine may give others of its own.
CUSTOMER_ASKED, NOT_UNDERSTOOD, BOT_ASKED = "customer_asked", "not_understood", "bot_asked"

_ENGINES = {"rules": "conversations.bots.rules:RulesEngine"}


@dataclass(frozen=True, slots=True)
class Line:
    author: Author
    text: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """A menu entry or keyword answer. With ``hands_over`` its text is said before a person is called."""

    label: str
    keywords: tuple[str, ...] = ()
    text: str = ""
    menu: bool = True
    hands_over: bool = False
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class Article:
    """A piece of what the company knows, found for this turn."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class ReleaseContext:
    """The explicit end of human service: without it bots stay silent or repeat what a person said."""

    outcome: str
    summary: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    promises: tuple[str, ...] = ()
    do_not_repeat: tuple[str, ...] = ()
    resume: Resume = "wait"
    human_started_at: datetime | None = None
    human_ended_at: datetime | None = None
    operator: str = ""
    messages_since: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """All that an engine may know when it is its turn. ``state`` is the engine's own, per session."""

    turn_id: str
    kind: Literal["message", "released", "operator_message"]
    conversation: str
    epoch: int
    session: int
    language: Language
    contact_name: str
    message: Line | None
    history: tuple[Line, ...] = ()
    release: ReleaseContext | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    articles: tuple[Article, ...] = ()
    brand: str = ""


@dataclass(frozen=True, slots=True)
class HandoffRequest:
    """Why a person is needed, and what the bot knows and would have said. The operator reads it first."""

    reason: str
    summary: str = ""
    intent: str = ""
    slots: Mapping[str, Any] = field(default_factory=dict)
    confidence: float | None = None
    priority: int = 0
    queue: str | None = None
    suggested_reply: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the bot says, in order, then the state to keep; no messages means that it stays silent."""

    messages: tuple[str, ...] = ()
    state: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    handoff: HandoffRequest | None = None


class BotEngine(Protocol):
    def reply(self, turn: Turn) -> Reply: ...


class Unanswered(Exception):
    """An engine somewhere else gave no answer that can be taken; ``again``: another attempt may end otherwise."""

    def __init__(self, why: str, *, again: bool = False, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.again = again
        self.retry_after = retry_after


def load_engine(name: str) -> BotEngine:
    """The engine of that name; ``ValueError`` for one that does not exist."""
    try:
        module, _, attribute = _ENGINES[name].partition(":")
    except KeyError:
        raise ValueError(f"There is no bot engine called {name!r}.") from None
    # Imported on demand: an engine builds on this module, so this module cannot name it at the top.
    return cast(BotEngine, getattr(importlib.import_module(module), attribute)())
