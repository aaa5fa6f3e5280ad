"""Threads that start at the same moment, each with its own connection to the database."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from tests.races import room


def _wanted(name: str, otherwise: int) -> int:
    given = os.environ.get(name) or str(otherwise)
    return 1000 if given == "full" else int(given)


ROUNDS = _wanted("RACES", 4)
CROWDED = _wanted("RACES_CROWDED", ROUNDS)
"""Rounds of the races of twenty threads and more: a thousand of them take an evening."""

SPREAD_SECONDS = 0.005
"""Every other round its threads start that far apart: who comes first then changes, too."""


@dataclass
class Race:
    """What its rounds came to: how long each took, and what is counted in the table that ``make races`` prints."""

    seconds: list[float] = field(default_factory=list)
    came_out: dict[str, int] = field(default_factory=dict)
    """Plain names and numbers only: a report goes from one process to the other."""

    def saw(self, **counts: int) -> None:
        for what, count in counts.items():
            self.came_out[str(what)] = self.came_out.get(str(what), 0) + count


class Together:
    """``run`` calls everything at once and returns what each returned, or the exception it raised."""

    def __init__(self, pool: ThreadPoolExecutor, race: Race) -> None:
        self.pool = pool
        self.race = race

    def run(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        barrier = threading.Barrier(len(calls))
        spread = random.choice((0, SPREAD_SECONDS))  # noqa: S311 (no secret)

        def start(call: Callable[[], Any]) -> Any:
            barrier.wait(timeout=60)
            time.sleep(random.uniform(0, spread))  # noqa: S311
            try:
                return call()
            except Exception as error:  # noqa: BLE001 - the loser's error is the result
                return error

        began = time.perf_counter()
        results = list(self.pool.map(start, calls))
        self.race.seconds.append(time.perf_counter() - began)
        return results


@contextmanager
def together(threads: int, race: Race | None = None) -> Iterator[Together]:
    """The threads live for the whole test, as a server's do, and close their connections however it ends."""
    room.wait_for(threads)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        try:
            yield Together(pool, race or Race())
        finally:
            _close_connections(pool, threads)


def _close_connections(pool: ThreadPoolExecutor, threads: int) -> None:
    everybody = threading.Barrier(threads)

    def close(_thread: int) -> None:
        everybody.wait(timeout=60)
        connections.close_all()

    list(pool.map(close, range(threads)))
