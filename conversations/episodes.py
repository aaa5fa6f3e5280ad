"""The row of one episode of human service: how it begins and how it ends. ``handoffs`` decides when."""

from __future__ import annotations

from datetime import datetime

from conversations.bots.base import HandoffRequest
from conversations.contract import Cause, Release
from conversations.models import Conversation, Handoff


def begin(taken: Conversation, *, cause: Cause, request: HandoffRequest, now: datetime) -> Handoff:
    return Handoff.objects.create(
        conversation=taken,
        open_for=taken,
        number=taken.handoff_count,
        reason=request.reason[:40],
        summary=request.summary,
        intent=request.intent[:120],
        slots=dict(request.slots),
        confidence=request.confidence,
        suggested_reply=request.suggested_reply,
        queue=taken.queue,
        requested_by_kind=cause.kind,
        requested_by_id=cause.id,
        requested_at=now,
    )


def end(taken: Conversation, release: Release, *, seq: int, now: datetime) -> Handoff:
    handoff = Handoff.objects.get(open_for=taken)
    handoff.open_for = None
    handoff.released_at = now
    handoff.outcome = release.outcome[:40]
    handoff.context_out = release.stored()
    handoff.resume = release.resume
    handoff.released_seq = seq
    handoff.save(
        update_fields=["open_for", "released_at", "outcome", "context_out", "resume", "released_seq"]
    )
    return handoff
