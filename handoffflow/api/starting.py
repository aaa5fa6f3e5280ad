"""Writing first: a template begins a conversation with somebody who has not written, or not lately."""

from __future__ import annotations

from django.http import HttpResponse
from pydantic import ConfigDict, Field

from conversations import clock
from conversations.models import Sender, Template
from handoffflow.api import once, reach, render, schemas
from handoffflow.api.auth import ApiRequest, Caller
from handoffflow.api.errors import Refused
from operators import attributes, outbound
from operators.attributes import Wrong


class Start(schemas.Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "number": "+5511987654321",
                    "name": "João Silva",
                    "content_sid": "HX0123456789abcdef0123456789abcdef",
                    "variables": {"1": "João"},
                    "agreed": True,
                    "agent_id": "6a1b8b0e-43cf-4a53-9c3e-6f0f2d1c7b11",
                }
            ]
        }
    )

    number: str = Field(min_length=1, max_length=40, description="With its country code: +55…")
    name: str = Field(default="", max_length=120, description="For whoever is not known yet.")
    content_sid: str = Field(min_length=1, max_length=64)
    variables: dict[str, str] = {}
    agreed: bool = Field(description="This person agreed to be written to; it is noted who says so.")
    same: bool | None = Field(
        default=None,
        description="Whether whoever is known by this number with or without its ninth digit is this person.",
    )
    sender: str | None = Field(
        default=None, max_length=255, description="A sender's address; required where there are several."
    )
    agent_id: schemas.Id | None = Field(
        default=None, description="Who holds it from then on: required with a key; in a session that is you."
    )


CODES = (
    *("already_claimed", "at_capacity", "agent_unavailable", "waits_in_queue", "same_person"),
    *("unknown_agent", "unknown_template", "template_refused", "invalid_number", "consent_required"),
    *("opted_out", "merged", "stale_epoch"),
)


def begin(request: ApiRequest, body: Start) -> HttpResponse:
    caller = request.auth
    agent = reach.speaker(caller, body.agent_id)
    sender = _sender(caller, body.sender)
    template = Template.objects.of(sender).filter(content_sid=body.content_sid).first()
    if template is None:
        raise Refused("unknown_template")
    try:
        name = attributes.person(body.name)
    except Wrong:
        raise Refused("invalid", [("name", "format")]) from None
    begun = outbound.start(
        sender,
        operator=agent,
        door="api",
        number=body.number,
        name=name,
        template=template,
        values=body.variables,
        agreed=body.agreed,
        now=clock.now(),
        client_key=once.client_key(request),
        same=body.same,
    )
    return render.conversation(begun, status=201)


def _sender(caller: Caller, address: str | None) -> Sender:
    rows = reach.senders(caller).filter(demo=False)
    found = list((rows if address is None else rows.filter(address=address)).order_by("pk")[:2])
    if len(found) == 1:
        return found[0]
    wrong = "required" if address is None else "ambiguous" if found else "unknown"
    raise Refused("invalid", [("sender", wrong)])
