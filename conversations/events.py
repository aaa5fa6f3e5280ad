"""The story of a conversation: append-only facts, written in the transaction of what they tell."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from conversations.contract import Cause
from conversations.models import Conversation, Event


def record(
    conversation: Conversation,
    kind: str,
    *,
    cause: Cause,
    seq: int,
    now: datetime,
    before: int | None = None,
    **data: Any,
) -> Event:
    """Append one fact. ``data`` holds ids, enums and numbers, never text; ``before`` is the epoch that ended."""
    if cause.message_id is not None:
        data.setdefault("message", cause.message_id)
    return Event.objects.create(
        organization_id=conversation.sender.organization_id,
        conversation=conversation,
        seq=seq,
        kind=kind,
        actor_kind=cause.kind,
        actor_id=cause.id,
        data={"door": cause.door, "mode": conversation.mode, **data},
        epoch_before=conversation.epoch if before is None else before,
        epoch_after=conversation.epoch,
        created_at=now,
    )
