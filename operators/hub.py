"""One reader of the events for all streams of this process.

It is woken by a bell in the same process and, on PostgreSQL, by the others; it looks by itself besides. What an event
shows is drawn once for all listeners that see the same. As long as nobody listens it sleeps.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

from django.db import close_old_connections, connection, connections

from conversations import broadcast, clock, cursors, events, wakeup
from conversations.models import Event
from operators import gauges, grants, presence

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

Frames = Mapping[tuple[int, grants.Audience], str]
"""By the id of an event and an audience: what is told."""
Draw = Callable[[Mapping[Event, Set[grants.Audience]], datetime], Frames]

LOOKS = {"sqlite": 0.1, "mysql": 0.25, "postgresql": 1.0}
"""How often it looks by itself, in seconds."""
GATHER_SECONDS = 0.025
TRUST_SECONDS = 1.0
PEOPLE_SECONDS = 0.25
"""Not more often than that, however much happens."""
CHECK_SECONDS = 3.0
TROUBLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Portion:
    """Events, and what is shown of them; ``lost`` when there were too many of them to be told."""

    events: list[Event]
    cursor: str
    frames: Frames = field(default_factory=dict)
    lost: bool = False


class Listener:
    """What one stream still has to say. Lives on the hub's loop."""

    def __init__(self, entry: grants.Entry, granted: grants.Grants) -> None:
        self.entry = entry
        self.grants = granted
        self._ended = False
        self._portion: Portion | None = None
        self._people = self._told_people = ""
        self._woken = asyncio.Event()

    def offer(self, news: Portion) -> None:
        """Put a portion behind those that wait; too many of them are given up for a fresh start."""
        before = self._portion or Portion([], news.cursor)
        if news.lost or before.lost or len(before.events) > events.MOST:
            self._portion = Portion([], news.cursor, lost=True)
        else:
            frames = {**before.frames, **news.frames} if before.events else news.frames
            self._portion = Portion(before.events + news.events, news.cursor, frames)
        self._woken.set()

    def see(self, people: presence.Snapshot) -> None:
        """Who is there; told when it differs from what was told last."""
        may = self.grants
        told = json.dumps(people.told(may.operator_id, may.organization_id, staff=may.is_staff))
        if told != self._told_people:
            self._people = self._told_people = told
            self._woken.set()

    def take_people(self) -> str:
        """What there is to tell of who is there, as JSON; "" for nothing."""
        people, self._people = self._people, ""
        return people

    def audience(self, event: Event) -> grants.Audience | None:
        """With whom it shares what is drawn of an event that it may know of; None if nothing is drawn for it."""
        return self.grants.audience(event)

    @staticmethod
    def still(entries: Collection[grants.Entry], now: datetime) -> Mapping[grants.Entry, grants.Grants]:
        """What those may see now who may still look."""
        return grants.still(entries, now)

    def end(self) -> None:
        self._ended = True
        self._woken.set()

    def ended(self) -> bool:
        return self._ended

    async def next(self, seconds: float) -> Portion | None:
        """What has come, or None when nothing did for so long, or the end has, or only people came and went."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return None
        self._woken.clear()
        portion, self._portion = self._portion, None
        return None if self._ended else portion


class Hub:
    """``start`` it on the loop that serves the streams; ``stop`` ends them all and does not wait."""

    def __init__(self, draw: Draw) -> None:
        self.running = False
        self._draw = draw
        self._listeners: set[Listener] = set()
        self._told: set[int] = set()
        self._people: presence.Snapshot | None = None
        self._people_at = 0.0
        self._version: tuple[int, float] = (0, 0.0)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._woken, self._live = asyncio.Event(), asyncio.Event()
        self._told.clear()
        self._people, self._people_at = None, 0.0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="hub-db")
        self._tasks = [loop.create_task(self._follow()), loop.create_task(self._check())]
        self._unlisten = wakeup.news.listen(lambda: self._wake(loop))
        self._ear = broadcast.Ear(lambda: self._wake(loop))
        self._ear.start()
        self.running = True

    def stop(self) -> None:
        if not self.running:
            return
        self.running = False
        self._unlisten()
        self._ear.stop()
        for task in self._tasks:
            task.cancel()
        for listener in self._listeners:
            listener.end()
        self._live.set()
        self._pool.submit(connections.close_all)
        self._pool.shutdown(wait=False)

    async def join(self, listener: Listener) -> None:
        """From here on the listener is told everything; what was before, it has to read itself."""
        self._listeners.add(listener)
        gauges.hub.streams = len(self._listeners)
        if self._people is not None:
            listener.see(self._people)
        self._woken.set()
        await self._live.wait()
        if not self.running:
            listener.end()

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        gauges.hub.streams = len(self._listeners)

    async def read(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the database in the hub's own thread, over the one connection that all streams share."""

        def fresh() -> T:
            close_old_connections()
            return call(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._pool, fresh)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.call_soon_threadsafe(self._woken.set)
        except RuntimeError:
            logger.debug("rung after the end")

    async def _follow(self) -> None:
        cursor: str | None = None
        while True:
            if not self._listeners:
                cursor = None
                self._live.clear()
                self._woken.clear()
                await self._woken.wait()
                continue
            self._woken.clear()
            try:
                feed = await self.read(self._look, cursor)
                await self._see_people(changed=feed is not None)
            except Exception as error:  # noqa: BLE001 - a database that is away comes back
                logger.error("the stream cannot read: %s", type(error).__name__)
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            gauges.hub.looked()
            if feed is not None:
                cursor = feed.cursor
                await self._tell(feed)
            self._live.set()
            await self._pause(feed is not None and feed.more)

    def _look(self, cursor: str | None) -> events.Feed | None:
        """What is new; None if SQLite's own count of changes says that nothing can be."""
        if cursor is not None and connection.vendor == "sqlite" and not self._changed():
            return None
        return events.since(cursor, organization=None)

    def _changed(self) -> bool:
        with connection.cursor() as sql:
            version = int(sql.execute("PRAGMA data_version").fetchone()[0])
        known, looked_at = self._version
        if version == known and time.monotonic() - looked_at < TRUST_SECONDS:
            return False
        self._version = (version, time.monotonic())
        return True

    async def _see_people(self, *, changed: bool) -> None:
        """A small table, read as a whole and compared with the last look: an expiry writes nothing."""
        waited = time.monotonic() - self._people_at
        if waited < (PEOPLE_SECONDS if changed else TRUST_SECONDS):
            return
        self._people_at = time.monotonic()
        people = await self.read(presence.snapshot, clock.now())
        if people == self._people:
            return
        self._people = people
        for listener in self._listeners:
            listener.see(people)

    async def _tell(self, feed: events.Feed) -> None:
        news = [event for event in feed.events if self._is_news(event)]
        self._forget(feed.cursor)
        if not news and not feed.expired:
            return
        frames = await self._drawn(news)
        for listener in self._listeners:
            listener.offer(Portion(news, feed.cursor, frames, lost=feed.expired))
        gauges.hub.told([event.created_at for event in news], clock.now())

    async def _drawn(self, news: list[Event]) -> Frames:
        """Of each event one frame for each audience among the listeners. Whoever joins meanwhile gets the fact."""
        wanted = {event: self._audiences(event) for event in news}
        try:
            return await self.read(
                self._draw, {event: who for event, who in wanted.items() if who}, clock.now()
            )
        except Exception as error:  # noqa: BLE001 - told the fact alone, the page asks
            logger.error("the stream cannot draw: %s", type(error).__name__)
            return {}

    def _audiences(self, event: Event) -> Set[grants.Audience]:
        covering = [listener for listener in self._listeners if listener.grants.cover(event)]
        return {audience for one in covering if (audience := one.audience(event))}

    def _is_news(self, event: Event) -> bool:
        if event.pk in self._told:
            return False
        self._told.add(event.pk)
        return True

    def _forget(self, cursor: str) -> None:
        """However much happens: remembered is what can be read again, and nothing else."""
        position = cursors.parse(cursor)
        self._told = {pk for pk in self._told if position and position.reads_again(pk)}

    async def _pause(self, more: bool) -> None:
        """Gather for a moment what comes at once, then sleep until something does."""
        if more:
            return
        await asyncio.sleep(GATHER_SECONDS)
        try:
            async with asyncio.timeout(LOOKS.get(connection.vendor, TRUST_SECONDS)):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _check(self) -> None:
        """End the streams of whoever may no longer look, and learn what the others may see now."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            for still in {listener.still for listener in self._listeners}:
                try:
                    await self._check_those({one for one in self._listeners if one.still is still}, still)
                except Exception as error:  # noqa: BLE001 - a database that is away comes back
                    logger.error("the stream cannot check its grants: %s", type(error).__name__)

    async def _check_those(self, listeners: Set[Listener], still: Callable[..., Any]) -> None:
        granted = await self.read(still, {listener.entry for listener in listeners}, clock.now())
        for listener in listeners:
            if (now_granted := granted.get(listener.entry)) is None:
                listener.end()
            else:
                listener.grants = now_granted
