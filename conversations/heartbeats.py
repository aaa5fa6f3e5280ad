"""A worker's sign of life: one row, written again and again, gone with the worker."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from django.db.models import Min

from conversations.models import WorkerHeartbeat

FORGOTTEN = timedelta(days=1)
FRESH = timedelta(seconds=30)
"""A worker that has not beaten for so long counts as gone."""


def beat(name: str, *, started_at: datetime, now: datetime) -> None:
    """A worker that was silent for so long that it counted as gone (its database was away, the machine slept) begins
    to work at its next beat, not when it was started."""
    own = WorkerHeartbeat.objects.filter(name=name)
    if own.filter(beat_at__gt=now - FRESH, started_at__gte=started_at).update(beat_at=now):
        return
    if own.update(beat_at=now, started_at=now):
        return
    WorkerHeartbeat.objects.filter(beat_at__lt=now - FORGOTTEN).delete()
    WorkerHeartbeat.objects.create(name=name, started_at=started_at, beat_at=now)


def leave(name: str) -> None:
    WorkerHeartbeat.objects.filter(name=name).delete()


def nobody_worked_at(moment: datetime | None, now: datetime) -> bool:
    """Whether those who work now have all begun later than ``moment``."""
    since = working_since(now)
    return moment is not None and since is not None and moment < since


def working_since(now: datetime) -> datetime | None:
    """Since when there has been a worker; None if none was ever seen. Whoever asks works: where all have fallen
    silent, it is one that has come back and not beaten yet."""
    alive = WorkerHeartbeat.objects.filter(beat_at__gt=now - FRESH)
    since = cast(datetime | None, alive.aggregate(first=Min("started_at"))["first"])
    return now if since is None and WorkerHeartbeat.objects.exists() else since
