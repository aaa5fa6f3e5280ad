"""Moments from PostgreSQL in one call of C.

psycopg's fast loader cannot be subclassed, so Django reads each ``timestamptz`` with a pattern and eleven numbers in
Python: a queue of fifty has four hundred of them, a seventh of what it cost.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


def read_moments_fast(*, connection: BaseDatabaseWrapper, **_signal: Any) -> None:
    """For a connection that has just been opened. One in another zone registers Django's own again by itself."""
    if connection.vendor == "postgresql":
        connection.connection.adapters.register_loader("timestamptz", loader())


def listen() -> None:
    connection_created.connect(read_moments_fast, dispatch_uid="handoffflow.postgresql")


@cache
def loader() -> type[Any]:
    """Where psycopg is not installed there is nothing to make one of."""
    from django.db.backends.postgresql.psycopg_any import BaseTzLoader

    class Moments(BaseTzLoader):  # type: ignore[misc]
        timezone = UTC  # what Django looks at, cursor by cursor

        def load(self, data: Any) -> datetime | None:
            try:
                moment = datetime.fromisoformat(str(data, "ascii"))
            except ValueError:  # before Christ, after 9999, infinite, another DateStyle
                return super().load(data)  # type: ignore[no-any-return]
            return moment if moment.tzinfo is UTC else moment.astimezone(UTC)

    return Moments
