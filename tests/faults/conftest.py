from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from tests.faults.world import World

KINDS = {"postgresql": "", "mysql": "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"}


@pytest.fixture(scope="session")
def database(django_db_blocker: Any) -> Iterator[str]:
    """The address of an empty database of the kind that DATABASE_URL names; "" is a SQLite file."""
    if connection.vendor == "sqlite":
        yield ""
        return
    name = f"hf_faults_{os.getpid()}"
    _administer(django_db_blocker, f"CREATE DATABASE {name} {KINDS[connection.vendor]}")
    yield urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
    _administer(django_db_blocker, f"DROP DATABASE {name}")


def _administer(blocker: Any, statement: str) -> None:
    with blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture(scope="session")
def world(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(Path(tmp_path_factory.mktemp("faults")), database)
    yield world
    world.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What ``make faults`` prints: what the threads show as sent beside what the stand-in's ledger holds."""
    rows = [
        value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
        if name == "crashes"
    ]
    line = "{:<20} {:>6} {:>13} {:>11} {:>14} {:>8} {:>8}".format
    if rows:
        terminalreporter.write_line("")
        heads = ("killed at", "kills", "acknowledged", "shown sent", "Twilio took", "median", "worst")
        terminalreporter.write_line(line(*heads))
    for point, counts, seconds in sorted(rows, key=lambda row: str(row[0])):
        numbers = [counts[name] for name in ("kills", "acknowledged", "shown", "taken")]
        times = [f"{statistics.median(seconds):.1f} s", f"{seconds[-1]:.1f} s"]
        terminalreporter.write_line(line(point, *numbers, *times))
