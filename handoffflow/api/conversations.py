"""Conversations: one, a list, the queue, and a new one."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from ninja import Query, Router

from conversations.compiled import Compiled
from conversations.models import Conversation, Mode
from conversations.models.conversation import ConversationQuerySet
from handoffflow.api import once, openapi, pages, present, render, schemas, starting
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.api.errors import Refused
from handoffflow.models import Scope

router = Router(tags=["conversations"])

# Of columns only: a constant moment is text to MariaDB and a number to SQLite.
_SINCE = F("open_handoff__requested_at")
_CLOSES = Coalesce("window_expires_at", "created_at")
_ORDERS = {
    "priority": ("-priority", "since", "pk"),
    "waiting": ("since", "pk"),
    "window": ("closes", "pk"),
}


@router.get(
    "/conversations/handoff/queue",
    auth=Access(Scope.DESK, Scope.READ, query=schemas.QueueFilter),
    response={200: schemas.Conversations},
    openapi_extra=openapi.conditional(),
)
def list_queue(request: ApiRequest, filters: Query[schemas.QueueFilter]) -> HttpResponse:
    """Who waits and who is served: all in HUMAN_HANDOFF, one agent's, or those nobody has taken."""
    if filters.agent_id and filters.waiting == "true":
        raise Refused("invalid", [("waiting", "invalid")])
    shown = _shown(*_queue(request.auth, filters))
    return render.unless_known(request, render.document(shown))


def _queue(caller: Caller, filters: schemas.QueueFilter) -> tuple[list[Any], str | None]:
    order, name, waiting = _ORDERS[filters.sort], f"queue {filters.sort}", filters.waiting == "true"
    if caller.sees_all and filters.asks_for_all:
        size = pages.limit(filters)
        found = _beginning(caller.organization.pk, waiting=waiting, sort=filters.sort, size=size)
        return pages.cut(found, order, size, name=name)
    rows = _served(caller.conversations(), waiting=waiting)
    if filters.agent_id:
        rows = rows.filter(operator__public_id=filters.agent_id)
    if filters.queue_id:
        rows = rows.filter(queue__public_id=filters.queue_id)
    return pages.page(_columns(rows, order), order, filters, name=name)


@Compiled
def _beginning(organization: int, *, waiting: bool, sort: str, size: int) -> QuerySet[Conversation, Any]:
    """The first page of all: what integrations ask for every few seconds."""
    rows = _served(Conversation.objects.for_organization(organization), waiting=waiting)
    return _columns(rows, _ORDERS[sort]).order_by(*_ORDERS[sort])[: size + 1]


def _served(rows: ConversationQuerySet, *, waiting: bool) -> ConversationQuerySet:
    """By people, or soon; ``waiting``: nobody has taken them, and they are offered to nobody."""
    rows = rows.annotate(since=_SINCE, closes=_CLOSES)
    return (
        rows.queued().filter(offered_to=None) if waiting else rows.filter(mode__in=[Mode.QUEUED, Mode.HUMAN])
    )


@router.get(
    "/conversations",
    auth=Access(Scope.READ, query=schemas.ConversationFilter),
    response={200: schemas.Conversations},
    openapi_extra=openapi.codes(),
)
def list_conversations(request: ApiRequest, filters: Query[schemas.ConversationFilter]) -> HttpResponse:
    """All conversations, the youngest first."""
    rows = request.auth.conversations()
    if filters.status:
        rows = rows.filter(mode=Mode.BOT) if filters.status == "PROGRESS" else rows.exclude(mode=Mode.BOT)
    wanted = {
        "mode": filters.mode,
        "operator__public_id": filters.agent_id,
        "contact__public_id": filters.contact_id,
        "sender__address": filters.sender,
    }
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    order = ("-pk",)
    found = pages.page(_columns(rows, order), order, filters, name="conversations")
    return render.document(_shown(*found))


@router.post(
    "/conversations",
    auth=Access(Scope.DESK),
    response={201: schemas.Conversation},
    openapi_extra=openapi.codes(*starting.CODES),
)
def start_conversation(request: ApiRequest, body: starting.Start) -> HttpResponse:
    """Write to a number with a template. The agent holds the conversation from then on, in one of their places."""
    return once.perform(request, lambda: starting.begin(request, body))


@router.get(
    "/conversations/{conv_id}",
    auth=Access(Scope.READ),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes(),
)
def get_conversation(request: ApiRequest, conv_id: str) -> HttpResponse:
    """One conversation. One that was merged is in no list, and `merged_into` says where it goes on."""
    return render.document(present.conversation(request.auth.readable(conv_id).pk))


def _columns(rows: ConversationQuerySet, order: tuple[str, ...]) -> QuerySet[Conversation, Any]:
    return rows.values_list(*[term.lstrip("-") for term in order], named=True)


def _shown(found: list[Any], following: str | None) -> schemas.Conversations:
    items = present.conversations([row.pk for row in found])
    return schemas.Conversations.model_construct(items=items, next=following)
