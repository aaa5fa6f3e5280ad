"""What may be found wrong after a crash, by name, so that it can be counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Wrong(AssertionError):
    kind = "wrong"


class Lost(Wrong):
    kind = "lost"


class Doubled(Wrong):
    kind = "doubled"


class Stuck(Wrong):
    kind = "stuck"


KINDS = (Lost.kind, Doubled.kind, Stuck.kind, Wrong.kind)


def same(expected: Iterable[object], found: Iterable[object], what: str) -> None:
    """Each of ``expected`` once: Lost when one is missing, Doubled when there is one more."""
    wanted, there = Counter(expected), Counter(found)
    if missing := wanted - there:
        raise Lost(f"{what}: {dict(missing)} missing")
    if more := there - wanted:
        raise Doubled(f"{what}: {dict(more)} too many")


def kind(error: AssertionError) -> str:
    return error.kind if isinstance(error, Wrong) else Wrong.kind
