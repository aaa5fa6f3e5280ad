"""What became of an outbound message: Twilio's statuses form a lattice, and a message only moves up in it.

Reports come doubled, late, in any order, and before we know the SID; every order gives the same result.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F, Q, QuerySet

from conversations import consequences, events, failpoints, wakeup
from conversations.atomically import atomically, passing
from conversations.contract import Cause
from conversations.models import Conversation, Delivery, DeliveryState, Message, Status, StatusReport
from conversations.twilio import payloads

logger = logging.getLogger(__name__)

REPORTED = Cause(kind="system", door="webhook")

QUIET = (Status.QUEUED, Status.SENDING)
"""Both are a clock on the screen: going from one to the other is no news."""

LATTICE: dict[str, tuple[int, Status]] = {
    "accepted": (5, Status.SENDING),
    "scheduled": (5, Status.SENDING),
    "queued": (10, Status.SENDING),
    "sending": (20, Status.SENDING),
    "sent": (30, Status.SENT),
    # Above sent, and apart from each other, so that any order of them ends the same; but a delivery or a
    # reading on another of the customer's devices beats them all.
    "canceled": (34, Status.FAILED),
    "failed": (35, Status.FAILED),
    "undelivered": (36, Status.FAILED),
    "delivered": (40, Status.DELIVERED),
    "read": (50, Status.READ),
}

BY_WORD = 33
"""A person says that it arrived: more than Twilio's ``sent``, less than whatever Twilio says became of it."""


class _Nothing(Exception):
    """Rolls back the number that was taken for an event that did not happen."""


@atomically
def apply_report(
    params: Mapping[str, Any], *, mid: uuid.UUID | None, account_sid: str, now: datetime
) -> StatusReport:
    """Keep a status callback, and apply it if we know its message; otherwise it waits until we do.

    All in one transaction: Twilio repeats no report, and one that was kept and not applied would tell nobody. Only
    one that cannot be applied at all is kept alone.
    """
    form = payloads.readable(params)
    update = payloads.parse_status(form)
    report = StatusReport.objects.create(
        mid=mid,
        account_sid=account_sid[: payloads.SID_LENGTH],
        provider_sid=update.sid,
        status=update.status,
        error_code=update.error_code,
        params=form,
        received_at=now,
    )
    failpoints.reached("report.kept")
    if not _applied(report, now):
        # Whoever stores its SID at this moment cannot see the report before it is committed, nor we the SID.
        transaction.on_commit(lambda: apply(report, now), robust=True)
    failpoints.reached("report.applied")
    return report


def _applied(report: StatusReport, now: datetime) -> bool:
    try:
        with transaction.atomic():
            return apply(report, now)
    except Exception as error:
        if isinstance(error, OperationalError) and passing(error):
            raise  # the whole transaction is lost: `atomically` begins it again
        logger.error("report could not be applied: %s", type(error).__name__)
        return True


def apply(report: StatusReport, now: datetime) -> bool:
    """Apply a kept report. One of another account, or of an earlier attempt, stays in the books only."""
    delivery = _delivery_of(report)
    if delivery is None or delivery.sender.account_sid != report.account_sid:
        return False
    return _apply(report, delivery, now)


@atomically
def _apply(report: StatusReport, delivery: Delivery, now: datetime) -> bool:
    known = learn(
        delivery,
        sid=report.provider_sid,
        status=report.status,
        code=report.error_code,
        text=payloads.parse_status(report.params).error_text,
        cause=REPORTED,
        now=now,
    )
    report.delivery, report.applied_at = delivery, now if known else None
    report.save(update_fields=["delivery", "applied_at"])
    return known


@atomically
def learn(
    delivery: Delivery,
    *,
    sid: str,
    status: str,
    code: int | None,
    cause: Cause,
    now: datetime,
    text: str = "",
) -> bool:
    """``sid`` is this delivery's message at Twilio, and this is its status. False if the SID is not ours."""
    message = delivery.message
    bound = message.provider_sid is None and _bind(delivery, sid)
    if message.provider_sid != sid:
        return False
    if bound and status not in LATTICE:
        status = "accepted"  # Twilio has it, whatever it calls what became of it
    observe(message, status=status, code=code, text=text, cause=cause, now=now)
    if bound:
        apply_parked(now, sid)
        transaction.on_commit(lambda: apply_parked(now, sid))
    return True


