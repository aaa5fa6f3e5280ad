"""Claiming a due row, and finishing it only as long as it is ours.

A claim is one conditional UPDATE on every database: it sets a lease by the database's own clock and raises
``lease_number``, so whoever held the row before can change it no more.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import OperationalError, connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from conversations.atomically import atomically, passing
from conversations.models import Due

Row = TypeVar("Row", bound=Due)

LEASE = timedelta(seconds=30)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
POISON_PAUSE, LONGEST_POISON_PAUSE = 5.0, 600.0
_ANY = "SELECT 1 FROM {table} WHERE due_at <= %s LIMIT 1"


def due(rows: models.QuerySet[Any], until: datetime) -> models.QuerySet[Any]:
    """Those due by ``until`` that nobody holds, the longest due first."""
    free = Q(leased_until=None) | Q(leased_until__lte=Now())
    return rows.filter(free, due_at__lte=until).order_by("due_at", "pk")


def any_due(model: type[Due], until: datetime) -> bool:
    """Whether a row of this kind is due by ``until``, held or not.

    A worker asks for each kind four times a second, mostly in vain. In plain SQL that is 0.03 ms of
    CPU; the question with all its conditions is 1.3, as the ORM puts it together anew each time.
    """
    table, moment = model._meta.db_table, connection.ops.adapt_datetimefield_value(until)
    with connection.cursor() as cursor:
        cursor.execute(_ANY.format(table=connection.ops.quote_name(table)), [moment])
        return cursor.fetchone() is not None


def claim(row: Due, lease: timedelta = LEASE) -> bool:
    """Take this row if it is as it was read. Exactly one of several takers wins.

    MariaDB may pick one that waits for the row as the victim of a deadlock: that one has lost it like any other.
    """
    ours_until = time.monotonic() + lease.total_seconds()
    try:
        taken = _as_read(row).update(
            leased_until=Now() + lease, lease_number=F("lease_number") + 1, attempts=F("attempts") + 1
        )
    except OperationalError as error:
        if connection.in_atomic_block or not passing(error):
            raise
        return False
    if taken:
        _hold(row, ours_until)
    return bool(taken)


def claim_some(rows: Sequence[Row], lease: timedelta, _now: datetime) -> list[Row]:
    """Those of these rows of one kind that are as they were read; all at once where all are."""
    if len(rows) > 1 and claim_all(rows, lease):
        return list(rows)
    return [row for row in rows if claim(row, lease)]


@atomically
def claim_all(rows: Sequence[Due], lease: timedelta = LEASE, **changes: Any) -> bool:
    """Take all these rows of one kind as they were read, or none."""
    ours_until = time.monotonic() + lease.total_seconds()
    taken = keep_all(
        rows,
        leased_until=Now() + lease,
        lease_number=F("lease_number") + 1,
        attempts=F("attempts") + 1,
        **changes,
    )
    if not taken:
        transaction.set_rollback(True)
        return False
    for row in rows:
        _hold(row, ours_until)
    return True


def ours(row: Due) -> bool:
    """Whether nobody can have taken the row since: asked before what no lease number can undo. Counted from before
    the claim, and on while the process was stopped."""
    return time.monotonic() < row.ours_until


def keep_all(rows: Sequence[Due], **changes: Any) -> bool:
    """Change rows of one kind that we hold. False when one is no longer ours: then undo the whole transaction."""
    by_number: dict[int, list[int]] = {}
    for row in rows:
        by_number.setdefault(row.lease_number, []).append(row.pk)
    manager = type(rows[0])._base_manager
    kept = sum(
        manager.filter(pk__in=pks, lease_number=number).update(**changes) for number, pks in by_number.items()
    )
    return kept == len(rows)


def keep(row: Due, **changes: Any) -> bool:
    """Change a row we hold and go on holding it; False when it is no longer ours."""
    return bool(_as_read(row).update(**changes))


def extend(row: Due, lease: timedelta) -> bool:
    """Hold a row of ours for so long from now on; False when it is no longer ours."""
    ours_until = time.monotonic() + lease.total_seconds()
    kept = keep(row, leased_until=Now() + lease)
    if kept:
        row.ours_until = ours_until
    return kept


def finish(row: Due, **changes: Any) -> bool:
    """Nothing is due any more. False, and no change at all, when the row is no longer ours."""
    return keep(row, **_finished(changes))


def finish_all(rows: Sequence[Due], **changes: Any) -> bool:
    """As ``finish`` for rows of one kind. False when one is no longer ours: then undo the whole transaction."""
    return keep_all(rows, **_finished(changes))


def reschedule(row: Due, at: datetime, **changes: Any) -> bool:
    return finish(row, **{"attempts": F("attempts"), **changes, "due_at": at})


def postpone(row: Due, at: datetime) -> bool:
    """A row that nobody holds waits a little longer, if it is as it was read."""
    return bool(_as_read(row).update(due_at=at, lease_number=F("lease_number") + 1))


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


def _finished(changes: dict[str, Any]) -> dict[str, Any]:
    nothing = {"due_at": None, "leased_until": None, "attempts": 0}
    return {**nothing, **changes, "lease_number": F("lease_number") + 1}


def _as_read(row: Due) -> models.QuerySet[Any]:
    return type(row)._base_manager.filter(pk=row.pk, lease_number=row.lease_number)


def _hold(row: Due, ours_until: float) -> None:
    row.lease_number += 1
    row.attempts += 1
    row.ours_until = ours_until
