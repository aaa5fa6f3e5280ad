"""Whom and what a call names: found among what the caller may know of, or not there at all."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet
from pydantic import ConfigDict, Field

from conversations import errors
from conversations.models import Conversation, Sender
from handoffflow.api import schemas, wire
from handoffflow.api.auth import Caller
from handoffflow.api.errors import Refused
from operators.models import Operator

M = TypeVar("M", bound=Model)


class Nothing(schemas.Body):
    """There is nothing to say beside the address."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class InTheNameOf(schemas.Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"agent_id": "6a1b8b0e-43cf-4a53-9c3e-6f0f2d1c7b11"}]}
    )

    agent_id: schemas.Id | None = Field(default=None, description="Who does it; in a session that is you.")


NOTHING, NOBODY = Nothing(), InTheNameOf()


def one(rows: QuerySet[M], public_id: str) -> M:
    """What is named in an address."""
    found = rows.filter(public_id=public_id).first() if wire.is_id(public_id) else None
    if found is None:
        raise Refused("not_found")
    return found


def supervised(caller: Caller) -> None:
    """What only supervisors may, and keys with ``admin``."""
    if not caller.may_force:
        raise Refused("scope")


def company_wide(caller: Caller) -> None:
    """What is the whole company's: a key of one sender decides nothing about it."""
    if caller.key is not None and not caller.sees_all:
        raise Refused("scope")


def team(caller: Caller) -> QuerySet[Operator]:
    return Operator.objects.for_organization(caller.organization).filter(is_active=True)


def speaker(caller: Caller, agent_id: str | None) -> Operator:
    """In whose name something is done. In a session that is whoever is logged in, supervisors as well."""
    agent = caller.agent(agent_id)
    if caller.operator is not None and agent != caller.operator:
        raise Refused("scope")
    return agent


def author(caller: Caller, agent_id: str | None) -> Operator | None:
    """As ``speaker``; a key may also do it in its own name, without an agent."""
    return None if caller.key is not None and agent_id is None else speaker(caller, agent_id)


def senders(caller: Caller) -> QuerySet[Sender]:
    own = Sender.objects.for_organization(caller.organization)
    if caller.key is not None and caller.key.sender_id is not None:
        return own.filter(pk=caller.key.sender_id)
    return own


def in_hand(caller: Caller, conversation: Conversation) -> None:
    """An operator decides about what they hold; supervisors and keys about all that they may see."""
    person = caller.operator
    if person is None or person.is_staff or conversation.operator_id == person.pk:
        return
    if conversation.operator is None:
        raise errors.NotHuman
    raise errors.NotYours(operator=conversation.operator)