def observe(
    message: Message, *, status: str, code: int | None, cause: Cause, now: datetime, text: str = ""
) -> bool:
    """Move a message up to Twilio's ``status``; False if it is there or above already."""
    if status not in LATTICE:
        return False
    rank, shown = LATTICE[status]
    code = code if shown == Status.FAILED else None
    if rank < message.rank or (rank == message.rank and code is None):
        return False
    higher = Q(rank__lt=rank)
    if code is not None:
        higher |= Q(rank=rank, error_code__lt=code) | Q(rank=rank, error_code=None)
    news: dict[str, Any] = {"cause": cause, "now": now, "rank": rank, "error_code": code}
    if shown != Status.FAILED:
        return change(message, shown, when=higher, **news)
    with transaction.atomic():
        failed = change(message, shown, when=higher, **news)
        if failed:
            consequences.of_failure(message, code=code, text=text, now=now)
    return failed


def change(message: Message, status: Status, *, when: Q, cause: Cause, now: datetime, **fields: Any) -> bool:
    """Change what a message shows, together with the event that tells of it; or nothing at all."""
    row = Message.objects.filter(when, pk=message.pk)
    fields["failed_at"] = now if status == Status.FAILED else None
    same = Q(status__in=QUIET) if status in QUIET else Q(status=status, error_code=fields.get("error_code"))
    # The message as it was read says which of the two is likely; the database says which it is.
    quiet_first = message.status == status or {message.status, status} <= set(QUIET)
    if quiet_first and row.filter(same).update(status=status, **fields):
        return True
    if _tell(message, row.exclude(same), status, cause=cause, now=now, **fields):
        return True
    return not quiet_first and bool(row.filter(same).update(status=status, **fields))


def _tell(
    message: Message, row: QuerySet[Message], status: Status, *, cause: Cause, now: datetime, **fields: Any
) -> bool:
    try:
        with transaction.atomic():
            conversation = Conversation.objects.take(message.conversation_id, 1, merged=True)
            if conversation is None or not row.update(status=status, **fields):
                raise _Nothing
            events.record(
                conversation,
                "message.status",
                cause=cause,
                seq=conversation.seq,
                now=now,
                message=message.pk,
                message_seq=message.seq,
                status=status.value,
                error_code=fields.get("error_code"),
            )
    except _Nothing:
        return False
    return True


def apply_parked(now: datetime, *sids: str) -> None:
    """Reports that came before we knew these SIDs."""
    parked = StatusReport.objects.filter(provider_sid__in=sids, applied_at=None)
    for report in parked.order_by("received_at", "pk"):
        apply(report, now)


def _delivery_of(report: StatusReport) -> Delivery | None:
    rows = Delivery.objects.select_related("message", "sender")
    if not report.provider_sid:
        return None
    found = rows.filter(public_id=report.mid).first() if report.mid else None
    return found or rows.filter(message__provider_sid=report.provider_sid).first()


def _bind(delivery: Delivery, sid: str) -> bool:
    """Twilio has this message under ``sid``, whatever we thought: nobody may send it again."""
    # The conversation's row first, as everywhere: an event may need it later in this transaction.
    Conversation.objects.filter(pk=delivery.conversation_id).update(seq=F("seq"))
    try:
        with transaction.atomic():
            bound = Message.objects.filter(pk=delivery.message_id, provider_sid=None).update(provider_sid=sid)
    except IntegrityError:
        return False
    if not bound:
        delivery.message.refresh_from_db()
        return delivery.message.provider_sid == sid
    delivery.message.provider_sid = sid
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.ACCEPTED,
        due_at=None,
        leased_until=None,
        lease_number=F("lease_number") + 1,
        attempts=0,
        unknown_since=None,
        error_code=None,
        cause="",
    )
    transaction.on_commit(wakeup.ring)
    return True
