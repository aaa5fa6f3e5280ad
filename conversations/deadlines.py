"""What happens when nobody does anything: every open handoff has one running deadline, and the worker keeps it.

What fell due while no worker was alive gets a little time first, once: whoever was kept from answering by the
outage is not punished for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import QuerySet

from conversations import errors, handoffs, heartbeats, leases, notices, texts, work
from conversations.atomically import atomically
from conversations.contract import Cause, Release
from conversations.models import Conversation, DueKind, Handoff, Outcomes, WaitingThen

if TYPE_CHECKING:
    from operators.models import Operator

    Listener = Callable[[Operator, datetime], None]

CAUSE = Cause(kind="system", door="worker")
UNANSWERED = "unanswered"
CUSTOMER_LEFT = "customer_left"
GRACE = {
    DueKind.WAITING: timedelta(minutes=2),
    DueKind.OFFER: timedelta(seconds=30),
    DueKind.FIRST_REPLY: timedelta(minutes=2),
    DueKind.CUSTOMER_SILENT: timedelta(minutes=5),
}
LOOK_EVERY = timedelta(seconds=1)

_when_an_offer_passes: list[Listener] = []


def when_an_offer_passes(listener: Listener) -> Listener:
    """Let the desk know who did not answer, in the transaction that takes the offer back."""
    _when_an_offer_passes.append(listener)
    return listener


def running(_now: datetime) -> QuerySet[Handoff]:
    return Handoff.objects.exclude(open_for=None).exclude(due_kind="")


@work.handles(Handoff, name="deadline", candidates=running, look_every=LOOK_EVERY)
def run(row: Handoff, now: datetime) -> None:
    """One deadline that has passed. What it causes takes the row further, or it was no longer true."""
    if heartbeats.nobody_worked_at(row.due_at, now):
        later = now + GRACE[DueKind(row.due_kind)]
        # An offer may come in between, and what it stands before runs on from there.
        waiting = {"waiting_due_at": later} if row.due_kind == DueKind.WAITING else {}
        leases.reschedule(row, later, **waiting)
        return
    conversation = (
        Conversation.objects.with_parties().select_related("offered_to").get(pk=row.conversation_id)
    )
    try:
        if conversation.epoch == row.due_epoch:
            _ENDS[DueKind(row.due_kind)](row, conversation, now)
    except errors.HandoffError:
        pass  # somebody was faster
    leases.finish(row, due_kind="")


def _waited(row: Handoff, conversation: Conversation, now: datetime) -> None:
    queue = conversation.queue
    if queue and queue.waiting_then == WaitingThen.BOT:
        handoffs.cancel(conversation, cause=CAUSE, now=now, outcome=Outcomes.EXPIRED, due=row)
    else:
        handoffs.overdue(conversation, cause=CAUSE, due=row, now=now)


@atomically
def _offered(row: Handoff, conversation: Conversation, now: datetime) -> None:
    operator = conversation.offered_to
    if operator is None:
        return
    for tell in _when_an_offer_passes:
        tell(operator, now)
    handoffs.decline(conversation, cause=CAUSE, operator=operator, now=now, due=row)


def _unanswered(row: Handoff, conversation: Conversation, now: datetime) -> None:
    reply_time = conversation.queue.reply_time if conversation.queue else None
    if reply_time and conversation.last_inbound_seq <= conversation.answered_seq:
        # Handed on after an answer: there is nothing to reply to yet, and there may be at any moment.
        leases.reschedule(row, now + reply_time)
        return
    handoffs.requeue(
        conversation,
        cause=CAUSE,
        why=UNANSWERED,
        now=now,
        epoch=row.due_epoch,
        unanswered=True,
        due=row,
    )


def _silent(row: Handoff, conversation: Conversation, now: datetime) -> None:
    if conversation.last_inbound_seq > conversation.answered_seq:
        return  # it is our turn to speak
    if not notices.may_speak(conversation, now):
        return  # nobody can ask them any more: whoever has it decides
    if row.due_step < len(handoffs.NUDGES):
        handoffs.nudge(conversation, cause=CAUSE, due=row, now=now)
        return
    handoffs.release(
        conversation,
        cause=CAUSE,
        operator=None,
        epoch=row.due_epoch,
        seen=conversation.last_inbound_seq,
        release=Release(outcome=CUSTOMER_LEFT),
        now=now,
        due=row,
        moment=texts.LEFT,
    )


_ENDS: dict[DueKind, Callable[[Handoff, Conversation, datetime], None]] = {
    DueKind.WAITING: _waited,
    DueKind.OFFER: _offered,
    DueKind.FIRST_REPLY: _unanswered,
    DueKind.CUSTOMER_SILENT: _silent,
}
