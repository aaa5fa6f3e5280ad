"""Threads that start at the same moment, each with its own connection to the database."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import connections

from tests.races import room

ROUNDS = 1000 if os.environ.get("RACES") == "full" else 25


class Together:
    """``run`` calls everything at once and returns what each returned, or the exception it raised."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool

    def run(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        barrier = threading.Barrier(len(calls))

        def start(call: Callable[[], Any]) -> Any:
            barrier.wait(timeout=60)
            try:
                return call()
            except Exception as error:  # noqa: BLE001 - the loser's error is the result
                return error

        return list(self.pool.map(start, calls))


@contextmanager
def together(threads: int) -> Iterator[Together]:
    """The threads live for the whole test, as a server's do, and close their connections however it ends."""
    room.wait_for(threads)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        try:
            yield Together(pool)
        finally:
            _close_connections(pool, threads)


def _close_connections(pool: ThreadPoolExecutor, threads: int) -> None:
    everybody = threading.Barrier(threads)

    def close(_thread: int) -> None:
        everybody.wait(timeout=60)
        connections.close_all()

    list(pool.map(close, range(threads)))
