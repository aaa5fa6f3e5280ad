"""``/operator/stream``: what has changed, as server-sent events.

``changed`` tells of one event: the bubble and the row it changed, or the fact alone, after which the page asks. ``id``
is the cursor to come back with; what was missed meanwhile is told as facts. ``resync``: too much was missed.
``presence``: who of the team is there, and who else looks at what this operator looks at. A stream ends by itself after
some minutes, and holds no connection to the database while it lasts.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Set

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from conversations import events
from conversations.models import Event
from operators import grants, http
from operators.hub import Hub, Listener, Portion
from operators.models import Operator
from operators.views import frames

PING_SECONDS = 15.0
LIFE_SECONDS = 600.0

hub = Hub(frames.draw)


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
    return grants.enter(operator, key, http.language())


async def _frames(listener: Listener, cursor: str | None) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    # Not all at once when a server comes back, nor when their time is up.
    end = loop.time() + LIFE_SECONDS * random.uniform(0.9, 1.1)  # noqa: S311 (no secret)
    retry = f"retry: {random.randint(1_000, 3_000)}\n"  # noqa: S311
    try:
        await hub.join(listener)
        if listener.ended():
            return
        news = await _missed(cursor)
        known = {event.pk for event in news.events}
        told = _told(listener, news)
        yield retry + _frame("ping", {}, "" if told else news.cursor) + told
        while not listener.ended() and loop.time() < end:
            latest = await listener.next(PING_SECONDS)
            news = latest or news
            people = listener.take_people()
            told = _written("presence", people) if people else ""
            if latest:
                told += _told(listener, news, known)
            elif not people:
                told = _frame("ping", {}, news.cursor)
            if told and not listener.ended():
                yield told
    finally:
        hub.leave(listener)


async def _missed(cursor: str | None) -> Portion:
    """What came since the cursor. If that is much, a fresh start is cheaper."""
    feed = await hub.read(events.since, cursor, organization=None)
    if not feed.more:
        return Portion(feed.events, feed.cursor, lost=feed.expired)
    newest = await hub.read(events.since, None, organization=None)
    return Portion([], newest.cursor, lost=True)


def _told(listener: Listener, news: Portion, known: Set[int] = frozenset()) -> str:
    """The frames of a portion. Only the last one names the cursor: cut off before it, all come again."""
    if news.lost:
        return _frame("resync", {}, news.cursor)
    fresh = [event for event in news.events if event.pk not in known]
    told = [data for event in fresh if (data := _data(listener.grants, event, news))]
    written = [_written("changed", data) for data in told[:-1]]
    written += [_written("changed", data, news.cursor) for data in told[-1:]]
    return "".join(written)


def _data(may: grants.Grants, event: Event, news: Portion) -> str:
    if may.cover(event):
        # Only whoever is mentioned learns that, with the fact.
        mention = {"mention": True} if may.operator_id in event.data.get("mentioned", ()) else {}
        return news.frames.get((event.pk, may.audience(event))) or json.dumps(frames.told(event) | mention)
    # It may have been in their list until this moment: they look for themselves, and learn nothing else.
    return "{}" if event.organization_id == may.organization_id and frames.moves(event) else ""


def _frame(name: str, data: dict[str, object], cursor: str) -> str:
    return _written(name, json.dumps(data), cursor)


def _written(name: str, data: str, cursor: str = "") -> str:
    identity = f"id: {cursor}\n" if cursor else ""
    return f"{identity}event: {name}\ndata: {data}\n\n"
