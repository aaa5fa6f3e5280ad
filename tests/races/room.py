"""Room on the database server: a stock PostgreSQL has 97 places, and a race of fifty is not alone there."""

from __future__ import annotations

import time

from django.db import connection

BESIDE = 24
"""Left for the other process of the suite: the desk of a fault run, and what the one before it has not closed yet."""
PATIENCE_SECONDS = 120
POLL_SECONDS = 0.1

_POSTGRESQL = """
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true), '0')::int - count(*)
    FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


def wait_for(connections: int) -> None:
    """Return once so many can be opened. The server closes those of the last race in its own time."""
    if connection.vendor == "sqlite":
        return
    needed, deadline = connections + BESIDE, time.monotonic() + PATIENCE_SECONDS
    while (free := _free()) < needed:
        assert time.monotonic() < deadline, f"the database server has {free} free connections of {needed}"
        time.sleep(POLL_SECONDS)


def _free() -> int:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRESQL)
            return int(cursor.fetchone()[0])
        cursor.execute("SELECT @@max_connections")
        most = int(cursor.fetchone()[0])
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
        return most - int(cursor.fetchone()[1])
