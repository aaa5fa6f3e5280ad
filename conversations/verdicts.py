"""What a person decides about a message that was not sent, or may not have been.

Each decision is about one attempt. ``attempt`` is the delivery's public id as that person saw it: it is another one
after a retry, so a form that lies on somebody else's screen settles nothing that has moved on meanwhile.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from conversations import errors, statuses, wakeup
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import Conversation, Delivery, DeliveryState, Message, Status
from conversations.twilio import errors as codes

DOUBT = timedelta(seconds=60)
"""A callback or Twilio's list usually settles an unknown delivery sooner; from here on a person may decide."""


class NotRetryable(errors.HandoffError):
    """Another attempt cannot change the result, or the message is not one that failed."""

    code = "not_retryable"


class AlreadySettled(NotRetryable):
    """Somebody was faster, or Twilio's word was: it is no longer what it was when they looked."""

    code = "already_settled"


def in_doubt(row: Delivery, now: datetime) -> bool:
    """Whether it has been unknown for so long that somebody should look."""
    return row.unknown_since is not None and now - row.unknown_since > DOUBT


@atomically
def retry(
    message: Message,
    *,
    cause: Cause,
    now: datetime,
    unconfirmed: bool = False,
    attempt: uuid.UUID | None = None,
) -> Message:
    """Send a failed message once more, or with ``unconfirmed`` one whose outcome nobody could find out."""
    row = Delivery.objects.select_related("message", "conversation__contact").get(message=message)
    given_up = Status.UNKNOWN if unconfirmed else Status.FAILED
    if row.message.status != given_up:
        raise AlreadySettled
    if not _worth_another_try(row, now, unconfirmed=unconfirmed):
        raise NotRetryable
    wanted = Conversation.objects.filter(pk=row.conversation_id).wanted().exists()
    if row.conversation.contact.opted_out_at or not wanted:
        raise errors.OptedOut
    if not (row.outside_window or row.conversation.window_open(now)):
        raise errors.WindowClosed
    again = statuses.change(
        row.message,
        Status.QUEUED,
        when=Q(status=given_up),
        cause=cause,
        now=now,
        rank=0,
        error_code=None,
        provider_sid=None,
    )
    if not again:
        raise AlreadySettled
    # A new id in the callback's address: late reports of the attempt before are not about this one.
    _put(
        row,
        attempt,
        state=DeliveryState.QUEUED,
        due_at=now,
        public_id=uuid.uuid4(),
        started_at=None,
        fell_back=False,
        resent=0,
    )
    message.refresh_from_db()
    return message


def _worth_another_try(row: Delivery, now: datetime, *, unconfirmed: bool) -> bool:
    return in_doubt(row, now) if unconfirmed else codes.reaction(row.message.error_code, row.cause).retryable


@atomically
def arrived(message: Message, *, cause: Cause, now: datetime, attempt: uuid.UUID | None = None) -> Message:
    """Somebody knows that an unconfirmed message has reached the customer. What Twilio says later counts for more."""
    row = Delivery.objects.select_related("message").get(message=message)
    settled = statuses.change(
        row.message,
        Status.DELIVERED,
        when=Q(status=Status.UNKNOWN),
        cause=cause,
        now=now,
        rank=statuses.BY_WORD,
        error_code=None,
    )
    if not settled:
        raise AlreadySettled
    _put(row, attempt, state=DeliveryState.ACCEPTED, due_at=None)
    message.refresh_from_db()
    return message


@atomically
def discard(message: Message, *, cause: Cause, now: datetime, attempt: uuid.UUID | None = None) -> Message:
    """Give a message up that failed, is unconfirmed or still waits. It stays in the thread, struck through."""
    row = Delivery.objects.select_related("message").get(message=message)
    given_up = (Status.FAILED, Status.UNKNOWN, Status.QUEUED)
    settled = statuses.change(
        row.message, Status.CANCELLED, when=Q(status__in=given_up), cause=cause, now=now, error_code=None
    )
    if not settled:
        raise AlreadySettled
    _put(row, attempt, state=DeliveryState.CANCELLED, due_at=None)
    message.refresh_from_db()
    return message


def _put(row: Delivery, attempt: uuid.UUID | None, **changes: object) -> None:
    """A person's word on a row that no worker is calling Twilio for, and that is still the attempt they saw."""
    moved = Delivery.objects.filter(pk=row.pk).exclude(state=DeliveryState.SENDING)
    if attempt is not None:
        moved = moved.filter(public_id=attempt)
    changed = moved.update(
        lease_number=F("lease_number") + 1,
        leased_until=None,
        attempts=0,
        unknown_since=None,
        listings_without=0,
        fenced=False,
        cause="",
        error_code=None,
        error_text="",
        **changes,
    )
    if not changed:
        raise AlreadySettled
    transaction.on_commit(wakeup.ring)
