"""What is posted for a notice: the event as it happened, and the rows it is about as they are now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from conversations.bots import wire
from conversations.models import Message
from handoffflow.api import bubbles, present, schemas, told
from handoffflow.subscriptions import TEST, Notice

VERSION = 1
ID = "X-HandoffFlow-Delivery"


class Test(BaseModel):
    """In place of an event, for a notice that somebody wants to see arrive."""

    type: str = TEST
    at: datetime


class Payload(BaseModel):
    version: int
    id: str
    subscription_id: str
    event: told.Event | Test
    conversation: schemas.Conversation | None
    message: schemas.Message | None


@dataclass(frozen=True, slots=True)
class Letter:
    url: str
    body: bytes
    headers: dict[str, str]


def letter(row: Notice, now: datetime) -> Letter | None:
    """Written anew for each attempt, under one id for all of them. None without a secret: unsigned nothing leaves."""
    subscription = row.subscription
    secret = subscription.secret
    if not secret:
        return None
    body = _payload(row).model_dump_json().encode()
    headers = wire.headers(secret, body, at=now) | {ID: str(row.public_id)}
    return Letter(subscription.url, body, headers)


def _payload(row: Notice) -> Payload:
    told_of: dict[str, Any] = {"conversation": None, "message": None, "event": Test(at=row.created_at)}
    if row.event is not None:
        about = row.event.conversation_id
        message = Message.objects.filter(pk=row.event.data.get("message") or 0, conversation=about)
        told_of = {
            "event": told.events([row.event])[0],
            "conversation": present.conversation(about),
            "message": next(iter(bubbles.by_id(message.values_list("pk", flat=True)).values()), None),
        }
    return Payload.model_construct(
        version=VERSION, id=str(row.public_id), subscription_id=str(row.subscription.public_id), **told_of
    )
