"""Probes: is the process alive, and is the installation fit to serve."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, models
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from conversations import overhearing
from conversations.models import Delivery, Overheard, Reconciliation, WorkerHeartbeat
from conversations.models.base import Due
from handoffflow.subscriptions import Notice, Subscription
from handoffflow.webhooks import following, telling
from operators import calling, mailing
from operators.devices import QueueAlarm, Story

logger = logging.getLogger(__name__)

BEAT_SECONDS = 30


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """The process answers. Asks nothing of the database, so that its outage restarts nobody."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    try:
        report = inspect(timezone.now())
    except DatabaseError:
        logger.warning("readyz: the database does not answer")
        report = {"database": "failed"}
    fit = all(report.get(part) == "ok" for part in ("database", "migrations", "worker"))
    report = {"status": "ok" if fit else "failed"} | report
    return JsonResponse(report, status=200 if fit else 503)


def inspect(now: datetime) -> dict[str, Any]:
    """What ``/readyz`` and ``doctor`` report; raises DatabaseError when there is no database."""
    connection.ensure_connection()
    if unapplied():
        return {"database": "ok", "migrations": "missing"}
    return {
        "database": "ok",
        "migrations": "ok",
        "worker": "ok" if _beats(now) else "silent",
        "oldest_due_seconds": _oldest_due(now),
        # Says nothing of this installation's fitness: when Twilio is away, nothing is gained by taking this away too.
        "twilio_list": "failing" if _unreadable() else "ok",
    }


def unapplied() -> list[str]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def _beats(now: datetime) -> bool:
    if not settings.WORKER_EXPECTED:
        return True
    return WorkerHeartbeat.objects.filter(beat_at__gte=now - timedelta(seconds=BEAT_SECONDS)).exists()


def _unreadable() -> bool:
    return Reconciliation.objects.exclude(failing_since=None).exists()


def _oldest_due(now: datetime) -> int:
    """How long the longest overdue row of the worker has been waiting."""
    oldest = now
    for model in apps.get_models():
        if issubclass(model, Due):
            waiting = _owed(model, now).filter(due_at__lt=oldest)
            oldest = waiting.aggregate(first=models.Min("due_at"))["first"] or oldest
    return int((now - oldest).total_seconds())


def _owed(model: type[Due], now: datetime) -> models.QuerySet[Any]:
    """What waits for a paused number, for news, or for one before it is not the worker's to do."""
    if model is Delivery:
        return Delivery.objects.filter(sender__paused="")
    candidates = _CANDIDATES.get(model)
    return candidates(now) if candidates else model._default_manager.all()


_CANDIDATES: dict[type[Due], Callable[[datetime], models.QuerySet[Any]]] = {
    Overheard: overhearing.oldest,
    Story: calling.behind,
    QueueAlarm: mailing.ringing,
    Subscription: following.behind,
    Notice: telling.waiting,
}
"""Due rows that nobody has to take as long as there is nothing to do about them."""
