from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tests.races.together import Race

VENDORS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB"}


def pytest_itemcollected(item: pytest.Item) -> None:
    """One after the other: two of fifty connections each that look for room at the same moment both find it."""
    item.add_marker(pytest.mark.xdist_group("races"))


@pytest.fixture
def race(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Race:
    """The ledger of this race. What the report takes along are its own list and counter, filled by then."""
    race = Race()
    name = request.node.name.removeprefix("test_").replace("_", " ")
    row = {"name": name, "database": VENDORS[connection.vendor], "seconds": race.seconds}
    record_property("race", [row, race.came_out])
    return race


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What ``make races`` prints, as the table of docs/reliability.md has it."""
    rows = [
        value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
        if name == "race"
    ]
    if rows:
        terminalreporter.write_line("")
        terminalreporter.write_line("| race | database | rounds | what came out | median | p95 |")
        terminalreporter.write_line("|---|---|---:|---|---:|---:|")
    for row, came_out in sorted(rows, key=lambda one: str(one[0]["name"])):
        terminalreporter.write_line(_line(row, came_out))


def _line(row: dict[str, Any], came_out: dict[str, int]) -> str:
    seconds = sorted(row["seconds"])
    counted = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in came_out.items())
    times = [f"{1000 * one:.0f} ms" for one in (statistics.median(seconds), _p95(seconds))]
    return f"| {row['name']} | {row['database']} | {len(seconds)} | {counted} | {' | '.join(times)} |"


def _p95(ordered: list[float]) -> float:
    return ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
