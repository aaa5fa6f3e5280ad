"""The shapes on the wire, in and out. Ids are UUIDs, times RFC 3339 in UTC; what is not listed is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from handoffflow.api.choices import UsedTemplate

Item = TypeVar("Item")

_UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
_SMALL = 2**31 - 1

# Text in a query or a body that has to be an id; it is compared, never parsed leniently.
Id = Annotated[str, StringConstraints(pattern=_UUID), Field(json_schema_extra={"format": "uuid"})]
# Query values arrive as text: plain digits only, no sign, blank, underscore or exponent.
_digits = StringConstraints(pattern=r"^[0-9]{1,9}$")
Limit = Annotated[
    str, _digits, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 100, "default": 50})
]
Bound = Annotated[str, _digits, WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 999_999_999})]
Seq = Annotated[int, Field(ge=0, le=_SMALL)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500)]

Status = Literal["PROGRESS", "HUMAN_HANDOFF"]
Mode = Literal["bot", "queued", "human"]
Owner = Literal["customer", "bot", "agent", "system"]


class Body(BaseModel):
    """What a caller sends: strict types, no unknown member."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")


# Sent by the caller ---------------------------------------------------------------------------


class HandoffRequest(Body):
    """Why a person is needed, and what the bot knows: it is what the agent reads first (contract version 1)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "reason": "bot_asked",
                    "summary": "Wants to change the delivery address of an order.",
                    "intent": "change_address",
                    "slots": {"order": "A-1027"},
                    "confidence": 0.42,
                    "priority": 1,
                    "epoch": 0,
                }
            ]
        }
    )

    reason: str = Field(
        min_length=1, max_length=40, pattern=r"\S", description="A code: the product's or the bot's own."
    )
    summary: str = Field(default="", max_length=4096)
    intent: str = Field(default="", max_length=120)
    slots: dict[str, Any] = Field(default={}, description="What the bot has gathered.")
    confidence: float | None = Field(default=None, ge=0, le=1)
    priority: int = Field(
        default=0, ge=0, le=3, description="0 normal … 3 urgent; asking again only raises it."
    )
    queue: str | None = Field(default=None, min_length=1, max_length=80, description="A queue's name or id.")
    suggested_reply: str = Field(default="", max_length=4096)
    epoch: Seq | None = Field(default=None, description="Required of a bot: the epoch of its turn.")


class Assign(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"agent_id": "6a1b8b0e-43cf-4a53-9c3e-6f0f2d1c7b11"}]}
    )

    agent_id: Id
    epoch: Seq | None = None
    force: bool = Field(
        default=False, description="Take it from whoever has it: scope admin, or a supervisor."
    )


class Cancel(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "cancelled"}]})

    reason: str = Field(
        default="cancelled",
        min_length=1,
        max_length=40,
        description="cancelled, expired or out_of_hours becomes the outcome; any other counts as cancelled.",
    )


class Release(Body):
    """What was settled: the half of the contract that goes back to the bot."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "outcome": "solved",
                    "last_seen_seq": 12,
                    "summary": "Address changed; the parcel leaves tomorrow.",
                    "facts": {"order": "A-1027"},
                    "promises": ["A tracking link by Friday"],
                    "resume": "wait",
                }
            ]
        }
    )

    outcome: str | None = Field(default=None, max_length=40, description="A closing reason's code; required.")
    reason: str | None = Field(
        default=None, max_length=40, description="Another name for outcome, which wins."
    )
    summary: str = Field(default="", max_length=4096)
    facts: dict[str, Any] = {}
    promises: list[Line] = Field(default=[], max_length=50)
    do_not_repeat: list[Line] = Field(default=[], max_length=50)
    resume: Literal["bot_now", "wait", "close"] = "wait"
    last_seen_seq: Seq = Field(description="The seq of the newest message that was read.")
    epoch: Seq | None = None
    force: bool = Field(default=False, description="Release although the customer has written since.")


# Asked for in a query -------------------------------------------------------------------------


class Paged(Query):
    cursor: str | None = Field(default=None, max_length=1000, description="`next` of the page before.")
    limit: Limit = Field(default="50", description="1 to 100.")


