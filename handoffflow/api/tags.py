"""The company's tags, and those of a conversation."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, ConfigDict, Field

from conversations import clock
from conversations.models import Conversation
from handoffflow.api import once, openapi, pages, reach, render, schemas
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.api.errors import Refused
from handoffflow.models import Scope
from operators import tags
from operators.labels import Hue
from operators.models import Tag

router = Router(tags=["tags"])


class TagShape(BaseModel):
    id: UUID
    name: str
    colour: str
    active: bool = Field(description="One that is not stays where it is and is given no more.")


class Tags(schemas.Page[TagShape]):
    pass


class AddTag(schemas.Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tag_id": "0e0b7c56-2f0e-4b0c-9d55-9a1c3a1f5f6e",
                    "agent_id": "6a1b8b0e-43cf-4a53-9c3e-6f0f2d1c7b11",
                }
            ]
        }
    )

    tag_id: schemas.Id
    agent_id: schemas.Id | None = Field(
        default=None, description="Who gives it: required with a key; in a session that is you."
    )


class TagFilter(schemas.Paged):
    pass


@router.get(
    "/tags",
    auth=Access(Scope.DESK, Scope.READ, query=TagFilter),
    response={200: Tags},
    openapi_extra=openapi.codes(),
)
def list_tags(request: ApiRequest, filters: Query[TagFilter]) -> HttpResponse:
    """All of the company's, by name."""
    found, following = pages.page(_ours(request.auth), ("name", "pk"), filters, name="tags")
    return render.document(Tags.model_construct(items=[_shape(row) for row in found], next=following))


@router.get(
    "/conversations/{conv_id}/tags",
    auth=Access(Scope.READ),
    response={200: Tags},
    openapi_extra=openapi.codes(),
)
def list_conversation_tags(request: ApiRequest, conv_id: str) -> HttpResponse:
    """All it has, also from conversations that were merged into it."""
    return _answer(request.auth.readable(conv_id))


@router.post(
    "/conversations/{conv_id}/tags",
    auth=Access(Scope.DESK),
    response={200: Tags},
    openapi_extra=openapi.codes("merged", "unknown_agent"),
)
def add_tag(request: ApiRequest, conv_id: str, body: AddTag) -> HttpResponse:
    """Give it a tag. One that it has already is 200, too."""
    return once.perform(request, lambda: _add(request.auth, conv_id, body))


@router.post(
    "/conversations/{conv_id}/tags/{tag_id}/remove",
    auth=Access(Scope.DESK),
    response={200: Tags},
    openapi_extra=openapi.codes("merged"),
)
def remove_tag(
    request: ApiRequest, conv_id: str, tag_id: str, body: reach.Nothing = reach.NOTHING
) -> HttpResponse:
    """Take a tag off. One that it does not have is 200, too."""
    return once.perform(request, lambda: _remove(request.auth, conv_id, tag_id))


def _add(caller: Caller, conv_id: str, body: AddTag) -> HttpResponse:
    conversation = caller.conversation(conv_id)
    agent = reach.speaker(caller, body.agent_id)
    tag = _ours(caller).filter(public_id=body.tag_id, active=True).first()
    if tag is None:
        raise Refused("invalid", [("tag_id", "unknown")])
    tags.add(conversation, tag, operator=agent, door="api", now=clock.now(), by=caller.cause())
    return _answer(conversation)


def _remove(caller: Caller, conv_id: str, tag_id: str) -> HttpResponse:
    conversation = caller.conversation(conv_id)
    tag = reach.one(_ours(caller), tag_id)
    tags.remove(conversation, tag, by=caller.cause(), now=clock.now())
    return _answer(conversation)


def _ours(caller: Caller) -> QuerySet[Tag]:
    return Tag.objects.filter(organization=caller.organization)


def _answer(conversation: Conversation) -> HttpResponse:
    has = tags.of([conversation.pk]).get(conversation.merged_into_id or conversation.pk, {})
    return render.document(Tags.model_construct(items=[_shape(row) for row in has.values()], next=None))


def _shape(row: Tag) -> TagShape:
    return TagShape.model_construct(
        id=row.public_id, name=row.name, colour=Hue(row.hue).name.lower(), active=row.active
    )
