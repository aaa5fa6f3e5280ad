from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from tests.faults import book
from tests.faults.world import World

KINDS = {"postgresql": "", "mysql": "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"}


@pytest.fixture(scope="session")
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
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
    """What the threads show as sent beside what the stand-in's ledger holds, and what was found wrong."""
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    found = [value for report in reports for name, value in report.user_properties if name == "crashes"]
    rows = [book.Row(point, counts, seconds) for point, counts, seconds in found]
    if rows:
        terminalreporter.write_line("")
        terminalreporter.write_line(book.table(rows))
        book.keep(connection.vendor, rows)
