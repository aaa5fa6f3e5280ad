"""Asking for a person, giving them the conversation, and giving it back."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpResponse
from ninja import Router

from conversations import clock, contract, handoffs
from conversations.bots import base
from conversations.models import Conversation, Outcomes, Queue
from handoffflow.api import once, openapi, render, schemas, wire
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.api.errors import Refused
from handoffflow.models import Scope
from operators import desk

router = Router(tags=["handoff"])

_NO_BODY = schemas.Cancel()
_CANCELLED = {Outcomes.CANCELLED, Outcomes.EXPIRED, Outcomes.OUT_OF_HOURS}


@router.post(
    "/conversations/{conv_id}/handoff/request",
    auth=Access(Scope.BOT, Scope.DESK),
    response={201: schemas.Conversation, 200: schemas.Conversation},
    openapi_extra=openapi.codes("stale_epoch", "merged"),
)
def request_handoff(request: ApiRequest, conv_id: str, body: schemas.HandoffRequest) -> HttpResponse:
    """Ask for a person. 201 when this opened a handoff; 200 when one was open: its first reason stays."""
    return once.perform(request, lambda: _request(request.auth, conv_id, body))


@router.post(
    "/conversations/{conv_id}/handoff/assign",
    auth=Access(Scope.DESK),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes(
        "already_claimed", "at_capacity", "agent_unavailable", "stale_epoch", "merged", "unknown_agent"
    ),
)
def assign_handoff(request: ApiRequest, conv_id: str, body: schemas.Assign) -> HttpResponse:
    """Give the conversation to an agent, from the queue or straight from the bot. Theirs already is 200, too."""
    return once.perform(request, lambda: _assign(request.auth, conv_id, body))


@router.post(
    "/conversations/{conv_id}/handoff/cancel",
    auth=Access(Scope.BOT, Scope.DESK),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes("not_waiting"),
)
def cancel_handoff(request: ApiRequest, conv_id: str, body: schemas.Cancel = _NO_BODY) -> HttpResponse:
    """Back to the bot before anybody came."""
    return once.perform(request, lambda: _cancel(request.auth, conv_id, body))


@router.post(
    "/conversations/{conv_id}/handoff/release",
    auth=Access(Scope.DESK),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes(
        "unread_message", "not_human", "not_yours", "stale_epoch", "merged", "outcome_required"
    ),
)
def release_handoff(request: ApiRequest, conv_id: str, body: schemas.Release) -> HttpResponse:
    """End the service and give the conversation back to the bot. The same release again: the same answer."""
    return once.perform(request, lambda: _release(request.auth, conv_id, body))


def _request(caller: Caller, conv_id: str, body: schemas.HandoffRequest) -> HttpResponse:
    conversation = caller.conversation(conv_id)
    _need_epoch(caller, body.epoch)
    _handoff, opened = handoffs.request(
        conversation,
        cause=caller.cause(),
        request=base.HandoffRequest(
            reason=body.reason,
            summary=body.summary,
            intent=body.intent,
            slots=body.slots,
            confidence=body.confidence,
            priority=body.priority,
            queue=_queue(conversation, body.queue),
            suggested_reply=body.suggested_reply,
        ),
        now=clock.now(),
        epoch=body.epoch,
    )
    return render.conversation(conversation, status=201 if opened else 200)


def _assign(caller: Caller, conv_id: str, body: schemas.Assign) -> HttpResponse:
    conversation = caller.conversation(conv_id)
    agent = caller.agent(body.agent_id)
    if body.force and not caller.may_force:
        raise Refused("scope")
    desk.claim(
        conversation,
        operator=agent,
        door="api",
        now=clock.now(),
        epoch=body.epoch,
        by=caller.cause(),
        force=body.force,
    )
    return render.conversation(conversation)


def _cancel(caller: Caller, conv_id: str, body: schemas.Cancel) -> HttpResponse:
    conversation = caller.conversation(conv_id)
    outcome = body.reason if body.reason in _CANCELLED else Outcomes.CANCELLED
    handoffs.cancel(conversation, cause=caller.cause(), now=clock.now(), outcome=outcome)
    return render.conversation(conversation)


def _release(caller: Caller, conv_id: str, body: schemas.Release) -> HttpResponse:
    conversation = caller.conversation(conv_id)
    person = caller.operator
    desk.release(
        conversation,
        operator=None if person is None or person.is_staff else person,
        by=caller.cause(),
        epoch=body.epoch,
        seen=body.last_seen_seq,
        release=contract.Release(
            outcome=body.outcome or body.reason or "",
            summary=body.summary,
            facts=body.facts,
            promises=tuple(body.promises),
            do_not_repeat=tuple(body.do_not_repeat),
            resume=body.resume,
        ),
        now=clock.now(),
        force=body.force,
    )
    return render.conversation(conversation)


def _need_epoch(caller: Caller, epoch: int | None) -> None:
    """A bot acts in the epoch of its turn, or it acts for one that is over."""
    if caller.is_bot and epoch is None:
        raise Refused("invalid", [("epoch", "required")])


def _queue(conversation: Conversation, wanted: str | None) -> str | None:
    """The name of the queue that is meant by name or id; a wrong one is not silently the default one."""
    if wanted is None:
        return None
    by_id = Q(public_id=wanted) if wire.is_id(wanted) else Q(pk__in=[])
    queues = Queue.objects.for_organization(conversation.sender.organization)
    found = queues.filter(by_id | Q(name=wanted)).first()
    if found is None:
        raise Refused("invalid", [("queue", "unknown")])
    return found.name
