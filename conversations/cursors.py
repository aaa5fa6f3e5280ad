"""Where a reader of the events stands, as one opaque string.

An id is given out when its row is written and becomes visible when its transaction commits, so a lower id may
appear after a higher one: whoever remembers only the highest misses it. A cursor also remembers the ids that were
missing below it, until they appear or their writer cannot be alive any more. Those of a transaction that was rolled
back never appear.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

PATIENCE = 10
"""Seconds until a missing id is given up."""
MOST_HOLES = 128
_LONGEST = 4_000
_HIGHEST = 2**63


@dataclass(frozen=True, slots=True)
class Hole:
    first: int
    last: int
    until: int


@dataclass(frozen=True, slots=True)
class Cursor:
    last: int
    holes: tuple[Hole, ...] = ()

    def __str__(self) -> str:
        """Holes are told by how far below they are: many fit into a header."""
        latest = max((hole.until for hole in self.holes), default=0)
        parts = [f"{self.last:x}", f"{latest:x}"]
        parts += [
            f"{self.last - hole.first:x}-{hole.last - hole.first:x}-{latest - hole.until:x}"
            for hole in self.holes
        ]
        return urlsafe_b64encode(".".join(parts).encode()).decode().rstrip("=")

    def reads_again(self, pk: int) -> bool:
        """Whether a row that was read may come once more: the holes below and above it may be joined yet."""
        return bool(self.holes) and pk > self.holes[0].first

    def advanced(self, seen: Iterable[int], now: float) -> Cursor:
        """The cursor after reading the rows ``seen``: all that are visible above it and in its holes."""
        ids = sorted(seen)
        late = [pk for pk in ids if pk <= self.last]
        fresh = [pk for pk in ids if pk > self.last]
        waiting = [hole for hole in self.holes if hole.until > now]
        holes = [rest for hole in waiting for rest in _without(hole, late)]
        if fresh:
            news = Hole(self.last + 1, fresh[-1], int(now) + PATIENCE + 1)
            holes += _without(news, fresh)
        return Cursor(fresh[-1] if fresh else self.last, _few(holes))


def parse(text: str) -> Cursor | None:
    """The cursor that was written as ``text``; None if none was."""
    if not text.isascii() or len(text) > _LONGEST:
        return None
    try:
        decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        first, second, *holes = decoded.split(".")
        last, latest = _number(first), _number(second)
        cursor = Cursor(last, tuple(_hole(hole, last, latest) for hole in holes))
    except (ValueError, TypeError):
        return None
    tame = all(0 < hole.first <= hole.last <= cursor.last for hole in cursor.holes)
    return cursor if tame and len(cursor.holes) <= MOST_HOLES else None


def _hole(text: str, last: int, latest: int) -> Hole:
    below, more, earlier = map(_number, text.split("-"))
    return Hole(last - below, last - below + more, latest - earlier)


def _number(text: str) -> int:
    number = int(text, 16)
    if not 0 <= number < _HIGHEST:
        raise ValueError("no id")
    return number


def _without(hole: Hole, ids: list[int]) -> list[Hole]:
    """What remains missing of a hole once ``ids``, in order, have been seen."""
    rest: list[Hole] = []
    first = hole.first
    for pk in ids:
        if not hole.first <= pk <= hole.last:
            continue
        if pk > first:
            rest.append(replace(hole, first=first, last=pk - 1))
        first = pk + 1
    if first <= hole.last:
        rest.append(replace(hole, first=first))
    return rest


def _few(holes: list[Hole]) -> tuple[Hole, ...]:
    """Join the nearest until there are few: rows between them are read twice, but none is missed.

    Those of the same second first: a hole joined to a younger one would be waited for ever longer.
    """
    holes = sorted(holes, key=lambda hole: hole.first)
    while len(holes) > MOST_HOLES:
        gaps = [(before.until != after.until, after.first - before.last) for before, after in pairwise(holes)]
        at = gaps.index(min(gaps))
        before, after = holes[at], holes[at + 1]
        holes[at : at + 2] = [Hole(before.first, after.last, max(before.until, after.until))]
    return tuple(holes)
