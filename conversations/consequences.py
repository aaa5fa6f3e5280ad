"""What follows when Twilio says that a message it had taken did not arrive: for it, its number, its customer.

Nothing here undoes the failure, which a report of arrival may still overrule. What is sent once more is sent later, by
the worker, if it still counts as failed then.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from conversations import leases, pauses, wakeup
from conversations.models import ContactAddress, Conversation, Delivery, DeliveryState, Message
from conversations.twilio import errors as codes

FIRST, LONGEST = 30.0, 900.0
"""Seconds until what failed for the moment is sent once more: longer each time."""


def of_failure(message: Message, *, code: int | None, text: str, now: datetime) -> None:
    """In the transaction that makes it failed."""
    row = Delivery.objects.select_related("sender").filter(message=message.pk).first()
    if row is None:
        return
    pause_for(row, code, now)
    stop_for(row, code, now)
    at = _once_more(row, code, now)
    changes: dict[str, Any] = {"error_text": text, "due_at": at, "leased_until": None, "attempts": 0}
    settled = Delivery.objects.filter(pk=row.pk, state=DeliveryState.ACCEPTED)
    settled.update(**changes, lease_number=F("lease_number") + 1)
    if at is not None and at <= now:
        transaction.on_commit(wakeup.ring)


def pause_for(row: Delivery, code: int | None, now: datetime) -> bool:
    """Whether this is about the whole number, which then is paused."""
    trouble = pauses.trouble_of(row.sender, code)
    if trouble is None:
        return False
    if not pauses.pause(row.sender, trouble, code=code, now=now):
        pauses.trial_failed(row.sender, row.pk, trouble, code=code, now=now)
    return True


def stop_for(row: Delivery, code: int | None, now: datetime) -> None:
    """They want no more of it: nothing goes to this address until they write. If they have written since, they do."""
    if not codes.reaction(code).stops:
        return
    wrote = Conversation.objects.filter(pk=row.conversation_id, last_inbound_at__gt=row.started_at or now)
    if not wrote.exists():
        address = ContactAddress.objects.filter(sender=row.sender_id, value=row.recipient)
        address.filter(unreachable_code=None).update(unreachable_at=now, unreachable_code=code)


def _once_more(row: Delivery, code: int | None, now: datetime) -> datetime | None:
    """When it is sent again by itself; None where that would not help, or has been tried often enough."""
    if code is None:
        return None
    if pauses.trouble_of(row.sender, code):
        return now  # it waits for its number with the others
    if row.resent >= codes.reaction(code).again:
        return None
    return now + leases.back_off(row.resent + 1, first=FIRST, longest=LONGEST)
