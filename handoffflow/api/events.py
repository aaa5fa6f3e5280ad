"""What happened, in pages and as a stream: the same events, the same cursor."""

from __future__ import annotations

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponseBase
from ninja import Query, Router
from pydantic import BaseModel, Field

from conversations import cursors
from conversations import events as story
from handoffflow.api import listening, openapi, pages, render, schemas, streaming, told
from handoffflow.api.auth import Access, ApiRequest
from handoffflow.api.errors import Refused
from handoffflow.models import Scope
from operators.stream import hub

router = Router(tags=["events"])
LONGEST_CURSOR = 4000


class EventFilter(schemas.Query):
    after: str | None = Field(
        default=None,
        max_length=LONGEST_CURSOR,
        description="`next` of the page before; without it: from now on.",
    )
    limit: schemas.Limit = Field(default="50", description="1 to 100.")


class Events(BaseModel):
    items: list[told.Event]
    next: str = Field(description="Where to go on, also when nothing has come.")
    more: bool = Field(description="There is more to read at once.")


@router.get(
    "/events",
    auth=Access(Scope.READ, query=EventFilter),
    response={200: Events},
    openapi_extra=openapi.streamed("cursor_expired"),
)
def list_events(request: ApiRequest, filters: Query[EventFilter]) -> HttpResponseBase:
    """Events after a cursor, in the order in which they became visible. `Accept: text/event-stream` streams them."""
    live = streaming.wanted(request)
    # The address stays that of the first connection; the header is what was seen since.
    cursor = (live and request.headers.get("Last-Event-ID")) or filters.after
    if cursor is not None and cursors.parse(cursor) is None:
        raise Refused("invalid", [("after", "invalid")])
    size = pages.limit(filters)
    if live:
        return _stream(request, cursor)
    feed = story.since(cursor, organization=request.auth.organization, limit=size)
    if feed.expired:
        raise Refused("cursor_expired", next=feed.cursor)
    mine = listening.of(request.auth)
    shown = told.events([event for event in feed.events if mine.cover(event)])
    return render.document(Events.model_construct(items=shown, next=feed.cursor, more=feed.more))


def _stream(request: ApiRequest, cursor: str | None) -> HttpResponseBase:
    if not isinstance(request, ASGIRequest) or not hub.running:
        raise Refused("unavailable", headers={"Retry-After": "5"})
    if cursor is not None and story.since(cursor, organization=request.auth.organization, limit=1).expired:
        raise Refused("cursor_expired", next=story.since(None, organization=request.auth.organization).cursor)
    return streaming.answer(*listening.enter(request.auth, request.session.session_key or ""), cursor)
