"""``/operator/stream``: which conversations have changed, as server-sent events.

Frames are hints and hold nothing personal: whoever gets one asks for the fragment. ``id`` is the cursor to come back
with. A stream ends by itself after some minutes, and holds no connection to the database while it lasts.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from conversations import events
from conversations.models import Event
from operators import grants
from operators.hub import Hub, Listener
from operators.models import Operator

PING_SECONDS = 15.0
LIFE_SECONDS = 600.0

hub = Hub()


@require_GET
async def stream(request: HttpRequest) -> HttpResponseBase:
    """401 instead of a redirect: followed, that would bring the login page, again and again."""
    entered = await sync_to_async(_enter)(request)
    if entered is None:
        return HttpResponse(status=401)
    if not hub.running:
        return HttpResponse(status=503, headers={"Retry-After": "5"})
    await sync_to_async(connections.close_all)()
    # The address stays that of the first connection; the header is what was seen since.
    cursor = request.headers.get("Last-Event-ID") or request.GET.get("since") or None
    return StreamingHttpResponse(
        _frames(Listener(*entered), cursor),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"},
    )


def _enter(request: HttpRequest) -> tuple[grants.Entry, grants.Grants] | None:
    operator, key = request.user, request.session.session_key
    if not isinstance(operator, Operator) or not key:
        return None
    return grants.enter(operator, key)


async def _frames(listener: Listener, cursor: str | None) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    # Not all at once when a server comes back, nor when their time is up.
    end = loop.time() + LIFE_SECONDS * random.uniform(0.9, 1.1)  # noqa: S311 (no secret)
    retry = f"retry: {random.randint(1_000, 3_000)}\n"  # noqa: S311
    try:
        await hub.join(listener)
        if listener.ended():
            return
        feed = await _missed(listener, cursor)
        known = {event.pk for event in feed.events}
        told = _told(listener, feed)
        yield retry + _frame("ping", {}, "" if told else feed.cursor) + told
        while not listener.ended() and loop.time() < end:
            latest = await listener.next(PING_SECONDS)
            feed = latest or feed
            told = _told(listener, feed, known) if latest else _frame("ping", {}, feed.cursor)
            if told and not listener.ended():
                yield told
    finally:
        hub.leave(listener)


async def _missed(listener: Listener, cursor: str | None) -> events.Feed:
    """What came since the cursor. If that is much, a fresh start is cheaper."""
    feed = await hub.read(events.since, cursor, organization=None)
    if not feed.more:
        return feed
    newest = await hub.read(events.since, None, organization=None)
    return events.Feed([], newest.cursor, expired=True)


def _told(listener: Listener, feed: events.Feed, known: frozenset[int] | set[int] = frozenset()) -> str:
    """The frames of a portion. Only the last one names the cursor: cut off before it, all come again."""
    if feed.expired:
        return _frame("resync", {}, feed.cursor)
    shown = [event for event in feed.events if event.pk not in known and listener.grants.cover(event)]
    frames = [_changed(event) for event in shown[:-1]]
    frames += [_changed(event, feed.cursor) for event in shown[-1:]]
    return "".join(frames)


def _changed(event: Event, cursor: str = "") -> str:
    data = {"conversation": str(event.conversation.public_id), "seq": event.seq, "kind": event.kind}
    return _frame("changed", data, cursor)


def _frame(name: str, data: dict[str, object], cursor: str) -> str:
    identity = f"id: {cursor}\n" if cursor else ""
    return f"{identity}event: {name}\ndata: {json.dumps(data)}\n\n"
