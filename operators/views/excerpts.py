"""The words of a search marked where they stand, in as much of a text as one line shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from conversations import words
from operators.views import markup

BEFORE, SHOWN = 36, 150
_WORD = re.compile("(?:[^\\W_][\u0300-\u036f\u200b-\u200f]*)+")


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    marked: bool = False


def pieces(body: str, wanted: Sequence[str]) -> list[Piece]:
    """The text around the first of these words, in pieces; what is left out is shown by an ellipsis."""
    text = " ".join(markup.plain(body).split())
    found = [word.span() for word in _WORD.finditer(text) if _begins_with_one(word[0], wanted)]
    start = _start(text, found[0][0]) if found else 0
    shown, end = [Piece("…")] if start else [], min(len(text), start + SHOWN)
    at = start
    for first, last in found:
        if last > end:
            break
        shown += [Piece(text[at:first]), Piece(text[first:last], marked=True)]
        at = last
    return [
        piece for piece in [*shown, Piece(text[at:end]), Piece("…" if end < len(text) else "")] if piece.text
    ]


def _begins_with_one(word: str, wanted: Sequence[str]) -> bool:
    return words.normalise(word).startswith(tuple(wanted)) if wanted else False


def _start(text: str, first: int) -> int:
    """At a word, a little before the first hit."""
    if first <= BEFORE:
        return 0
    space = text.find(" ", first - BEFORE)
    return space + 1 if 0 <= space < first else first
