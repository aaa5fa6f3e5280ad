"""Conversations: one, a list, the queue, and a new one."""

from __future__ import annotations

from django.db.models import F
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from ninja import Query, Router

from conversations.models import Mode
from conversations.models.conversation import ConversationQuerySet
from handoffflow.api import once, openapi, pages, present, render, schemas, starting
from handoffflow.api.auth import Access, ApiRequest
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
    rows = request.auth.conversations().filter(mode__in=[Mode.QUEUED, Mode.HUMAN])
    if filters.waiting == "true":
        rows = rows.queued().filter(offered_to=None)
    if filters.agent_id:
        rows = rows.filter(operator__public_id=filters.agent_id)
    if filters.queue_id:
        rows = rows.filter(queue__public_id=filters.queue_id)
    rows = rows.annotate(since=_SINCE, closes=_CLOSES)
    found = _page(rows, _ORDERS[filters.sort], filters, name=f"queue {filters.sort}")
    return render.unless_known(request, render.document(found))


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
    return render.document(_page(rows, ("-pk",), filters, name="conversations"))


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


def _page(
    rows: ConversationQuerySet, order: tuple[str, ...], filters: schemas.Paged, *, name: str
) -> schemas.Conversations:
    columns = [term.lstrip("-") for term in order]
    found, following = pages.page(rows.values_list(*columns, named=True), order, filters, name=name)
    items = present.conversations([row.pk for row in found])
    return schemas.Conversations.model_construct(items=items, next=following)
