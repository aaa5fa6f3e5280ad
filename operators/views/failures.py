"""Why a bubble was not sent, in words, and what the operator can do about it."""

from __future__ import annotations

from dataclasses import dataclass

from conversations.models import Message, Status
from conversations.twilio import errors as refusals


@dataclass(slots=True)
class Failure:
    text: str
    code: int | None
    retryable: bool


def of(message: Message) -> Failure | None:
    if message.status != Status.FAILED:
        return None
    delivery = getattr(message, "delivery", None)
    reaction = refusals.reaction(message.error_code, delivery.cause if delivery else "")
    return Failure(str(reaction.text), message.error_code, reaction.retryable)
