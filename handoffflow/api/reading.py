"""What the agent who holds a conversation has read of it."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router
from pydantic import ConfigDict, Field

from conversations import errors
from conversations.models import Conversation
from handoffflow.api import once, openapi, reach, render, schemas
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.models import Scope
from operators import reading
from operators.models import Operator

router = Router(tags=["conversations"])


class Seen(schemas.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"seq": 12}]})

    seq: schemas.Seq = Field(description="The newest message that was read.")


@router.post(
    "/conversations/{conv_id}/seen",
    auth=Access(Scope.DESK),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes("not_yours", "not_human"),
)
def mark_seen(request: ApiRequest, conv_id: str, body: Seen) -> HttpResponse:
    """The agent who holds it has read up to there."""
    return once.perform(request, lambda: _seen(request.auth, conv_id, body))


@router.post(
    "/conversations/{conv_id}/unread",
    auth=Access(Scope.DESK),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes("not_yours", "not_human"),
)
def mark_unread(request: ApiRequest, conv_id: str, body: reach.Nothing = reach.NOTHING) -> HttpResponse:
    """The customer's newest message counts as unread again. Where they have written nothing `unread` stays 0."""
    return once.perform(request, lambda: _unread(request.auth, conv_id))


def _seen(caller: Caller, conv_id: str, body: Seen) -> HttpResponse:
    conversation, holder = _held(caller, conv_id)
    reading.mark_seen(conversation, operator=holder, seq=min(body.seq, conversation.seq))
    return render.conversation(conversation)


def _unread(caller: Caller, conv_id: str) -> HttpResponse:
    conversation, holder = _held(caller, conv_id)
    reading.mark_unread(conversation, operator=holder)
    return render.conversation(conversation)


def _held(caller: Caller, conv_id: str) -> tuple[Conversation, Operator]:
    """What somebody has read, nobody else has: in a session it has to be yours, also for supervisors."""
    conversation = caller.conversation(conv_id)
    holder = conversation.operator
    if holder is None:
        raise errors.NotHuman
    if caller.operator is not None and holder != caller.operator:
        raise errors.NotYours(operator=holder)
    return conversation, holder
