"""Whether two conversations are one person's: what is asked, and what the team says."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from ninja import Router
from pydantic import BaseModel, ConfigDict, Field

from conversations import clock, likeness
from conversations.models import Conversation
from handoffflow.api import once, openapi, reach, render, schemas
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.api.errors import Refused
from handoffflow.models import Scope
from operators import people

router = Router(tags=["people"])


class Other(schemas.Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"other_id": "0e0b7c56-2f0e-4b0c-9d55-9a1c3a1f5f6e"}]}
    )

    other_id: schemas.Id = Field(description="The other conversation.")


class Beside(BaseModel):
    """Another conversation."""

    id: UUID
    contact: schemas.Contact


class Person(BaseModel):
    merged: list[Beside] = Field(description="What was merged into this conversation.")
    alike: list[Beside] = Field(description="Of whom it is asked whether they are the same person.")


@router.get(
    "/conversations/{conv_id}/person",
    auth=Access(Scope.READ),
    response={200: Person},
    openapi_extra=openapi.codes(),
)
def get_person(request: ApiRequest, conv_id: str) -> HttpResponse:
    """Which other conversations are, or may be, the same person's."""
    known = _person(request.auth, request.auth.conversation(conv_id))
    return render.document(
        Person.model_construct(
            merged=[_beside(one) for one in known.merged], alike=[_beside(one) for one in known.alike]
        )
    )


@router.post(
    "/conversations/{conv_id}/person/same",
    auth=Access(Scope.DESK),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes("cannot_merge"),
)
def same_person(request: ApiRequest, conv_id: str, body: Other) -> HttpResponse:
    """They are one person: the answer is the conversation that goes on. Of two that are not `alike` with scope admin,
    or by a supervisor."""
    return once.perform(request, lambda: _same(request.auth, conv_id, body))


@router.post(
    "/conversations/{conv_id}/person/different",
    auth=Access(Scope.DESK),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes(),
)
def different_people(request: ApiRequest, conv_id: str, body: Other) -> HttpResponse:
    """They are two people: nobody is asked about them again."""
    return once.perform(request, lambda: _different(request.auth, conv_id, body))


@router.post(
    "/conversations/{conv_id}/person/separate",
    auth=Access(Scope.DESK),
    response={200: schemas.Conversation},
    openapi_extra=openapi.codes("not_merged"),
)
def separate_people(request: ApiRequest, conv_id: str, body: Other) -> HttpResponse:
    """Take apart again what was merged into this conversation. Scope admin, or a supervisor."""
    return once.perform(request, lambda: _separate(request.auth, conv_id, body))


def _same(caller: Caller, conv_id: str, body: Other) -> HttpResponse:
    shown, other = _two(caller, conv_id, body)
    goes_on = people.same(
        shown, other, operator=caller.operator, door="api", now=clock.now(), by=caller.cause()
    )
    return render.conversation(goes_on)


def _different(caller: Caller, conv_id: str, body: Other) -> HttpResponse:
    shown, other = _two(caller, conv_id, body)
    people.different(shown, other, operator=caller.operator, now=clock.now())
    return render.conversation(shown)


def _separate(caller: Caller, conv_id: str, body: Other) -> HttpResponse:
    reach.supervised(caller)
    shown = caller.conversation(conv_id)
    merged = Conversation.objects.with_parties().filter(merged_into=shown)
    other = reach.one(merged, body.other_id)
    people.separate(shown, other, operator=caller.operator, door="api", now=clock.now(), by=caller.cause())
    return render.conversation(shown)


def _two(caller: Caller, conv_id: str, body: Other) -> tuple[Conversation, Conversation]:
    """Both have to be there for the caller. Without supervision they answer what is asked, no more."""
    shown, other = caller.conversation(conv_id), caller.conversation(body.other_id)
    if not caller.may_force and other not in _person(caller, shown).alike:
        raise Refused("not_found")
    return shown, other


def _person(caller: Caller, shown: Conversation) -> likeness.Person:
    """Operators are asked about whom they serve; supervisors and keys about everybody."""
    operator = caller.operator
    asks = operator is None or operator.is_staff or shown.operator_id == operator.pk
    return likeness.of(shown, among=caller.conversations() if asks else None)


def _beside(one: Conversation) -> Beside:
    contact = schemas.Contact.of(id=one.contact.public_id, name=one.contact.name, address=one.reply_address)
    return Beside.model_construct(id=one.public_id, contact=contact)
