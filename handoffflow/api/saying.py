"""Saying something to the customer, in the name of the bot or of an agent: a text, choices, a file, a template."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from uuid import UUID

from django.http import HttpResponse

from conversations import clock, replies, uploads
from conversations.models import Author, Conversation, Message
from conversations.uploads import Upload
from handoffflow.api import bubbles, media, once, render, templates
from handoffflow.api.auth import ApiRequest, Caller
from handoffflow.api.errors import Refused
from handoffflow.api.spoken import Accepted, Say
from operators import desk


def say(request: ApiRequest, conv_id: str, body: Say) -> HttpResponse:
    caller, key = request.auth, once.client_key(request)
    if caller.is_bot != (body.message_owner == "bot"):
        raise Refused("scope")
    conversation = caller.conversation(conv_id)
    if conflict := _conflict(body):
        raise Refused("invalid", [conflict])
    if body.content_sid is not None:
        return _accepted([templates.send(caller, conversation, body, key)])
    if body.buttons or body.menu:
        return _accepted([templates.offer(caller, conversation, body, key)])
    speak = _as_bot if caller.is_bot else _as_agent
    with _file(conversation, body, key) as upload:
        return _accepted(speak(caller, conversation, body, key, upload))


def _conflict(body: Say) -> tuple[str, str] | None:
    """The member that cannot stand beside the others, or is missing."""
    wrong = {
        "media_url": body.media_id is not None and bool(body.media_url),
        "reply_to": body.reply_to is not None and bool(body.content_sid or body.buttons or body.menu),
        "menu": bool(body.buttons) and body.menu is not None,
        "buttons": bool(body.buttons or body.menu) and body.has_file,
        "content_sid": body.content_sid is not None and body.has_file,
        "variables": bool(body.variables) and body.content_sid is None,
    }
    if body.content_sid is not None and (body.body is not None or body.buttons or body.menu):
        return "body", "conflict"
    if body.content_sid is None and body.body is None and not body.has_file:
        return "body", "required"
    return next(((name, "conflict") for name, is_wrong in wrong.items() if is_wrong), None)


def _file(conversation: Conversation, body: Say, key: str | None) -> AbstractContextManager[Upload | None]:
    if body.media_url:
        return media.fetched(body.media_url[0])
    if body.media_id is None:
        return nullcontext()
    return nullcontext(uploads.kept(conversation, UUID(body.media_id), now=clock.now(), client_key=key))


def _accepted(said: list[Message]) -> HttpResponse:
    shown = bubbles.messages([message.pk for message in said])
    return render.document(Accepted.model_construct(message=shown[0], parts=shown), status=202)


def _as_bot(
    caller: Caller, conversation: Conversation, body: Say, key: str | None, upload: Upload | None
) -> list[Message]:
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
        upload=upload,
    )


def _as_agent(
    caller: Caller, conversation: Conversation, body: Say, key: str | None, upload: Upload | None
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
        upload=upload,
    )


def _reply_to(conversation: Conversation, wanted: str | None) -> Message | None:
    if wanted is None:
        return None
    found = Message.objects.filter(conversation=conversation, public_id=wanted).first()
    if found is None:
        raise Refused("invalid", [("reply_to", "unknown")])
    return found
