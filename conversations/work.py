"""The worker: one thread with an event loop of its own, for every kind of due row.

Handlers register by model::

    @work.handles(Delivery, name="delivery", candidates=waiting)
    async def run(row: Delivery, now: datetime) -> None: ...

They get a row claimed under ``row.lease_number`` and end in ``leases.finish`` or ``leases.reschedule``. One that
raises has its row pushed away, further each time; the loop goes on.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from django.db import models

from conversations import clock, heartbeats, leases, threads, trace, wakeup
from conversations.models import Due
from conversations.twilio import client

logger = logging.getLogger(__name__)
Row = TypeVar("Row", bound=Due)

MODULES = ("conversations.delivery", "conversations.turns", "conversations.retry")
"""Where handlers register. By name, because they import this module."""

IDLE = timedelta(milliseconds=250)
"""Other processes cannot ring: this is how late their rows are noticed."""
GATHER_SECONDS, FEW = 0.01, 8
BEAT_SECONDS, DRAIN_SECONDS, TROUBLE_SECONDS = 5.0, 1.5, 1.0
MOST_ROUNDS = 1000

in_thread = threads.run


@dataclass(frozen=True, slots=True)
class Handler:
    name: str
    model: type[Due]
    candidates: Callable[[datetime], models.QuerySet[Any]]
    run: Callable[[Any, datetime], Awaitable[None]]
    at_once: int
    lease: timedelta
    claim: Callable[[list[Any], timedelta, datetime], list[Any]]


handlers: dict[str, Handler] = {}


def handles(
    model: type[Row],
    *,
    name: str,
    candidates: Callable[[datetime], models.QuerySet[Row]] | None = None,
    at_once: int = 4,
    lease: timedelta = leases.LEASE,
    claim: Callable[[list[Row], timedelta, datetime], list[Row]] = leases.claim_some,
) -> Callable[[Callable[[Row, datetime], Awaitable[None] | None]], Callable[[Row, datetime], Any]]:
    """Let a function handle the due rows of ``model``, or those among ``candidates(now)``.

    A plain function runs in a thread, and may use the database; an async one uses ``in_thread`` for that.
    """

    def register(function: Callable[[Row, datetime], Any]) -> Callable[[Row, datetime], Any]:
        asynchronous = inspect.iscoroutinefunction(function)
        handlers[name] = Handler(
            name=name,
            model=model,
            candidates=candidates or (lambda _now: model._default_manager.all()),
            run=function if asynchronous else _threaded(function),
            at_once=at_once,
            lease=lease,
            claim=claim,
        )
        return function

    return register


def load_handlers() -> None:
    for module in MODULES:
        importlib.import_module(module)


def _threaded(function: Callable[[Row, datetime], Any]) -> Callable[[Row, datetime], Awaitable[None]]:
    async def run(row: Row, now: datetime) -> None:
        await in_thread(function, row, now)

    return run


def claim_due(
    handler: Handler, now: datetime, *, limit: int, ahead: timedelta = timedelta()
) -> tuple[list[Any], datetime | None]:
    """Take up to ``limit`` due rows, and say when the next one within ``ahead`` falls due."""
    found = list(leases.due(handler.candidates(now), now + ahead)[:limit])
    due = [row for row in found if row.due_at <= now]
    soonest = found[len(due)].due_at if len(due) < len(found) else None
    return handler.claim(due, handler.lease, now), soonest


async def handle(handler: Handler, row: Due, now: datetime) -> None:
    """Run one claimed row. Whatever it raises stays here: the row comes back later, the loop goes on."""
    with trace.about(_named(handler, row)):
        try:
            await handler.run(row, now)
        except Exception as error:  # noqa: BLE001 - the worker's edge
            logger.error("%s %s failed: %s", handler.name, row.pk, trace.described(error))
            await in_thread(leases.push_away, row, now)


def _named(handler: Handler, row: Due) -> str:
    return f"{handler.name} {getattr(row, 'public_id', row.pk)}"


def run_once(now: datetime | None = None) -> int:
    """Handle everything due at ``now``, in this thread, until nothing is; how many rows that were."""
    load_handlers()
    return async_to_sync(_drain)(now or clock.now())


async def _drain(now: datetime) -> int:
    done = 0
    try:
        for _round in range(MOST_ROUNDS):
            handled = 0
            for handler in list(handlers.values()):
                rows, _next = await in_thread(claim_due, handler, now, limit=handler.at_once)
                for row in rows:
                    await handle(handler, row, now)
                handled += len(rows)
            done += handled
            if not handled:
                return done
    finally:
        await client.close()
    raise RuntimeError("rows keep falling due: a handler does not finish them")


class Worker:
    """``start`` it, ``stop`` it before the process ends; ``wakeup.ring`` wakes it."""

    def __init__(self, name: str = "") -> None:
        self.name = name or f"{socket.gethostname()[:80]}-{os.getpid()}"
        self.stopping = False
        self._thread = threading.Thread(target=self._main, name="worker", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._running: dict[str, set[asyncio.Task[None]]] = {}
        self._freed: set[str] = set()
        self._next: dict[str, datetime | None] = {}
        self._all_at = 0.0
        self._started = threading.Event()

    def start(self) -> None:
        load_handlers()
        self._thread.start()
        self._started.wait()

    def wake(self) -> None:
        """From any thread."""
        loop = self._loop
        with suppress(RuntimeError):  # rung after the end
            if loop is not None:
                loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._all_at = 0.0
        self._woken.set()

    def stop(self, timeout: float = 2 * DRAIN_SECONDS + 1) -> bool:
        """Take nothing new, let what is under way end for a moment. False if the thread would not end.

        A send cut off here stays ``sending``: its lease runs out, and then it counts as unknown.
        """
        self.stopping = True
        self.wake()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _main(self) -> None:
        pool = threads.begin()
        try:
            asyncio.run(self._work())
        finally:
            self._started.set()
            self._loop = None
            threads.end(pool)

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        unlisten = wakeup.listen(self.wake)
        heart = asyncio.create_task(self._beat())
        self._started.set()
        try:
            while not self.stopping:
                await self._round()
        finally:
            unlisten()
            await self._drain()
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)
            await client.close()

    async def _round(self) -> None:
        """Start what is due; then wait for a ring, finished rows, the next due row, or the poll."""
        self._woken.clear()
        try:
            await self._claim(self._names())
        except Exception as error:  # noqa: BLE001 - a database that is away comes back
            logger.error("worker cannot claim: %s", trace.described(error))
            self._all_at = 0.0
            await self._wait(TROUBLE_SECONDS)
            return
        soonest = min(filter(None, self._next.values()), default=None)
        pause = self._all_at - time.monotonic()
        await self._wait(min(pause, (soonest - clock.now()).total_seconds()) if soonest else pause)

    def _names(self) -> list[str]:
        """Whose rows to look at: everybody's after a ring and now and then, else of those who have places again."""
        now, moment = clock.now(), time.monotonic()
        freed, self._freed = self._freed, set()
        if moment >= self._all_at:
            self._all_at = moment + IDLE.total_seconds()
            return list(handlers)
        return [name for name in handlers if name in freed or ((at := self._next.get(name)) and at <= now)]

    async def _claim(self, names: list[str]) -> None:
        for name in names:
            handler, running = handlers[name], self._running.setdefault(name, set())
            free = handler.at_once - len(running)
            self._next[name] = None
            if free <= 0 or self.stopping:
                continue
            now = clock.now()
            rows, self._next[name] = await in_thread(claim_due, handler, now, limit=free, ahead=IDLE)
            for row in rows:
                self._start(handler, row, now)

    def _start(self, handler: Handler, row: Due, now: datetime) -> None:
        running = self._running[handler.name]
        task = asyncio.create_task(handle(handler, row, now))
        running.add(task)

        def done(task: asyncio.Task[None]) -> None:
            running.discard(task)
            self._free(handler.name, busy=len(running))
            if not task.cancelled() and (error := task.exception()):
                logger.error("%s left its row leased: %s", _named(handler, row), trace.described(error))

        task.add_done_callback(done)

    def _free(self, name: str, busy: int) -> None:
        """A place is free again. While many are taken, the next are filled together: one look for several."""
        if not self._freed:
            asyncio.get_running_loop().call_later(GATHER_SECONDS if busy > FEW else 0, self._woken.set)
        self._freed.add(name)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _drain(self) -> None:
        tasks = [task for running in self._running.values() for task in running]
        if tasks:
            _done, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _beat(self) -> None:
        started_at = clock.now()
        try:
            while True:
                try:
                    await in_thread(heartbeats.beat, self.name, started_at=started_at, now=clock.now())
                except Exception as error:  # noqa: BLE001 - the next beat may work
                    logger.error("worker cannot beat: %s", trace.described(error))
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            await asyncio.shield(in_thread(heartbeats.leave, self.name))
