"""The people of the team: who is there, what they hold, and their next conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from django.db.models import Count, QuerySet
from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from conversations import clock, notes
from conversations.models import Conversation, Mode
from handoffflow.api import once, openapi, pages, reach, render, schemas
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.api.errors import Refused
from handoffflow.models import Scope
from operators import desk, mentions, presence
from operators.models import Operator, PresenceStatus

router = Router(tags=["team"])

Text = Annotated[str, StringConstraints(min_length=1, max_length=notes.LONGEST)]


class Agent(BaseModel):
    id: UUID
    name: str
    status: Literal["available", "on_break", "away", "offline"] = Field(
        description="away: available, and has touched nothing for a while."
    )
    places: int = Field(description="How many conversations at once.")
    in_use: int = Field(description="Those they serve, and those that are offered to them.")
    queue_ids: list[UUID]
    supervisor: bool


class Agents(schemas.Page[Agent]):
    pass


class AgentFilter(schemas.Paged):
    queue_id: schemas.Id | None = Field(default=None, description="Those who serve this queue.")


class Availability(schemas.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "available"}]})

    status: Literal["available", "on_break", "offline"]


class EndOfShift(schemas.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "End of the shift.", "leaves": True}]})

    note: Text = Field(description="What whoever takes them has to know.")
    to: schemas.Id | None = Field(default=None, description="An agent; left out, each goes to its queue.")
    leaves: bool = Field(default=False, description="Make them offline first, so that nothing comes back.")


class HandedOver(BaseModel):
    went: int
    stayed: int = Field(description="There was no free place for them, or the agent is not available.")


class MentionsRead(BaseModel):
    read: int


@router.get(
    "/agents",
    auth=Access(Scope.DESK, Scope.READ, query=AgentFilter),
    response={200: Agents},
    openapi_extra=openapi.codes(),
)
def list_agents(request: ApiRequest, filters: Query[AgentFilter]) -> HttpResponse:
    """Everybody of the team who may log in."""
    rows = reach.team(request.auth)
    if filters.queue_id:
        rows = rows.filter(queues__public_id=filters.queue_id)
    found, following = pages.page(rows, ("pk",), filters, name="agents")
    return render.document(Agents.model_construct(items=_shown(found), next=following))


@router.get(
    "/agents/{agent_id}",
    auth=Access(Scope.DESK, Scope.READ),
    response={200: Agent},
    openapi_extra=openapi.codes(),
)
def get_agent(request: ApiRequest, agent_id: str) -> HttpResponse:
    return _answer(reach.one(reach.team(request.auth), agent_id))


@router.post(
    "/agents/{agent_id}/availability",
    auth=Access(Scope.DESK),
    response={200: Agent},
    openapi_extra=openapi.codes(),
)
def set_availability(request: ApiRequest, agent_id: str, body: Availability) -> HttpResponse:
    """Available, on break or offline; an open panel keeps it up, else repeat it within a minute. In a session only
    your own; of others with a key of scope admin that belongs to no sender."""
    return once.perform(request, lambda: _choose(request.auth, agent_id, body))


@router.post(
    "/agents/{agent_id}/next",
    auth=Access(Scope.DESK),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes("nobody_waits", "at_capacity", "agent_unavailable"),
)
def take_next(request: ApiRequest, agent_id: str, body: reach.Nothing = reach.NOTHING) -> HttpResponse:
    """Give the agent the next one in turn that they may take: offered to them first, then priority, then who has
    waited longest. 409 `nobody_waits` when there is none."""
    return once.perform(request, lambda: _next(request.auth, agent_id))


@router.post(
    "/agents/{agent_id}/shift",
    auth=Access(Scope.DESK),
    response={200: HandedOver},
    openapi_extra=openapi.codes("unknown_agent", "note_required"),
)
def end_shift(request: ApiRequest, agent_id: str, body: EndOfShift) -> HttpResponse:
    """Hand on all that an agent holds and you may see. Scope admin, or a supervisor; `leaves` not with a key of one
    sender."""
    return once.perform(request, lambda: _hand_over(request.auth, agent_id, body))


@router.post(
    "/conversations/{conv_id}/mentions/read",
    auth=Access(Scope.DESK),
    response={200: MentionsRead},
    openapi_extra=openapi.codes("unknown_agent"),
)
def read_mentions(request: ApiRequest, conv_id: str, body: reach.InTheNameOf = reach.NOBODY) -> HttpResponse:
    """The agent has read the notes here that mention them."""
    return once.perform(request, lambda: _read(request.auth, conv_id, body))


def _choose(caller: Caller, agent_id: str, body: Availability) -> HttpResponse:
    if caller.key is not None:
        _may_send_away(caller)
    agent = reach.one(reach.team(caller), agent_id)
    if caller.operator is not None and agent != caller.operator:
        raise Refused("scope")
    presence.choose(agent, PresenceStatus(body.status), now=clock.now())
    return _answer(agent)


def _may_send_away(caller: Caller) -> None:
    """What somebody offline leaves unanswered goes back to its queue, on whichever number it came in."""
    reach.supervised(caller)
    reach.company_wide(caller)


def _next(caller: Caller, agent_id: str) -> HttpResponse:
    agent = reach.one(reach.team(caller), agent_id)
    if caller.operator is not None and agent != caller.operator:
        reach.supervised(caller)
    taken = desk.claim_next(
        agent, door="api", now=clock.now(), by=caller.cause(), among=caller.conversations()
    )
    if taken is None:
        raise Refused("nobody_waits")
    return render.conversation(taken)


def _hand_over(caller: Caller, agent_id: str, body: EndOfShift) -> HttpResponse:
    if body.leaves:
        _may_send_away(caller)
    reach.supervised(caller)
    everybody = Operator.objects.for_organization(caller.organization).select_related("organization")
    person = reach.one(everybody, agent_id)
    to = reach.team(caller).filter(public_id=body.to).first() if body.to else None
    if body.to and to in {None, person}:
        raise Refused("unknown_agent")
    went, stayed = desk.hand_over_all(
        person,
        author=caller.operator,
        to=to,
        note=body.note,
        now=clock.now(),
        leaves=body.leaves,
        by=caller.cause(),
        among=caller.conversations(),
    )
    return render.document(HandedOver(went=went, stayed=stayed))


def _read(caller: Caller, conv_id: str, body: reach.InTheNameOf) -> HttpResponse:
    conversation = caller.conversation(conv_id)
    agent = reach.speaker(caller, body.agent_id)
    return render.document(MentionsRead(read=mentions.read(conversation, agent, clock.now())))


def _answer(agent: Operator) -> HttpResponse:
    return render.document(_shown([agent])[0])


def _shown(rows: Sequence[Operator]) -> list[Agent]:
    """A whole page with four queries."""
    ids = [row.pk for row in rows]
    states = presence.states(ids, clock.now())
    served = _count(Conversation.objects.filter(mode=Mode.HUMAN, operator__in=ids), "operator")
    offered = _count(Conversation.objects.queued().filter(offered_to__in=ids), "offered_to")
    queues: dict[int, list[UUID]] = {}
    through = Operator.queues.through._default_manager.filter(operator_id__in=ids).order_by("queue_id")
    for operator, queue in through.values_list("operator_id", "queue__public_id"):
        queues.setdefault(operator, []).append(queue)
    return [
        Agent.model_construct(
            id=row.public_id,
            name=row.shown_name,
            status=states.get(row.pk, PresenceStatus.OFFLINE.value),
            places=row.capacity,
            in_use=served.get(row.pk, 0) + offered.get(row.pk, 0),
            queue_ids=queues.get(row.pk, []),
            supervisor=row.is_staff,
        )
        for row in rows
    ]


def _count(rows: QuerySet[Conversation], whose: str) -> dict[int, int]:
    counted = rows.order_by().values(whose).annotate(count=Count("pk"))
    return dict(counted.values_list(whose, "count"))
