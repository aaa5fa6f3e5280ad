"""What the answer to a send does to its delivery. Every change holds only while the row is still ours."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, Value, When

from conversations import consequences, contacts, failpoints, leases, pauses, settling, statuses
from conversations.atomically import atomically
from conversations.models import AddressKind, ContactAddress, Delivery, DeliveryState, Message, Status
from conversations.statuses import QUIET
from conversations.twilio import client
from conversations.twilio import errors as codes

logger = logging.getLogger(__name__)

PAUSED = timedelta(seconds=30)
TROUBLE = "sender_paused"
CAUSE = settling.CAUSE


def settle(row: Delivery, outcome: client.Outcome, now: datetime) -> None:
    failpoints.reached("delivery.answered")
    if outcome.kind == "accepted":
        _accept(row, outcome, now)
    elif outcome.kind == "unknown":
        unknown(row, now, outcome.cause)
    elif outcome.kind == "retry":
        _later(row, outcome, now)
    elif pauses.trouble_of(row.sender, outcome.code):
        _trouble(row, outcome, now)
    elif outcome.kind == "alarm":
        _alarm(row, outcome, now)
    elif not _fall_back(row, outcome, now):
        _refused(row, outcome, now)
    failpoints.reached("delivery.settled")


def is_plain(outcome: client.Outcome, status: str | None = None) -> bool:
    """Accepted, with a status (this one) that the screen shows as the clock it shows already."""
    _rank, shown = statuses.LATTICE.get(outcome.status, (0, None))
    usual = outcome.kind == "accepted" and outcome.code is None and shown == Status.SENDING
    return usual and status in (None, outcome.status)


def accept_all(rows: Sequence[Delivery], outcomes: Sequence[client.Outcome], now: datetime) -> bool:
    """What most sends end in, for several at once. All or none."""
    accepted = _bind_all(rows, outcomes)
    if accepted:
        statuses.apply_parked(now, *(outcome.sid for outcome in outcomes))
    return accepted


@atomically
def _bind_all(rows: Sequence[Delivery], outcomes: Sequence[client.Outcome]) -> bool:
    rank = statuses.LATTICE[outcomes[0].status][0]
    sids = {row.message_id: outcome.sid for row, outcome in zip(rows, outcomes, strict=True)}
    free = Message.objects.filter(pk__in=sids, provider_sid=None)
    known = Case(*(When(pk=pk, then=Value(sid)) for pk, sid in sids.items()))
    bound = free.update(provider_sid=known, rank=rank)
    if bound == len(rows) and leases.finish_all(
        rows, state=DeliveryState.ACCEPTED, cause="", error_code=None
    ):
        failpoints.reached("batch.settling")
        return True
    transaction.set_rollback(True)
    return False


def _accept(row: Delivery, outcome: client.Outcome, now: datetime) -> None:
    try:
        ours = _bind(row, outcome)
    except IntegrityError:
        logger.error("delivery %s was given a SID that another message has", row.public_id)
        leases.finish(row, state=DeliveryState.ACCEPTED, cause="sid_taken", error_code=None)
        return
    if ours:
        statuses.observe(row.message, status=outcome.status, code=outcome.code, cause=CAUSE, now=now)
        statuses.apply_parked(now, outcome.sid)


@atomically
def _bind(row: Delivery, outcome: client.Outcome) -> bool:
    """False when the row is not ours any more: a report was faster, or we were taken for dead."""
    rank, shown = statuses.LATTICE.get(outcome.status, (0, Status.SENDING))
    known = rank if shown == Status.SENDING else 0
    free = Message.objects.filter(pk=row.message_id, provider_sid=None)
    if free.update(provider_sid=outcome.sid, rank=known) and leases.finish(
        row, state=DeliveryState.ACCEPTED, cause="", error_code=None
    ):
        row.message.rank = known
        failpoints.reached("delivery.settling")
        return True
    transaction.set_rollback(True)
    return False


@atomically
def unknown(row: Delivery, now: datetime, cause: str) -> None:
    statuses.change(row.message, Status.UNKNOWN, when=Q(status__in=QUIET), cause=CAUSE, now=now)
    leases.finish_or_undo(
        row,
        state=DeliveryState.UNKNOWN,
        unknown_since=now,
        due_at=settling.first_look(now),
        listings_without=0,
        cause=cause,
    )
    failpoints.reached("delivery.doubting")


@atomically
def fail(row: Delivery, now: datetime, *, code: int | None, cause: str, text: str = "") -> None:
    statuses.change(
        row.message, Status.FAILED, when=Q(status__in=QUIET), cause=CAUSE, now=now, error_code=code
    )
    leases.finish_or_undo(row, state=DeliveryState.FAILED, error_code=code, error_text=text, cause=cause)


@atomically
def _refused(row: Delivery, outcome: client.Outcome, now: datetime) -> None:
    consequences.stop_for(row, outcome.code, now)
    fail(row, now, code=outcome.code, cause=outcome.cause, text=outcome.text)


@atomically
def send_again(row: Delivery, now: datetime) -> None:
    """Twilio took it, could not deliver it, and another attempt may help: if it still counts as failed, it is sent
    once more, and reports of the attempt before are not about this one."""
    message = row.message
    failed = Q(status=Status.FAILED, provider_sid=message.provider_sid)
    again = statuses.change(
        message,
        Status.QUEUED,
        when=failed,
        cause=CAUSE,
        now=now,
        rank=0,
        error_code=None,
        provider_sid=None,
    )
    if not again:
        leases.finish(row)
        return
    leases.finish_or_undo(
        row,
        state=DeliveryState.QUEUED,
        public_id=uuid.uuid4(),
        due_at=now,
        started_at=None,
        fell_back=False,
        resent=F("resent") + 1,
        cause="",
        error_code=message.error_code,
    )


@atomically
def _again(row: Delivery, at: datetime, outcome: client.Outcome, **changes: object) -> None:
    """Nothing was sent: the row waits at the head of its line."""
    Message.objects.filter(pk=row.message_id, status=Status.SENDING).update(status=Status.QUEUED)
    leases.finish_or_undo(
        row,
        **{
            "state": DeliveryState.QUEUED,
            "due_at": at,
            "attempts": F("attempts"),
            "started_at": None,
            "cause": outcome.cause,
            "error_code": outcome.code,
            **changes,
        },
    )


def put_back(row: Delivery, now: datetime) -> None:
    """No call was made. A row that is still ours waits again; else whoever has it finds out that nothing was sent."""
    _again(row, now, client.Outcome("retry", cause="held_up"))


def _later(row: Delivery, outcome: client.Outcome, now: datetime) -> None:
    """Refused for the moment. Some refusals are worth one more attempt only, and none ends in a loop."""
    reaction = codes.reaction(outcome.code)
    if reaction.again == 1 and row.resent:
        _refused(row, outcome, now)
        return
    first = reaction.pause.total_seconds() or leases.FIRST_PAUSE
    longest = max(leases.LONGEST_PAUSE, 8 * first)
    pause = leases.back_off(row.attempts, retry_after=outcome.retry_after, first=first, longest=longest)
    resent = {"resent": F("resent") + 1} if reaction.again == 1 else {}
    _again(row, now + max(pause, reaction.pause), outcome, **resent)


@atomically
def _trouble(row: Delivery, outcome: client.Outcome, now: datetime) -> None:
    """The account's or the number's matter: the number pauses, and the line waits at its place."""
    consequences.pause_for(row, outcome.code, now)
    _again(row, now, outcome, attempts=0, cause=TROUBLE)


def _alarm(row: Delivery, outcome: client.Outcome, now: datetime) -> None:
    """The configuration is wrong."""
    logger.error("sender %s cannot send: %s", row.sender.public_id, outcome.cause)
    if outcome.cause == "redirect":
        fail(row, now, code=None, cause=outcome.cause)
    else:
        _again(row, now + leases.back_off(row.attempts), outcome)


def _fall_back(row: Delivery, outcome: client.Outcome, now: datetime) -> bool:
    """Twilio does not know the user id, so surely sent nothing: try the same person's phone, once."""
    if outcome.code not in codes.NO_SUCH_RECIPIENT or row.fell_back or client.is_phone(row.recipient):
        return False
    # The one that stands beside the user id before one of another whom they were merged with.
    phones = contacts.addresses_of(row.conversation.contact, row.sender_id).filter(
        kind=AddressKind.PHONE, unreachable_at=None
    )
    beside = ContactAddress.objects.filter(sender=row.sender_id, value=row.recipient).values("contact")
    phone = (
        phones.alias(own=Case(When(contact__in=beside, then=1), default=0)).order_by("-own", "-pk").first()
    )
    if phone is None:
        return False
    _again(row, row.due_at or now, outcome, recipient=phone.value, fell_back=True)
    return True
