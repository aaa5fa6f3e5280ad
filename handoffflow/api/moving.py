"""Handing a conversation on, and turning down what was offered."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpResponse
from ninja import Router
from pydantic import ConfigDict, Field, StringConstraints

from conversations import clock, notes
from conversations.models import Queue
from handoffflow.api import once, openapi, reach, render, schemas, wire
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.api.errors import Refused
from handoffflow.models import Scope
from operators import desk
from operators.models import Operator

router = Router(tags=["handoff"])

Text = Annotated[str, StringConstraints(min_length=1, max_length=notes.LONGEST)]


class Transfer(schemas.Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agent_id": "6a1b8b0e-43cf-4a53-9c3e-6f0f2d1c7b11",
                    "note": "The address is changed. She still waits for the new invoice.",
                }
            ]
        }
    )

    queue_id: schemas.Id | None = None
    agent_id: schemas.Id | None = None
    note: Text = Field(description="What whoever takes it has to know. The customer never sees it.")
    epoch: schemas.Seq | None = None


class Decline(schemas.Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"agent_id": "6a1b8b0e-43cf-4a53-9c3e-6f0f2d1c7b11"}]}
    )

    agent_id: schemas.Id | None = Field(default=None, description="To whom it is offered; in a session: you.")


class Requeue(schemas.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"epoch": 3}]})

    epoch: schemas.Seq | None = None


_NO_BODY, _WHENEVER = Decline(), Requeue()


@router.post(
    "/conversations/{conv_id}/handoff/transfer",
    auth=Access(Scope.DESK),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes(
        *("not_human", "not_yours", "stale_epoch", "merged", "agent_unavailable", "at_capacity"),
        *("unknown_agent", "note_required"),
    ),
)
def transfer_handoff(request: ApiRequest, conv_id: str, body: Transfer) -> HttpResponse:
    """Hand the conversation to a queue or to an agent, who is offered it. It waits again, as long as before."""
    return once.perform(request, lambda: _transfer(request.auth, conv_id, body))


@router.post(
    "/conversations/{conv_id}/handoff/decline",
    auth=Access(Scope.DESK),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes("not_waiting", "unknown_agent"),
)
def decline_handoff(request: ApiRequest, conv_id: str, body: Decline = _NO_BODY) -> HttpResponse:
    """The agent does not take what was offered to them: anybody of the queue may now."""
    return once.perform(request, lambda: _decline(request.auth, conv_id, body))


@router.post(
    "/conversations/{conv_id}/handoff/requeue",
    auth=Access(Scope.DESK),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes("not_human", "stale_epoch", "merged"),
)
def requeue_handoff(request: ApiRequest, conv_id: str, body: Requeue = _WHENEVER) -> HttpResponse:
    """Back to the front of the queue, whoever has it. Scope admin, or a supervisor."""
    return once.perform(request, lambda: _requeue(request.auth, conv_id, body))


def _transfer(caller: Caller, conv_id: str, body: Transfer) -> HttpResponse:
    conversation = caller.conversation(conv_id)
    person = caller.operator
    desk.transfer(
        conversation,
        by=caller.cause(),
        author=person,
        operator=None if person is None or person.is_staff else person,
        to=_target(caller, body),
        note=body.note,
        now=clock.now(),
        epoch=body.epoch,
    )
    return render.conversation(conversation)


def _decline(caller: Caller, conv_id: str, body: Decline) -> HttpResponse:
    conversation = caller.conversation(conv_id)
    agent = caller.agent(body.agent_id)
    desk.decline(conversation, operator=agent, door="api", now=clock.now(), by=caller.cause())
    return render.conversation(conversation)


def _requeue(caller: Caller, conv_id: str, body: Requeue) -> HttpResponse:
    reach.supervised(caller)
    conversation = caller.conversation(conv_id)
    desk.take_away(conversation, by=caller.cause(), now=clock.now(), epoch=body.epoch)
    return render.conversation(conversation)


def _target(caller: Caller, body: Transfer) -> Operator | Queue:
    if (body.queue_id is None) == (body.agent_id is None):
        raise Refused("invalid", [("queue_id", "choice"), ("agent_id", "choice")])
    if body.queue_id is None:
        return _colleague(caller, str(body.agent_id))
    queues = Queue.objects.for_organization(caller.organization)
    found = queues.filter(public_id=body.queue_id).first() if wire.is_id(body.queue_id) else None
    if found is None:
        raise Refused("invalid", [("queue_id", "unknown")])
    return found


def _colleague(caller: Caller, agent_id: str) -> Operator:
    """Anybody of the team, unlike the agent in whose name a session may act."""
    team = Operator.objects.for_organization(caller.organization).filter(is_active=True)
    found = team.filter(public_id=agent_id).first()
    if found is None:
        raise Refused("unknown_agent")
    return found
