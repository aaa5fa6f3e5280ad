"""Where the worker's database code runs: off the event loop, in a few threads that keep their connections."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connection

P = ParamSpec("P")
T = TypeVar("T")

COUNT = 4

_pool: ContextVar[ThreadPoolExecutor | None] = ContextVar("pool", default=None)


def begin() -> ThreadPoolExecutor:
    """Give the running context its threads; without any, database code runs in the thread that waits for it."""
    threads = ThreadPoolExecutor(COUNT, thread_name_prefix="worker-db")
    _pool.set(threads)
    return threads


async def run(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    threads = _pool.get()
    if threads is None:
        return await sync_to_async(call)(*args, **kwargs)

    def fresh() -> T:
        close_old_connections()
        return call(*args, **kwargs)

    return await sync_to_async(fresh, thread_sensitive=False, executor=threads)()


def end(threads: ThreadPoolExecutor) -> None:
    """Close every thread's connection: the barrier makes each of them take exactly one of the calls."""
    barrier = threading.Barrier(COUNT)

    def close() -> None:
        barrier.wait(timeout=1)
        connection.close()

    calls = [threads.submit(close) for _ in range(COUNT)]
    threads.shutdown(wait=False)
    for call in calls:
        call.exception(timeout=2)
