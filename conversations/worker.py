"""The worker's thread: it claims what is due for every handler that has a place free, and runs it on its own loop."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta

from conversations import clock, heartbeats, threads, trace, wakeup, work
from conversations.models import Due
from conversations.twilio import client
from conversations.work import Handler

logger = logging.getLogger(__name__)

IDLE = timedelta(milliseconds=250)
"""Other processes cannot ring: this is how late their rows are noticed."""
GATHER_SECONDS, FEW = 0.01, 8
BEAT_SECONDS, DRAIN_SECONDS, TROUBLE_SECONDS = 5.0, 1.5, 1.0


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
        self._begun = False
        self._not_before: dict[str, float] = {}
        self._beaten = asyncio.Event()
        self._started = threading.Event()

    def start(self) -> None:
        work.load_handlers()
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
            await self._beaten.wait()  # whoever is due has to know since when somebody works
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
            if not self._begun:
                await work.in_thread(work.begin, clock.now())
                self._begun = True
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
            return [name for name in work.handlers if self._not_before.get(name, 0.0) <= moment]
        return [
            name
            for name in work.handlers
            if (name in freed and not self._held(name)) or ((at := self._next.get(name)) and at <= now)
        ]

    def _held(self, name: str) -> bool:
        """A place is free, but nothing may take it before its time."""
        outlook = work.handlers[name].outlook
        return outlook is not None and not outlook.ready and outlook.at is not None

    async def _claim(self, names: list[str]) -> None:
        for name in names:
            handler, running = work.handlers[name], self._running.setdefault(name, set())
            free = handler.at_once - len(running)
            self._next[name] = None
            self._not_before[name] = time.monotonic() + handler.look_every.total_seconds()
            if free <= 0 or self.stopping:
                continue
            now = clock.now()
            rows, self._next[name] = await work.in_thread(
                work.claim_due, handler, now, limit=free, ahead=IDLE
            )
            for row in rows:
                self._start(handler, row, now)

    def _start(self, handler: Handler, row: Due, now: datetime) -> None:
        running = self._running[handler.name]
        task = asyncio.create_task(work.handle(handler, row, now))
        running.add(task)

        def done(task: asyncio.Task[None]) -> None:
            running.discard(task)
            self._free(handler.name, busy=len(running))
            if not task.cancelled() and (error := task.exception()):
                logger.error("%s left its row leased: %s", work.named(handler, row), trace.described(error))

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
                    await work.in_thread(heartbeats.beat, self.name, started_at=started_at, now=clock.now())
                except Exception as error:  # noqa: BLE001 - the next beat may work
                    logger.error("worker cannot beat: %s", trace.described(error))
                self._beaten.set()
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            await asyncio.shield(work.in_thread(heartbeats.leave, self.name))
