"""Claiming a due row, and finishing it only as long as it is ours.

A claim is one conditional UPDATE on every database: it sets a lease by the database's own clock and raises
``lease_number``, so whoever held the row before can change it no more.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from conversations.models import Due

LEASE = timedelta(seconds=30)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
POISON_PAUSE, LONGEST_POISON_PAUSE = 5.0, 600.0


def due(rows: models.QuerySet[Any], until: datetime) -> models.QuerySet[Any]:
    """Those due by ``until`` that nobody holds, the longest due first."""
    free = Q(leased_until=None) | Q(leased_until__lte=Now())
    return rows.filter(free, due_at__lte=until).order_by("due_at", "pk")


def claim(row: Due, lease: timedelta = LEASE) -> bool:
    """Take this row if it is as it was read. Exactly one of several takers wins."""
    taken = _as_read(row).update(
        leased_until=Now() + lease, lease_number=F("lease_number") + 1, attempts=F("attempts") + 1
    )
    row.lease_number += taken
    row.attempts += taken
    return bool(taken)


def keep(row: Due, **changes: Any) -> bool:
    """Change a row we hold and go on holding it; False when it is no longer ours."""
    return bool(_as_read(row).update(**changes))


def finish(row: Due, **changes: Any) -> bool:
    """Nothing is due any more. False, and no change at all, when the row is no longer ours."""
    return keep(
        row,
        **{
            "due_at": None,
            "leased_until": None,
            "attempts": 0,
            **changes,
            "lease_number": F("lease_number") + 1,
        },
    )


def reschedule(row: Due, at: datetime, **changes: Any) -> bool:
    return finish(row, **{"attempts": F("attempts"), **changes, "due_at": at})


def finish_or_undo(row: Due, **changes: Any) -> bool:
    """As ``finish``; when the row is no longer ours, nothing else of this transaction holds either."""
    finished = finish(row, **changes)
    if not finished:
        transaction.set_rollback(True)
    return finished


def back_off(
    attempts: int,
    *,
    retry_after: float | None = None,
    first: float = FIRST_PAUSE,
    longest: float = LONGEST_PAUSE,
) -> timedelta:
    """Twice as long each time, spread by a quarter so that rows do not come back together."""
    pause = min(longest, first * 2 ** min(max(attempts - 1, 0), 20))
    pause *= random.uniform(0.75, 1.25)  # noqa: S311 (jitter, not a secret)
    return timedelta(seconds=max(pause, retry_after or 0.0))


def push_away(row: Due, now: datetime) -> bool:
    """A row whose handler failed comes back later, further each time."""
    pause = back_off(row.attempts, first=POISON_PAUSE, longest=LONGEST_POISON_PAUSE)
    return reschedule(row, now + pause)


def _as_read(row: Due) -> models.QuerySet[Any]:
    return type(row)._base_manager.filter(pk=row.pk, lease_number=row.lease_number)
