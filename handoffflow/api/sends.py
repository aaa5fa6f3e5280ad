"""What is decided about messages that failed or may not have arrived, and files that could not be had."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router
from pydantic import ConfigDict, Field

from conversations import clock, delivery, media
from conversations.models import Attachment, Message
from handoffflow.api import bubbles, once, openapi, reach, render, schemas
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.models import Scope

router = Router(tags=["messages"])


class Again(schemas.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"unconfirmed": False}]})

    unconfirmed: bool = Field(
        default=False, description="Send one again whose status is unknown: it may have arrived already."
    )


_AGAIN = Again()


@router.post(
    "/conversations/{conv_id}/messages/{message_id}/retry",
    auth=Access(Scope.DESK),
    response={202: schemas.Message},
    openapi_extra=openapi.codes(
        "not_retryable", "already_settled", "not_yours", "not_human", "opted_out", "window_closed"
    ),
)
def retry_message(request: ApiRequest, conv_id: str, message_id: str, body: Again = _AGAIN) -> HttpResponse:
    """Send a message once more that failed. In a session: of a conversation that you hold, or as a supervisor."""
    return once.perform(request, lambda: _retry(request.auth, conv_id, message_id, body))


@router.post(
    "/conversations/{conv_id}/messages/{message_id}/discard",
    auth=Access(Scope.DESK),
    response={200: schemas.Message},
    openapi_extra=openapi.codes("already_settled", "not_yours", "not_human"),
)
def discard_message(
    request: ApiRequest, conv_id: str, message_id: str, body: reach.Nothing = reach.NOTHING
) -> HttpResponse:
    """Give a message up that failed, is unconfirmed or still waits. It stays in the thread, as cancelled."""
    return once.perform(request, lambda: _discard(request.auth, conv_id, message_id))


@router.post(
    "/conversations/{conv_id}/messages/{message_id}/arrived",
    auth=Access(Scope.DESK),
    response={200: schemas.Message},
    openapi_extra=openapi.codes("already_settled"),
)
def message_arrived(
    request: ApiRequest, conv_id: str, message_id: str, body: reach.Nothing = reach.NOTHING
) -> HttpResponse:
    """Somebody knows that an unconfirmed message has arrived. Scope admin, or a supervisor."""
    return once.perform(request, lambda: _arrived(request.auth, conv_id, message_id))


@router.post(
    "/conversations/{conv_id}/media/{media_id}/again",
    auth=Access(Scope.DESK),
    response={200: schemas.Media},
    openapi_extra=openapi.codes(),
)
def fetch_media_again(
    request: ApiRequest, conv_id: str, media_id: str, body: reach.Nothing = reach.NOTHING
) -> HttpResponse:
    """Fetch a file once more that could not be had. One that has not failed stays as it is."""
    return once.perform(request, lambda: _fetch(request.auth, conv_id, media_id))


def _retry(caller: Caller, conv_id: str, message_id: str, body: Again) -> HttpResponse:
    message = _message(caller, conv_id, message_id)
    delivery.retry(message, cause=caller.cause(), now=clock.now(), unconfirmed=body.unconfirmed)
    return _answer(message, status=202)


def _discard(caller: Caller, conv_id: str, message_id: str) -> HttpResponse:
    message = _message(caller, conv_id, message_id)
    delivery.discard(message, cause=caller.cause(), now=clock.now())
    return _answer(message)


def _arrived(caller: Caller, conv_id: str, message_id: str) -> HttpResponse:
    reach.supervised(caller)
    message = _message(caller, conv_id, message_id)
    delivery.arrived(message, cause=caller.cause(), now=clock.now())
    return _answer(message)


def _fetch(caller: Caller, conv_id: str, media_id: str) -> HttpResponse:
    conversation = caller.readable(conv_id)
    known = Attachment.objects.filter(message__conversation=conversation).select_related("message")
    row = reach.one(known, media_id)
    media.retry(row, cause=caller.cause(), now=clock.now())
    row.refresh_from_db()
    shown = schemas.Media.of(
        id=row.public_id,
        content_type=row.media_type or row.content_type,
        state=row.state,
        name=row.name,
        size=row.size,
    )
    return render.document(shown)


def _message(caller: Caller, conv_id: str, message_id: str) -> Message:
    """One that was to be sent; whatever the customer wrote is none."""
    conversation = caller.conversation(conv_id)
    found = reach.one(Message.objects.filter(conversation=conversation).exclude(delivery=None), message_id)
    reach.in_hand(caller, conversation)
    return found


def _answer(message: Message, *, status: int = 200) -> HttpResponse:
    return render.document(bubbles.messages([message.pk])[0], status=status)
