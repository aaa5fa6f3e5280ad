"""The row of one episode of human service, and its one running deadline. ``handoffs`` decides when.

What a deadline causes (``due``: the row as the worker claimed it) holds only as long as nobody has moved it on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Coalesce

from conversations import errors
from conversations.bots.base import HandoffRequest
from conversations.contract import Cause, Release
from conversations.models import Conversation, DueKind, Handoff

_NO_DEADLINE: dict[str, Any] = {"due_at": None, "due_kind": "", "due_epoch": None, "due_step": 0}


def begin(
    taken: Conversation, *, cause: Cause, request: HandoffRequest, now: datetime, placed: bool = False
) -> Handoff:
    """The new episode; one that begins in the queue waits for somebody. ``placed``: they were told their place."""
    waits_until = _after(now, taken.queue.longest_wait) if taken.queue else None
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
        position_told_at=now if placed else None,
        waiting_due_at=waits_until,
        **_deadline(DueKind.WAITING, waits_until, taken),
    )


def claimed(handoff: Handoff, taken: Conversation, now: datetime) -> None:
    """Somebody has it, and the time to their first reply runs."""
    reply_by = _after(now, taken.queue.reply_time) if taken.queue else None
    _move(
        handoff,
        operator=taken.operator,
        handoff_at=now,
        first_handoff_at=_first("first_handoff_at", now),
        **_deadline(DueKind.FIRST_REPLY, reply_by, taken),
    )
    handoff.operator, handoff.handoff_at = taken.operator, now


def replied(taken: Conversation, now: datetime) -> None:
    """The operator has answered: from here on it is the customer who may be silent."""
    silent_at = _after(now, taken.queue.silence) if taken.queue else None
    Handoff.objects.filter(open_for=taken).update(
        first_reply_at=_first("first_reply_at", now),
        **_moved(_deadline(DueKind.CUSTOMER_SILENT, silent_at, taken)),
    )


def stays_silent(due: Handoff, taken: Conversation, now: datetime) -> None:
    again = _after(now, taken.queue.silence) if taken.queue else None
    _move(due, due, **_deadline(DueKind.CUSTOMER_SILENT, again, taken, step=due.due_step + 1))


def waits_again(
    handoff: Handoff, taken: Conversation, now: datetime, *, answer_by: datetime | None, due: Handoff | None
) -> None:
    """Nobody has it any more, and whoever had it is not offered it again. An offer to one person (``answer_by``)
    stands before the time to wait for anybody."""
    waits_until = _after(now, taken.queue.longest_wait) if taken.queue else None
    _move(
        handoff,
        due,
        operator=None,
        handoff_at=None,
        queue=taken.queue,
        passed_over=[str(handoff.operator.public_id)] if handoff.operator else [],
        position_told_at=None,
        waiting_due_at=waits_until,
        **_deadline(
            DueKind.OFFER if answer_by else DueKind.WAITING,
            answer_by or waits_until,
            taken,
        ),
    )


def waits_on(due: Handoff, taken: Conversation, now: datetime) -> None:
    again = _after(now, taken.queue.longest_wait) if taken.queue else None
    deadline = _deadline(DueKind.WAITING, again, taken, step=due.due_step + 1)
    _move(due, due, waiting_due_at=again, **deadline)


def offered(handoff: Handoff, taken: Conversation, *, answer_by: datetime) -> None:
    _move(handoff, **_deadline(DueKind.OFFER, answer_by, taken, step=handoff.due_step))


def passed_over(handoff: Handoff, taken: Conversation, operator: str, *, due: Handoff | None) -> None:
    """The offer is over; the time to wait for anybody runs on from where it was."""
    passed = [*handoff.passed_over, operator]
    deadline = _deadline(DueKind.WAITING, handoff.waiting_due_at, taken, step=handoff.due_step)
    _move(handoff, due, passed_over=passed, **deadline)


def end(
    taken: Conversation, release: Release, *, seq: int, now: datetime, due: Handoff | None = None
) -> Handoff:
    handoff = Handoff.objects.get(open_for=taken)
    ended: dict[str, Any] = {
        "open_for": None,
        "released_at": now,
        "outcome": release.outcome[:40],
        "context_out": release.stored(),
        "resume": release.resume,
        "released_seq": seq,
    }
    _move(handoff, due, **ended, **_NO_DEADLINE)
    for name, value in ended.items():
        setattr(handoff, name, value)
    return handoff


def join(taken: Conversation, own: Handoff | None, service: Handoff, *, inherits: bool) -> Handoff:
    """The episode in which another thread's service goes on (``taken`` has its mode then), or which it adds its
    waiting time to."""
    if own is None:
        own = Handoff(conversation=taken, open_for=taken, number=taken.handoff_count)
        own.requested_at = service.requested_at
        own.requested_by_kind, own.requested_by_id = service.requested_by_kind, service.requested_by_id
    asked = min(own.requested_at, service.requested_at)
    changes = _service(taken, service) if inherits else _sooner(own, service)
    changes["requested_at"] = asked
    if own.pk is None:
        for name, value in changes.items():
            setattr(own, name, value)
        own.save(force_insert=True)
    elif inherits or "due_at" in changes:
        _move(own, **changes)
    else:
        Handoff.objects.filter(pk=own.pk).update(**changes)
    return own


_GOES_ON = (
    *("reason", "summary", "intent", "slots", "confidence", "suggested_reply", "operator"),
    *("handoff_at", "first_handoff_at", "first_reply_at", "waiting_due_at", "passed_over"),
    *("position_told_at", "due_at", "due_kind", "due_step"),
)


def _service(taken: Conversation, service: Handoff) -> dict[str, Any]:
    """What one episode has that another goes on with: why, what is known, who has it, and the time that runs."""
    known = {name: getattr(service, name) for name in _GOES_ON}
    return known | {"queue": taken.queue, "due_epoch": taken.epoch if service.due_kind else None}


def _sooner(own: Handoff, service: Handoff) -> dict[str, Any]:
    """Whoever waits twice waits no longer than they would have waited once."""
    if own.operator_id or not (own.waiting_due_at and service.waiting_due_at):
        return {}
    sooner = min(own.waiting_due_at, service.waiting_due_at)
    running = {"due_at": sooner} if own.due_kind == DueKind.WAITING else {}
    return {"waiting_due_at": sooner, **running} if sooner < own.waiting_due_at else {}


def _move(handoff: Handoff, due: Handoff | None = None, **changes: Any) -> None:
    row = Handoff.objects.filter(pk=handoff.pk).exclude(open_for=None)
    if due is not None:
        row = row.filter(lease_number=due.lease_number)
    if not row.update(**_moved(changes)):
        raise errors.StaleEpoch


def _moved(changes: dict[str, Any]) -> dict[str, Any]:
    """Whoever has claimed the deadline that was running can no longer finish it."""
    return {"leased_until": None, "attempts": 0, **changes, "lease_number": F("lease_number") + 1}


def _deadline(kind: DueKind, at: datetime | None, taken: Conversation, *, step: int = 0) -> dict[str, Any]:
    if at is None:
        return _NO_DEADLINE
    return {"due_at": at, "due_kind": kind, "due_epoch": taken.epoch, "due_step": step}


def _after(now: datetime, span: timedelta | None) -> datetime | None:
    return None if span is None else now + span


def _first(field: str, now: datetime) -> Coalesce:
    return Coalesce(F(field), Value(now, output_field=DateTimeField()))
