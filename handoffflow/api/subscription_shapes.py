"""The shapes of webhooks on the wire, in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from handoffflow import subscriptions as rows
from handoffflow.api import schemas

Kind = Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}\.([a-z_]{1,30}|\*)$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"\S")]
Url = Annotated[str, StringConstraints(min_length=1, max_length=rows.LONGEST_URL)]
Secret = Annotated[str, StringConstraints(min_length=32, max_length=200, pattern=r"^[\x21-\x7e]*$")]
Kinds = Annotated[list[Kind], Field(max_length=50)]
State = Literal["waiting", "delivered", "failed"]
_EXAMPLE: dict[str, Any] = {
    "name": "CRM",
    "url": "https://crm.example.com/hooks/desk",
    "events": ["handoff.*", "message.received"],
}


class Subscribe(schemas.Body):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    url: Url = Field(description="https://…, public; each event is posted there.")
    events: Kinds = Field(
        default=[], description="Types, or handoff.* for all of those; empty: all there are."
    )
    secret: Secret | None = Field(default=None, description="Of your own; without it one is made.")


class Change(schemas.Body):
    """What is not given stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"active": True}]})

    name: Name | None = None
    url: Url | None = None
    events: Kinds | None = None
    secret: Secret | None = None
    active: bool | None = Field(default=None, description="true lets it go on where it was; false stops it.")


class SubscriptionFilter(schemas.Paged):
    pass


class DeliveryFilter(schemas.Paged):
    state: State | None = None


class Subscription(BaseModel):
    id: UUID
    name: str
    url: str
    events: list[str] = Field(description="Empty: all.")
    active: bool
    paused: Literal["by_hand", "failing", "gone"] | None = Field(description="Why it is not active.")
    paused_at: datetime | None
    failing_since: datetime | None = Field(
        description="When the first post failed after which none was taken."
    )
    lost_at: datetime | None = Field(description="When it last missed events that were not kept any more.")
    created_at: datetime


class Made(Subscription):
    secret: str = Field(description="Signs everything posted to it. Shown here and nowhere else.")


class Subscriptions(schemas.Page[Subscription]):
    pass


class Delivery(BaseModel):
    """One event that a subscription is told of."""

    id: UUID = Field(description="In the header X-HandoffFlow-Delivery, the same for every attempt.")
    event: str
    conversation_id: UUID | None
    seq: int | None
    state: State
    attempts: int
    status: int | None = Field(description="The last answer's HTTP status; null where none came.")
    trouble: str = Field(description="Why none came.")
    due_at: datetime | None = Field(description="When it is tried next.")
    settled_at: datetime | None
    created_at: datetime


class Deliveries(schemas.Page[Delivery]):
    pass


class Replayed(BaseModel):
    count: int


def shown(row: rows.Subscription) -> Subscription:
    return Subscription.model_construct(**_facts(row))


def made(row: rows.Subscription) -> Made:
    return Made.model_construct(**_facts(row), secret=row.secret)


def _facts(row: rows.Subscription) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "name": row.name,
        "url": row.url,
        "events": row.kinds,
        "active": not row.paused,
        "paused": row.paused or None,
        "paused_at": row.paused_at,
        "failing_since": row.failing_since,
        "lost_at": row.lost_at,
        "created_at": row.created_at,
    }


def delivery(row: rows.Notice) -> Delivery:
    return Delivery.model_construct(
        id=row.public_id,
        event=row.kind,
        conversation_id=row.conversation.public_id if row.conversation else None,
        seq=row.seq if row.conversation else None,
        state=row.state,
        attempts=row.tries,
        status=row.status,
        trouble=row.trouble,
        due_at=row.due_at,
        settled_at=row.settled_at,
        created_at=row.created_at,
    )
