"""Eight writers whose transactions last differently, and readers who follow them by a cursor."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections, transaction

from conversations import clock, events
from conversations.models import Conversation, Event
from tests.builders import CUSTOMER, make_with_bot
from tests.races.together import ROUNDS, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]
WRITERS = 8
Tail = Callable[[], list[int]]


class Rollback(Exception):
    pass


def test_no_event_is_missed_while_eight_write() -> None:
    threads = [make_with_bot(address=f"whatsapp:+55117{number:08d}") for number in range(WRITERS)]
    follower, naive = Reader(_by_cursor()), Reader(_by_highest_id())
    before = set(Event.objects.values_list("pk", flat=True))
    with follower, naive, together(WRITERS) as at_once:
        results = at_once.run([partial(_write, thread) for thread in threads])

    written = set(Event.objects.values_list("pk", flat=True)) - before
    assert results == [None] * WRITERS
    assert len(written) == WRITERS * ROUNDS
    assert written - set(follower.read) == set()
    # What the cursor is for: writers of SQLite take turns, those of the others do not.
    assert bool(written - set(naive.read)) == (connection.vendor != "sqlite")


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


def _write(conversation: Conversation) -> None:
    for number in range(1000, 1000 + ROUNDS):
        _write_one(conversation, number)
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
