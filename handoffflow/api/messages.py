"""What was said in a conversation, and saying something."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Query, Router

from conversations.models import Message
from conversations.models.message import MessageQuerySet
from handoffflow.api import bubbles, once, openapi, pages, render, saying, schemas, spoken
from handoffflow.api.auth import Access, ApiRequest
from handoffflow.models import Scope

router = Router(tags=["messages"])


@router.get(
    "/conversations/{conv_id}/messages",
    auth=Access(Scope.READ, query=schemas.MessageFilter),
    response={200: schemas.Messages},
    openapi_extra=openapi.codes(),
)
def list_messages(request: ApiRequest, conv_id: str, filters: Query[schemas.MessageFilter]) -> HttpResponse:
    """Messages in order. Without a bound the newest, `next` leads to older ones; with `after_seq` to newer ones."""
    conversation = request.auth.readable(conv_id)
    rows = Message.objects.filter(conversation=conversation)
    return render.document(_page(rows, filters, name=f"messages {conversation.public_id}"))


@router.post(
    "/conversations/{conv_id}/messages",
    auth=Access(Scope.BOT, Scope.DESK),
    response={202: spoken.Accepted},
    openapi_extra=openapi.codes(
        "stale_epoch",
        "merged",
        "not_yours",
        "not_human",
        "with_bot",
        "unknown_agent",
        "window_closed",
        "unknown_template",
        "template_refused",
        "opted_out",
        "empty_message",
        "message_too_long",
        "unknown_media",
        "file_refused",
        "media_not_fetched",
        stale_epoch={"suggestion_id": "0e0b7c56-2f0e-4b0c-9d55-9a1c3a1f5f6e"},
    ),
)
def send_message(request: ApiRequest, conv_id: str, body: spoken.Say) -> HttpResponse:
    """Say something to the customer: accepted, not yet sent. The Idempotency-Key keeps it from being said twice.

    A bot's text that comes after its epoch is 409 `stale_epoch`, with `suggestion_id` if the handoff of that id keeps
    it as its `suggested_reply`."""
    return once.perform(request, lambda: saying.say(request, conv_id, body))


def _page(rows: MessageQuerySet, filters: schemas.MessageFilter, *, name: str) -> schemas.Messages:
    """The page nearest to the bound, oldest first; a cursor carries the direction on."""
    size, after, before = pages.limit(filters), filters.after_seq, filters.before_seq
    if filters.cursor is not None:
        after, before = pages.opened(filters.cursor, name, 2)
    if after is not None:
        rows = rows.filter(seq__gt=int(after))
    if before is not None:
        rows = rows.filter(seq__lt=int(before))
    forward = after is not None
    ordered = rows.in_order() if forward else rows.newest_first()
    found = list(ordered.values_list("pk", "seq", named=True)[: size + 1])
    more, found = len(found) > size, found[:size]
    following = None
    if more:
        edge = found[-1].seq
        following = pages.sealed(name, [edge, before] if forward else [None, edge])
    if not forward:
        found.reverse()
    return schemas.Messages.model_construct(items=bubbles.messages([row.pk for row in found]), next=following)
