"""What hangs on a row of the list besides its words: tags, and that one is mentioned."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from operators import tags
from operators.models import Tag
from operators.views.drawn import Drawn

MOST_TAGS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip(Drawn):
    id: str
    name: str
    hue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks(Drawn):
    tags: tuple[Chip, ...] = ()
    more: tuple[str, ...] = ()
    """The names of those there is no room for."""
    named: bool = False


def put_on(conversations: Collection[Any], named: Collection[int]) -> None:
    """Fetch the tags of those that have any, in one statement or in none; ``named`` are where one is mentioned."""
    tagged = [conversation.pk for conversation in conversations if conversation.tagged]
    found = tags.of(tagged) if tagged else {}
    for conversation in conversations:
        shown = chips(found.get(conversation.pk, {}).values())
        conversation.marks = Marks(
            tags=tuple(shown[:MOST_TAGS]),
            more=tuple(chip.name for chip in shown[MOST_TAGS:]),
            named=conversation.pk in named,
        )


def of(conversation: Any) -> Marks:
    return getattr(conversation, "marks", Marks())


def chips(found: Iterable[Tag]) -> list[Chip]:
    return [Chip(id=str(tag.public_id), name=tag.name, hue=f"hue-{tag.hue}") for tag in found]
