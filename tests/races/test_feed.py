"""Eight writers whose transactions last differently, and readers who follow them by a cursor."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, connections, transaction
from django.test import AsyncClient

from conversations import clock, events
from conversations.models import Conversation, Event
from operators.stream import hub
from tests.builders import CUSTOMER, make_operator, make_with_bot
from tests.operators.test_stream import browser, listening
from tests.races.together import ROUNDS as WANTED
from tests.races.together import Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]
WRITERS = 8
ROUNDS = max(WANTED, 25)
"""With fewer it may happen that nobody commits out of turn, and then there is nothing that a naive reader misses."""
CUTS = 10
QUIET_SECONDS = 10
Tail = Callable[[], list[int]]
Told = tuple[str, int]
"""By which a page tells one event from another: the conversation and its number there."""


class Rollback(Exception):
    pass


def test_no_event_is_missed_while_eight_write(race: Race) -> None:
    threads = _threads()
    follower, naive = Reader(_by_cursor()), Reader(_by_highest_id())
    before = set(Event.objects.values_list("pk", flat=True))
    with follower, naive:
        _write_all(threads, race)

    written = set(Event.objects.values_list("pk", flat=True)) - before
    missed, missed_naively = (written - set(reader.read) for reader in (follower, naive))
    assert len(written) == WRITERS * ROUNDS
    assert missed == set()
    # What the cursor is for: writers of SQLite take turns, those of the others do not.
    assert bool(missed_naively) == (connection.vendor != "sqlite")
    race.saw(written=len(written), missed=len(missed), missed_without_the_cursor=len(missed_naively))


def test_streams_that_are_cut_show_every_event_once(race: Race) -> None:
    """Three browsers, each cut off ten times; each comes back with the cursor of the last frame it has read."""
    threads = _threads()
    before = _told(threads)
    pages = [Page(browser(make_operator(f"operator{number}")), threads, before) for number in range(3)]

    async def story() -> None:
        await hub.start()
        try:
            watching = [asyncio.create_task(page.watch(WRITERS * ROUNDS)) for page in pages]
            await asyncio.gather(*(page.listens.wait() for page in pages))
            await asyncio.to_thread(_write_all, threads, race)
            await asyncio.gather(*watching)
        finally:
            hub.stop()
            await asyncio.to_thread(hub._pool.shutdown)

    async_to_sync(story)()

    written = _told(threads) - before
    assert len(written) == WRITERS * ROUNDS
    race.saw(written=len(written), browsers=len(pages), missed=0, shown_twice=0)
    for page in pages:
        assert page.cuts == CUTS
        assert written - page.shown == set(), "missed"
        race.saw(cuts=page.cuts, told_again_after_a_cut=page.came_again, fresh_starts=page.fresh_starts)


class Page:
    """A browser's page: follows its stream, and tells events apart as the script of the panel does."""

    def __init__(self, client: AsyncClient, threads: list[Conversation], before: set[Told]) -> None:
        self.client, self.threads, self.before = client, threads, before
        self.listens = asyncio.Event()
        self.shown: set[Told] = set()
        self.cuts = self.came_again = self.fresh_starts = 0
        self._cursor = ""

    async def watch(self, expected: int) -> None:
        """Until so many were shown, or nothing comes any more."""
        while len(self.shown) < expected:
            cut_at = expected * (self.cuts + 1) // (CUTS + 1) if self.cuts < CUTS else expected
            if not await self._listen(cut_at):
                return
            if len(self.shown) < expected:
                self.cuts += 1
                await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311 (no secret)

    async def _listen(self, until: int) -> bool:
        here: set[Told] = set()
        async with listening(self.client, cursor=self._cursor) as stream:
            self.listens.set()
            while len(self.shown) < until:
                try:
                    frame = await asyncio.wait_for(stream.next(), QUIET_SECONDS)
                except TimeoutError:
                    return False
                # As a browser does: what the last connection brought holds until this one names another.
                self._cursor = stream.cursor or self._cursor
                if frame["event"] == "resync":
                    await self._reload()
                elif frame["event"] == "changed":
                    self._show(json.loads(frame["data"]), here)
        return True

    async def _reload(self) -> None:
        """Too much has happened to tell it one by one."""
        self.fresh_starts += 1
        self.shown |= await sync_to_async(_told)(self.threads) - self.before

    def _show(self, change: dict[str, Any], here: set[Told]) -> None:
        told = (change["conversation"], change["seq"])
        assert told not in here, "told twice over one connection"
        here.add(told)
        self.came_again += told in self.shown
        self.shown.add(told)


class Reader:
    """Reads in a thread of its own as long as the block lasts, and once more at its end."""

    def __init__(self, tail: Tail) -> None:
        self.read: list[int] = []
        self._tail = tail
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *args: Any) -> None:
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._over.wait(0.001):
            self.read += self._tail()
        self.read += self._tail()
        connections.close_all()


def _by_cursor() -> Tail:
    cursor = events.since(None, organization=None).cursor

    def tail() -> list[int]:
        nonlocal cursor
        feed = events.since(cursor, organization=None)
        assert not feed.expired
        cursor = feed.cursor
        return [event.pk for event in feed.events]

    return tail


def _by_highest_id() -> Tail:
    highest = Event.objects.order_by("-pk").values_list("pk", flat=True)[0]

    def tail() -> list[int]:
        nonlocal highest
        found = list(Event.objects.filter(pk__gt=highest).order_by("pk").values_list("pk", flat=True))
        highest = found[-1] if found else highest
        return found

    return tail


def _threads() -> list[Conversation]:
    return [make_with_bot(address=f"whatsapp:+55117{number:08d}") for number in range(WRITERS)]


def _told(threads: Iterable[Conversation]) -> set[Told]:
    events = Event.objects.filter(conversation__in=threads)
    return {(str(of), seq) for of, seq in events.values_list("conversation__public_id", "seq")}


def _write_all(threads: list[Conversation], race: Race) -> None:
    with together(WRITERS) as at_once:
        results = at_once.run([partial(_write, thread, race) for thread in threads])
    assert results == [None] * WRITERS
    if threading.current_thread() is not threading.main_thread():
        connections.close_all()


def _write(conversation: Conversation, race: Race) -> None:
    for number in range(1000, 1000 + ROUNDS):
        began = time.perf_counter()
        _write_one(conversation, number)
        race.seconds.append(time.perf_counter() - began)
        if number % 5 == 0:
            with pytest.raises(Rollback), transaction.atomic():
                _record(conversation, number + 100_000)
                raise Rollback


@transaction.atomic
def _write_one(conversation: Conversation, seq: int) -> None:
    _record(conversation, seq)
    # The id is taken; others commit theirs meanwhile.
    time.sleep(random.uniform(0, 0.01))  # noqa: S311 (no secret)


def _record(conversation: Conversation, seq: int) -> None:
    events.record(conversation, "message.received", cause=CUSTOMER, seq=seq, now=clock.now())
