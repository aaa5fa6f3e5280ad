"""A worker's sign of life: one row, written again and again, gone with the worker."""

from __future__ import annotations

from datetime import datetime, timedelta

from conversations.models import WorkerHeartbeat

FORGOTTEN = timedelta(days=1)


def beat(name: str, *, started_at: datetime, now: datetime) -> None:
    if WorkerHeartbeat.objects.filter(name=name).update(beat_at=now, started_at=started_at):
        return
    WorkerHeartbeat.objects.filter(beat_at__lt=now - FORGOTTEN).delete()
    WorkerHeartbeat.objects.create(name=name, started_at=started_at, beat_at=now)


def leave(name: str) -> None:
    WorkerHeartbeat.objects.filter(name=name).delete()
