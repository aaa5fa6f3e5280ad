"""One transaction, tried again when the database chose it as the victim of a deadlock.

Only the outermost call tries again: inside another transaction the whole of that one is lost (on MariaDB a
deadlock rolls back everything, savepoints included), so the error has to reach whoever began it.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 6
_PASSING = {
    "40001",  # PostgreSQL: serialization failure
    "40P01",  # PostgreSQL: deadlock detected
    "1213",  # MariaDB: deadlock found
    "1205",  # MariaDB: lock wait timeout
    "1020",  # MariaDB: record has changed since last read
}


def atomically(call: Callable[P, T]) -> Callable[P, T]:
    @functools.wraps(call)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(TRIES):
            outermost = not connection.in_atomic_block
            try:
                with transaction.atomic():
                    return call(*args, **kwargs)
            except OperationalError as error:
                if not outermost or attempt == TRIES - 1 or not passing(error):
                    raise
                time.sleep(random.uniform(0.005, 0.03) * (attempt + 1))  # noqa: S311 (jitter, not a secret)
        raise AssertionError("unreachable")

    return run


def passing(error: OperationalError) -> bool:
    """Whether the same transaction may succeed if it is simply run again."""
    cause = error.__cause__
    code = getattr(cause, "sqlstate", None) or (cause.args[0] if cause and cause.args else None)
    return str(code) in _PASSING
