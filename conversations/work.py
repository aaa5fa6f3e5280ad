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
from collections.abc import Awaitable, Callable
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
BEAT_SECONDS = 5.0
DRAIN_SECONDS = 1.5
TROUBLE_SECONDS = 1.0
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


handlers: dict[str, Handler] = {}


def handles(
    model: type[Row],
    *,
    name: str,
    candidates: Callable[[datetime], models.QuerySet[Row]] | None = None,
    at_once: int = 4,
    lease: timedelta = leases.LEASE,
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
    claimed: list[Any] = []
    for row in leases.due(handler.candidates(now), now + ahead)[:limit]:
        if row.due_at > now:
            return claimed, row.due_at
        if leases.claim(row, handler.lease):
            claimed.append(row)
    return claimed, None


async def handle(handler: Handler, row: Due, now: datetime) -> None:
    """Run one claimed row. Whatever it raises stays here: the row comes back later, the loop goes on."""
    with trace.about(_named(handler, row)):
        try:
            await handler.run(row, now)
        except Exception as error:  # noqa: BLE001 - the worker's edge
            logger.error("%s %s failed: %s", handler.name, row.pk, described(error))
            await in_thread(leases.push_away, row, now)


def _named(handler: Handler, row: Due) -> str:
    return f"{handler.name} {getattr(row, 'public_id', row.pk)}"


def described(error: BaseException) -> str:
    """The kind of an error and where it happened. Its text may hold an address or what somebody wrote."""
    frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f" at {ours[-1].function}:{ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}{place}"


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
        self._started = threading.Event()

    def start(self) -> None:
        load_handlers()
        self._thread.start()
        self._started.wait()

    def wake(self) -> None:
        """From any thread."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._woken.set)
        except RuntimeError:
            logger.debug("rung after the end")

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
        """Start what is due; then wait for a ring, a finished row, the next due row, or the poll."""
        self._woken.clear()
        try:
            due_at = await self._claim()
        except Exception as error:  # noqa: BLE001 - a database that is away comes back
            logger.error("worker cannot claim: %s", described(error))
            await self._wait(TROUBLE_SECONDS)
            return
        pause = IDLE if due_at is None else min(max(due_at - clock.now(), timedelta()), IDLE)
        await self._wait(pause.total_seconds())

    async def _claim(self) -> datetime | None:
        soonest: datetime | None = None
        for handler in list(handlers.values()):
            running = self._running.setdefault(handler.name, set())
            free = handler.at_once - len(running)
            if free <= 0 or self.stopping:
                continue
            now = clock.now()
            rows, due_at = await in_thread(claim_due, handler, now, limit=free, ahead=IDLE)
            for row in rows:
                self._start(handler, row, now)
            soonest = min(filter(None, (soonest, due_at)), default=None)
        return soonest

    def _start(self, handler: Handler, row: Due, now: datetime) -> None:
        running = self._running[handler.name]
        task = asyncio.create_task(handle(handler, row, now))
        running.add(task)

        def done(task: asyncio.Task[None]) -> None:
            running.discard(task)
            self._woken.set()
            if not task.cancelled() and (error := task.exception()):
                logger.error("%s left its row leased: %s", _named(handler, row), described(error))

        task.add_done_callback(done)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

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
                    logger.error("worker cannot beat: %s", described(error))
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            await asyncio.shield(in_thread(heartbeats.leave, self.name))
