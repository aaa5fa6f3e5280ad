"""The templates that may be sent, and sending one in a conversation."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field

from conversations import clock, interactive, templates
from conversations.models import Author, Conversation, Message, Sender, Template
from conversations.models.template import TemplateQuerySet
from handoffflow.api import choices, openapi, pages, render, schemas, spoken
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.api.errors import Refused
from handoffflow.models import Scope
from operators import desk

router = Router(tags=["templates"])


class TemplateFilter(schemas.Paged):
    sender: str | None = Field(
        default=None, max_length=255, description="Those of this sender's account, by its address."
    )
    name: str | None = Field(default=None, max_length=255)
    language: str | None = Field(default=None, max_length=20, description="As Twilio writes it: pt_BR.")
    approval: Literal["received", "pending", "approved", "rejected", "paused", "disabled"] | None = Field(
        default=None, description="approved: those that get through a closed window."
    )


class Variable(BaseModel):
    name: str
    sample: str


class Button(BaseModel):
    kind: Literal["reply", "url", "phone", "list"]
    title: str


class TemplateShape(BaseModel):
    """A content of Twilio's with what WhatsApp has said about it, as it was last read."""

    id: UUID
    content_sid: str
    name: str
    language: str
    category: str = Field(description="utility, marketing, or empty.")
    approval: str
    rejection_reason: str
    kind: str = Field(description="Twilio's content type, such as twilio/text.")
    header: str
    body: str
    footer: str
    variables: list[Variable] = Field(description="Every one has to be filled to send it.")
    buttons: list[Button]
    synced_at: datetime


class Templates(schemas.Page[TemplateShape]):
    pass


@router.get(
    "/templates",
    auth=Access(Scope.BOT, Scope.DESK, Scope.READ, query=TemplateFilter),
    response={200: Templates},
    openapi_extra=openapi.codes(),
)
def list_templates(request: ApiRequest, filters: Query[TemplateFilter]) -> HttpResponse:
    """The templates of the company's accounts, without one-time codes and what nobody has submitted."""
    rows = _known(request.auth, filters.sender)
    wanted = {"name": filters.name, "language": filters.language, "approval": filters.approval}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    found, following = pages.page(rows, ("name", "pk"), filters, name="templates")
    return render.document(Templates.model_construct(items=[_shape(row) for row in found], next=following))


def send(caller: Caller, conversation: Conversation, body: spoken.Say, key: str | None) -> Message:
    """What ``content_sid`` and ``variables`` of a message say, in the name of the bot or of an agent."""
    template = Template.objects.of(conversation.sender).filter(content_sid=body.content_sid).first()
    if template is None:
        raise Refused("unknown_template")
    return templates.send(
        conversation,
        template=template,
        values=body.variables,
        now=clock.now(),
        client_key=key,
        **_speaker(caller, conversation, body),
    )


def offer(caller: Caller, conversation: Conversation, body: spoken.Say, key: str | None) -> Message:
    """A text with choices, in the same way."""
    found = choices.offered(body.buttons, body.menu)
    if found is None:
        raise Refused("invalid", [("buttons", "required")])
    return interactive.say(
        conversation,
        body=body.body or "",
        offered=found,
        now=clock.now(),
        client_key=key,
        **_speaker(caller, conversation, body),
    )


def _speaker(caller: Caller, conversation: Conversation, body: spoken.Say) -> dict[str, Any]:
    """In whose name, and in which epoch."""
    if caller.is_bot:
        if body.epoch is None:
            raise Refused("invalid", [("epoch", "required")])
        return {"author": Author.BOT, "operator": None, "cause": caller.cause(), "epoch": body.epoch}
    agent = caller.agent(body.agent_id)
    if caller.operator is not None and agent != caller.operator:
        raise Refused("scope")
    epoch = conversation.epoch if body.epoch is None else body.epoch
    return {"author": Author.OPERATOR, "operator": agent, "cause": desk.cause(agent, "api"), "epoch": epoch}


def _known(caller: Caller, address: str | None) -> TemplateQuerySet:
    rows = Template.objects.for_organization(caller.organization).filter(gone=False).offered()
    senders = Sender.objects.for_organization(caller.organization)
    if caller.key is not None and caller.key.sender_id is not None:
        senders = senders.filter(pk=caller.key.sender_id)
    elif address is None:
        return rows
    if address is not None:
        senders = senders.filter(address=address)
    return rows.filter(account_sid__in=senders.values("account_sid"))


def _shape(row: Template) -> TemplateShape:
    return TemplateShape.model_construct(
        id=row.public_id,
        content_sid=row.content_sid,
        name=row.name,
        language=row.language,
        category=row.category,
        approval=row.approval,
        rejection_reason=row.rejection_reason,
        kind=row.kind,
        header=row.header,
        body=row.body,
        footer=row.footer,
        variables=[Variable.model_construct(**variable) for variable in row.variables],
        buttons=[Button.model_construct(**button) for button in row.buttons],
        synced_at=row.synced_at,
    )
