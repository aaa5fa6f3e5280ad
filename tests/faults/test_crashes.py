"""The desk is killed at each of its failpoints and started again: nothing lost, nothing twice, nothing stuck.

The stand-in's ledger is the witness of what customers were really sent. ``make test`` kills once for each point, on
a server database at six of them; ``make faults`` kills five times and prints what happened, FAULTS=20 twenty times.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connection

from conversations import failpoints
from tests.faults import verdict
from tests.faults.case import Case
from tests.faults.drives import CHOSEN, DRIVES, POINTS, crash
from tests.faults.world import World

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.long]

_WANTED = os.environ.get("FAULTS", "")
ROUNDS = 5 if _WANTED == "full" else int(_WANTED or 1)
WHOLE = {"sqlite"} | ({"postgresql"} if _WANTED else set())
"""On these every point is run, on others the chosen ones."""


@pytest.mark.parametrize("point", POINTS if connection.vendor in WHOLE else CHOSEN)
def test_a_crash_loses_nothing_and_repeats_nothing(
    world: World, point: str, record_property: Callable[[str, object], None]
) -> None:
    seconds: list[float] = []
    counts: Counter[str] = Counter()
    problems: list[str] = []
    for number in range(ROUNDS):
        case = Case(world, number + POINTS.index(point))
        try:
            seconds.append(survive(case, point))
            counts.update(acknowledged=case.acknowledged, shown=case.went, taken=case.took)
        except AssertionError as error:
            counts[verdict.kind(error)] += 1
            problems.append(f"{verdict.kind(error)}: {error}")
        finally:
            counts["kills"] += 1
            world.kill()
    record_property("crashes", [point, dict(counts), sorted(seconds)])
    assert problems == []


def survive(case: Case, point: str) -> float:
    """Seconds from the restart until nothing was left to do."""
    expect = crash(case, point)
    began = time.monotonic()
    case.world.start()
    case.recover()
    seconds = time.monotonic() - began
    expect(case.check())
    case.goes_on()
    return seconds


def test_every_failpoint_is_crashed_at() -> None:
    assert set(DRIVES) == set(failpoints.POINTS)