class QueueFilter(Paged):
    agent_id: Id | None = Field(default=None, description="Those this agent serves.")
    waiting: Literal["true", "false"] | None = Field(
        default=None, description="true: those nobody has taken."
    )
    queue_id: Id | None = None
    sort: Literal["waiting", "priority", "window"] = "priority"

    @property
    def asks_for_all(self) -> bool:
        """Whoever serves them, in whatever queue, from the beginning."""
        return self.agent_id is self.queue_id is self.cursor is None


class ConversationFilter(Paged):
    status: Status | None = None
    mode: Mode | None = None
    agent_id: Id | None = None
    contact_id: Id | None = None
    sender: str | None = Field(default=None, max_length=255, description="The address of a sender.")


class MessageFilter(Paged):
    before_seq: Bound | None = Field(default=None, description="Those before this seq, the nearest ones.")
    after_seq: Bound | None = Field(default=None, description="Those after this seq, the nearest ones.")


# Answered -------------------------------------------------------------------------------------


class Shown(BaseModel):
    """What long lists are made of. ``of`` is a ``model_construct`` that does not look for aliases and defaults."""

    @classmethod
    def of(cls, **members: Any) -> Self:
        """From values that are as they should be, each member named; a fifth of the CPU of a queue is saved."""
        if len(members) != len(cls.__pydantic_fields__):
            raise TypeError(f"{cls.__name__} has {', '.join(cls.__pydantic_fields__)}")
        made = cls.__new__(cls)
        _set(made, "__dict__", members)
        _set(made, "__pydantic_fields_set__", _NONE_IN_PARTICULAR)
        _set(made, "__pydantic_extra__", None)
        _set(made, "__pydantic_private__", None)
        return made


_set = object.__setattr__  # a model's own looks for validators
_NONE_IN_PARTICULAR: set[str] = set()


class Contact(Shown):
    id: UUID
    name: str
    address: str


class Actor(Shown):
    kind: str
    id: str


class Handoff(Shown):
    """One episode of human service."""

    id: UUID
    number: int
    reason: str
    summary: str
    intent: str
    slots: dict[str, Any]
    confidence: float | None
    suggested_reply: str
    requested_by: Actor
    requested_at: datetime
    handoff_at: datetime | None
    first_reply_at: datetime | None
    released_at: datetime | None
    outcome: str | None
    position: int | None = Field(description="Place in its queue, from 1, while it waits.")
    estimate_s: int | None = Field(description="Seconds it may still wait; null when nothing tells.")


class Media(Shown):
    id: UUID
    content_type: str = Field(description="What the bytes are, once stored; until then what was said.")
    state: Literal["pending", "stored", "failed"]
    name: str
    size: int


class DeliveryError(Shown):
    code: int | None = Field(description="Twilio's code, where it gave one.")
    text: str


class Message(Shown):
    id: UUID
    seq: int
    message_owner: Owner
    agent_id: UUID | None
    body: str
    template: UsedTemplate | None = Field(description="What was sent; body is how it reads.")
    media: list[Media]
    reply_to: UUID | None
    status: Literal["queued", "sending", "unknown", "sent", "delivered", "read", "failed", "cancelled"] = (
        Field(description="A customer's own message is delivered: it has arrived.")
    )
    error: DeliveryError | None = Field(
        description="Why it failed; on a queued message, why its sender is paused: it goes out when that is over."
    )
    epoch: int
    occurred_at: datetime
    created_at: datetime


class Conversation(Shown):
    id: UUID
    owner_id: UUID
    status: Status
    mode: Mode
    epoch: int
    seq: int
    contact: Contact
    sender: str
    queue_id: UUID | None
    priority: int
    agent_id: UUID | None
    agent_name: str = Field(description="The name the team sees; empty while nobody serves it.")
    offered_to: UUID | None
    handoff: Handoff | None = Field(description="The open episode, else the last one (it has released_at).")
    handoff_at: datetime | None = Field(description="Since when a person serves it; null while nobody does.")
    waiting_since: datetime | None
    window_expires_at: datetime | None
    unread: int
    last_message: Message | None
    merged_into: UUID | None
    updated_at: datetime


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    next: str | None


class Conversations(Page[Conversation]):
    pass


class Messages(Page[Message]):
    pass
