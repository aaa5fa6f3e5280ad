"""``/api/v1/events`` with ``Accept: text/event-stream``: each event as it happens, on the panel's own hub.

``event`` is one as the paged call tells it, and ``id`` the cursor to come back with. ``resync``: what lay between is
not kept; it goes on from its ``id``. ``ping`` keeps the line open. A stream ends by itself after some minutes, and
holds no connection to the database while it lasts.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Sequence, Set
from datetime import datetime
from typing import Any

from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse

from conversations import events
from conversations.models import Event
from handoffflow.api import listening, told
from operators import presence
from operators.hub import Listener
from operators.stream import LIFE_SECONDS, PING_SECONDS, hub

REMEMBERED = 2_000
_written: OrderedDict[int, str] = OrderedDict()
"""Events as they are told, for all streams. Written in the hub's own thread only."""


class Reader(Listener):
    """A stream of the API: nothing is drawn for it, and nobody tells it who is there."""

    def audience(self, _event: Event) -> None:
        return None

    def see(self, _people: presence.Snapshot) -> None:
        pass


class KeyReader(Reader):
    @staticmethod
    def still(entries: Collection[Any], now: datetime) -> dict[Any, Any]:
        return listening.still(entries, now)


def wanted(request: HttpRequest) -> bool:
    """As the server decides it when it chooses who serves the request."""
    return "text/event-stream" in request.headers.get("Accept", "")


def answer(entry: Any, reached: Any, cursor: str | None) -> StreamingHttpResponse:
    kind = KeyReader if isinstance(entry, listening.KeyEntry) else Reader
    connections.close_all()
    return StreamingHttpResponse(
        _frames(kind(entry, reached), cursor),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"},
    )


async def _frames(listener: Reader, cursor: str | None) -> AsyncIterator[str]:
    """Read on from the cursor in pages, then what the hub tells; from its own place again if that was too much."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LIFE_SECONDS * random.uniform(0.9, 1.1)  # noqa: S311 (no secret)
    known: Set[int] = frozenset()
    behind = True
    try:
        await hub.join(listener)
        yield f"retry: {random.randint(1_000, 3_000)}\n\n"  # noqa: S311
        while not listener.ended() and loop.time() < end:
            if behind:
                feed = await hub.read(events.since, cursor, organization=None)
                known, behind, cursor = {event.pk for event in feed.events}, feed.more, feed.cursor
                shown = (
                    _frame("resync", cursor) if feed.expired else await _told(listener, feed.events, cursor)
                )
                shown = shown or _frame("ping", cursor)
            elif (news := await listener.next(PING_SECONDS)) is None:
                shown = _frame("ping", cursor)
            elif news.lost:
                behind, shown = True, ""
            else:
                cursor = news.cursor
                shown = await _told(listener, [one for one in news.events if one.pk not in known], cursor)
            if shown and not listener.ended():
                yield shown
    finally:
        hub.leave(listener)


async def _told(listener: Reader, rows: Sequence[Event], cursor: str) -> str:
    """The frames of what it may know. Only the last names the cursor: cut off before it, all come again."""
    mine = [event for event in rows if listener.grants.cover(event)]
    if not mine:
        return ""
    *others, last = await hub.read(_write, mine)
    return "".join(_frame("event", data=one) for one in others) + _frame("event", cursor, last)


def _write(rows: Sequence[Event]) -> list[str]:
    """Each event is written once, however many streams tell it."""
    missing = [row for row in rows if row.pk not in _written]
    for row, one in zip(missing, told.events(missing), strict=True):
        _written[row.pk] = one.model_dump_json()
    found = [_written[row.pk] for row in rows]
    while len(_written) > REMEMBERED:
        _written.popitem(last=False)
    return found


def _frame(name: str, cursor: str | None = None, data: str = "{}") -> str:
    identity = f"id: {cursor}\n" if cursor else ""
    return f"{identity}event: {name}\ndata: {data}\n\n"
