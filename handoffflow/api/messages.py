"""What was said in a conversation, and saying something."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseBase
from ninja import Query, Router

from conversations import clock, replies
from conversations.models import Attachment, AttachmentState, Author, Conversation, Message
from conversations.models.message import MessageQuerySet
from handoffflow.api import once, openapi, pages, present, render, schemas, templates, wire
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.api.errors import Refused
from handoffflow.models import Scope
from operators import desk

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


@router.get(
    "/conversations/{conv_id}/media/{media_id}",
    auth=Access(Scope.READ, Scope.BOT),
    response={200: None},
    openapi_extra=openapi.file(),
)
def get_media(request: ApiRequest, conv_id: str, media_id: str) -> HttpResponseBase:
    """The bytes of a stored file, as a download."""
    conversation = request.auth.conversation(conv_id)
    found = Attachment.objects.filter(message__conversation=conversation, state=AttachmentState.STORED)
    attachment = found.filter(public_id=media_id).first() if wire.is_id(media_id) else None
    if attachment is None:
        raise Refused("not_found")
    return render.file(attachment)


@router.post(
    "/conversations/{conv_id}/messages",
    auth=Access(Scope.BOT, Scope.DESK),
    response={202: schemas.Accepted},
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
    ),
)
def send_message(request: ApiRequest, conv_id: str, body: schemas.Say) -> HttpResponse:
    """Say something to the customer: accepted, not yet sent. The Idempotency-Key keeps it from being said twice."""
    return once.perform(request, lambda: _say(request, conv_id, body))


def _say(request: ApiRequest, conv_id: str, body: schemas.Say) -> HttpResponse:
    caller = request.auth
    if caller.is_bot != (body.message_owner == "bot"):
        raise Refused("scope")
    conversation = caller.conversation(conv_id)
    if body.content_sid is not None:
        if body.body is not None or body.buttons or body.menu:
            raise Refused("invalid", [("body", "conflict")])
        if body.reply_to is not None:
            raise Refused("invalid", [("reply_to", "conflict")])
        sent = templates.send(caller, conversation, body, once.client_key(request))
        shown = present.messages([sent])
        return render.document(schemas.Accepted.model_construct(message=shown[0], parts=shown), status=202)
    if body.body is None or body.variables:
        raise Refused("invalid", [("body", "required")] if body.body is None else [("variables", "conflict")])
    if body.buttons or body.menu:
        return _offer(caller, conversation, body, once.client_key(request))
    speak = _as_bot if caller.is_bot else _as_agent
    said = speak(caller, conversation, body, once.client_key(request))
    shown = present.messages(said)
    return render.document(schemas.Accepted.model_construct(message=shown[0], parts=shown), status=202)


def _offer(caller: Caller, conversation: Conversation, body: schemas.Say, key: str | None) -> HttpResponse:
    """A text with buttons or a list under it."""
    if body.reply_to is not None or (body.buttons and body.menu):
        raise Refused("invalid", [("reply_to" if body.reply_to else "menu", "conflict")])
    said = templates.offer(caller, conversation, body, key)
    shown = present.messages([said])
    return render.document(schemas.Accepted.model_construct(message=shown[0], parts=shown), status=202)


def _as_bot(caller: Caller, conversation: Conversation, body: schemas.Say, key: str | None) -> list[Message]:
    if body.epoch is None:
        raise Refused("invalid", [("epoch", "required")])
    return replies.say(
        conversation,
        cause=caller.cause(),
        author=Author.BOT,
        body=body.body or "",
        now=clock.now(),
        epoch=body.epoch,
        client_key=key,
        reply_to=_reply_to(conversation, body.reply_to),
    )


def _as_agent(
    caller: Caller, conversation: Conversation, body: schemas.Say, key: str | None
) -> list[Message]:
    agent = caller.agent(body.agent_id)
    if caller.operator is not None and agent != caller.operator:
        raise Refused("scope")
    return replies.say(
        conversation,
        cause=desk.cause(agent, "api"),
        author=Author.OPERATOR,
        operator=agent,
        body=body.body or "",
        now=clock.now(),
        epoch=conversation.epoch if body.epoch is None else body.epoch,
        client_key=key,
        reply_to=_reply_to(conversation, body.reply_to),
    )


def _reply_to(conversation: Conversation, wanted: str | None) -> Message | None:
    if wanted is None:
        return None
    found = Message.objects.filter(conversation=conversation, public_id=wanted).first()
    if found is None:
        raise Refused("invalid", [("reply_to", "unknown")])
    return found


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
    found = list((rows.in_order() if forward else rows.newest_first())[: size + 1])
    more, found = len(found) > size, found[:size]
    following = None
    if more:
        edge = found[-1].seq
        following = pages.sealed(name, [edge, before] if forward else [None, edge])
    if not forward:
        found.reverse()
    return schemas.Messages.model_construct(items=present.messages(found), next=following)
