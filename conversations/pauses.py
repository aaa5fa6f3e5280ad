"""Why nothing goes out on a number, and since when. One conditional update pauses it, however many sends fail at once.

What waits stays in line, in its order: a paused number's lines are not looked for. One of them at a time is the trial
that shows whether the trouble is over (``trials`` chooses it and judges it).
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F

from conversations import audit, leases, wakeup
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import SANDBOX, Sender
from conversations.twilio import errors as codes
from conversations.twilio.errors import Trouble

logger = logging.getLogger(__name__)

FIRST_LOOK = {
    Trouble.CREDENTIALS: timedelta(seconds=30),
    Trouble.LOCKED: timedelta(minutes=10),
    Trouble.SANDBOX: timedelta(minutes=1),
    Trouble.SETUP: timedelta(minutes=1),
}
LONGEST = 3600.0


def trouble_of(sender: Sender, code: int | None) -> Trouble | None:
    """What this refusal says about the whole number. Who has not joined the sandbox says it of themselves only."""
    trouble = codes.reaction(code).trouble if code is not None else None
    return None if trouble == Trouble.SANDBOX and sender.address == SANDBOX else trouble


def pause(sender: Sender, trouble: Trouble, *, code: int | None, now: datetime) -> bool:
    """Whether it was this call that paused it."""
    paused = Sender.objects.filter(pk=sender.pk, paused="").update(
        paused=trouble.value,
        paused_code=code,
        paused_at=now,
        trial=None,
        trials=0,
        **_due(_first_look(trouble, now)),
    )
    if paused:
        logger.error("sender %s is paused: %s", sender.public_id, trouble.value)
        transaction.on_commit(wakeup.news.ring)
    return bool(paused)


def trial_failed(sender: Sender, delivery: int, trouble: Trouble, *, code: int | None, now: datetime) -> None:
    """If this line was the trial, the trouble goes on; the next trial comes later."""
    failed = Sender.objects.filter(pk=sender.pk, trial=delivery)
    first = FIRST_LOOK.get(trouble, timedelta(minutes=10)).total_seconds()
    pause = leases.back_off(sender.trials + 2, first=first, longest=LONGEST)
    at = tomorrow(now) if trouble == Trouble.LIMIT and sender.trials >= 1 else now + pause
    failed.update(
        paused=trouble.value,
        paused_code=code,
        trial=None,
        trials=F("trials") + 1,
        **_due(at),
    )


@atomically
def resume(sender: Sender, *, cause: Cause, now: datetime) -> bool:
    """Its lines go out again, in order. If the trouble is still there, the first of them pauses it again."""
    why = Sender.objects.filter(pk=sender.pk).values_list("paused", flat=True).first()
    resumed = why and Sender.objects.filter(pk=sender.pk, paused=why).update(**RESUMED)
    if not resumed:
        return False
    audit.note(
        "sender.resumed",
        cause=cause,
        organization=sender.organization_id,
        subject=sender,
        now=now,
        why=why if why in set(Trouble) else "by_hand",
    )
    transaction.on_commit(wakeup.ring)
    transaction.on_commit(wakeup.news.ring)
    return True


def by_hand(sender: Sender, why: str, *, now: datetime) -> None:
    """Somebody's own words pause it until somebody empties them; the product does not try by itself."""
    changes = {**RESUMED, "paused": why, "paused_at": now if why else None}
    Sender.objects.filter(pk=sender.pk).update(**changes)
    transaction.on_commit(wakeup.ring)
    transaction.on_commit(wakeup.news.ring)


def _first_look(trouble: Trouble, now: datetime) -> datetime:
    return tomorrow(now) if trouble == Trouble.LIMIT else now + FIRST_LOOK[trouble]


def tomorrow(now: datetime) -> datetime:
    """When Twilio begins to count a new day, and a little later."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1, minutes=1)


def _due(at: datetime | None) -> dict[str, object]:
    """As a new due time of any row: whoever is at work on the old one cannot clear it."""
    return {"due_at": at, "leased_until": None, "attempts": 0, "lease_number": F("lease_number") + 1}


RESUMED: dict[str, object] = {
    "paused": "",
    "paused_code": None,
    "paused_at": None,
    "trial": None,
    "trials": 0,
    **_due(None),
}
