"""The shapes of what is said through the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from conversations.fetching import LONGEST_URL
from handoffflow.api.choices import Menu
from handoffflow.api.schemas import Body, Id, Message, Seq

Address = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_URL), Field(json_schema_extra={"format": "uri"})
]


class Say(Body):
    """A message to the customer: a text, a file with or without one, or a template."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"message_owner": "bot", "epoch": 0, "body": "Olá! Como posso ajudar?"},
                {
                    "message_owner": "agent",
                    "agent_id": "6a1b8b0e-43cf-4a53-9c3e-6f0f2d1c7b11",
                    "media_id": "0e0b7c56-2f0e-4b0c-9d55-9a1c3a1f5f6e",
                    "body": "A nota fiscal.",
                },
            ]
        }
    )

    message_owner: Literal["bot", "agent"]
    body: str | None = Field(
        default=None, min_length=1, max_length=4096, description="Or content_sid; beside a file, its caption."
    )
    media_id: Id | None = Field(default=None, description="A file that was uploaded to this conversation.")
    media_url: list[Address] = Field(
        default=[],
        max_length=1,
        description="Or where it lies: https, at most 16 MB. It is fetched and looked at before the answer.",
    )
    content_sid: str | None = Field(
        default=None, min_length=1, max_length=64, description="A template: it gets through a closed window."
    )
    variables: dict[str, str] = Field(default={}, description="What fills the template; one line each.")
    buttons: list[str] = Field(default=[], max_length=10, description="Up to three, 20 characters each.")
    menu: Menu | None = None
    agent_id: Id | None = Field(default=None, description="Required with message_owner agent: who holds it.")
    epoch: Seq | None = Field(
        default=None, description="Required with message_owner bot: the epoch of its turn."
    )
    reply_to: Id | None = None

    @property
    def has_file(self) -> bool:
        return self.media_id is not None or bool(self.media_url)


class Accepted(BaseModel):
    """Accepted, not yet sent; a long text became several messages, and so does one that follows a file."""

    message: Message
    parts: list[Message]


class Uploaded(BaseModel):
    """A file that waits for the message that takes it along, once."""

    id: UUID = Field(description="media_id of that message.")
    content_type: str = Field(description="What its bytes are.")
    name: str
    size: int
    expires_at: datetime = Field(description="Until when it can be sent.")
