"""What a monitor asks every few seconds, in Prometheus' text format.

Computed from the database, so that any of several processes gives the same answer, and in a fixed number of
statements that each read an index: what is due, what waits, the last hour. Only the streams are counted by the
process that serves them. Labels are states and public ids; nothing here names anybody.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, Max, Min, Q, Value
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from conversations.models import (
    BotTurn,
    Conversation,
    Delivery,
    InboundWebhook,
    Mode,
    Queue,
    WebhookOutcome,
    WorkerHeartbeat,
)
from conversations.models.delivery import UNSETTLED
from handoffflow import exposition, health, sending_metrics
from handoffflow.exposition import Gauge, Histogram, Labels
from handoffflow.sending_metrics import SPAN
from handoffflow.subscriptions import Notice, Pause, Subscription
from operators import gauges as streams

EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Not null, said as a range: SQLite takes the index for that only."""

_PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")

Rows = list[tuple[Any, ...]]


# The door -------------------------------------------------------------------------------------


@require_safe
def expose(request: HttpRequest) -> HttpResponse:
    if not settings.METRICS_TOKEN and not _asks_from_here(request):
        return HttpResponse(status=403)
    if settings.METRICS_TOKEN and not _shows_token(request):
        return HttpResponse(status=401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
    try:
        text = exposition.text(gauges(timezone.now()))
    except DatabaseError:
        return HttpResponse(status=503, headers={"Cache-Control": "no-store"})
    return HttpResponse(text, content_type=exposition.CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _shows_token(request: HttpRequest) -> bool:
    scheme, _blank, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(token.strip(), settings.METRICS_TOKEN)


def _asks_from_here(request: HttpRequest) -> bool:
    """A client on this machine that calls it by a name of this machine: not somebody behind a proxy or a
    tunnel, and not a page whose host name was pointed here."""
    if any(name in request.headers for name in _PROXY_HEADERS):
        return False
    try:
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
        named = host == "localhost" or ip_address(host).is_loopback
        return named and ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


# The numbers ----------------------------------------------------------------------------------


def gauges(now: datetime) -> list[Gauge | Histogram]:
    return [
        *_build(),
        *_webhooks(now),
        *_backlog(now),
        *_subscriptions(),
        *_conversations(),
        *_queues(now),
        *sending_metrics.gauges(now),
        *_workers(now),
        *_streams(),
    ]


def _build() -> list[Gauge]:
    labels = {"version": version(), "database": connection.vendor}
    return [Gauge("handoffflow_build_info", "The version that answers.", [(labels, 1)])]


@cache
def version() -> str:
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def _webhooks(now: datetime) -> list[Gauge]:
    recent = InboundWebhook.objects.filter(received_at__gte=now - SPAN)
    counts = dict(recent.values_list("outcome").annotate(count=Count("pk")))
    return [
        Gauge(
            "handoffflow_webhooks_last_hour",
            "Message webhooks of the last hour, by what became of them.",
            [({"outcome": outcome}, counts.get(outcome, 0)) for outcome in WebhookOutcome.values],
        )
    ]


def _backlog(now: datetime) -> list[Gauge]:
    """What is owed: forms to be tried again, bot turns, lines on their way out, events to tell. One statement."""
    webhooks = InboundWebhook.objects.filter(due_at__gte=EVER, outcome=WebhookOutcome.FAILED)
    turns = BotTurn.objects.filter(due_at__gte=EVER).exclude(open_for=None)
    deliveries = Delivery.objects.filter(due_at__gte=EVER).unsettled()
    notices = Notice.objects.filter(due_at__gte=EVER).waiting()
    rows: Rows = list(
        webhooks.values_list(Value("webhook"), "outcome")
        .annotate(count=Count("pk"), oldest=Min("received_at"))
        .union(
            turns.values_list(Value("turn"), "kind").annotate(count=Count("pk"), oldest=Min("created_at")),
            deliveries.values_list(Value("delivery"), "state").annotate(
                count=Count("pk"), oldest=Min("created_at")
            ),
            notices.values_list(Value("notice"), "state").annotate(
                count=Count("pk"), oldest=Min("created_at")
            ),
            all=True,
        )
    )
    failed, failed_age = _sum(rows, "webhook", now)
    open_turns, turns_age = _sum(rows, "turn", now)
    untold, untold_age = _sum(rows, "notice", now)
    by_state = {state: _sum([row for row in rows if row[1] == state], "delivery", now) for state in UNSETTLED}
    return [
        Gauge("handoffflow_webhooks_failed", "Message webhooks that wait to be tried again.", [({}, failed)]),
        Gauge("handoffflow_webhooks_failed_oldest_seconds", "Age of the oldest of them.", [({}, failed_age)]),
        Gauge("handoffflow_bot_turns", "Answers that bots owe.", [({}, open_turns)]),
        Gauge("handoffflow_bot_turns_oldest_seconds", "Age of the oldest of them.", [({}, turns_age)]),
        Gauge("handoffflow_notices", "Events that outgoing webhooks are still to be told.", [({}, untold)]),
        Gauge("handoffflow_notices_oldest_seconds", "Age of the oldest of them.", [({}, untold_age)]),
        Gauge(
            "handoffflow_deliveries_unsettled",
            "Messages on their way out, by state.",
            [({"state": state.value}, count) for state, (count, _age) in by_state.items()],
        ),
        Gauge(
            "handoffflow_deliveries_unsettled_oldest_seconds",
            "Age of the oldest of them, by state.",
            [({"state": state.value}, age) for state, (_count, age) in by_state.items()],
        ),
    ]


def _sum(rows: Rows, kind: str, now: datetime) -> tuple[int, float]:
    mine = [(count, oldest) for found, _state, count, oldest in rows if found == kind]
    return sum(count for count, _oldest in mine), max((_age(now, at) for _count, at in mine), default=0)


def _subscriptions() -> list[Gauge]:
    """A company has fifty at most."""
    counts = dict(Subscription.objects.values_list("paused").annotate(count=Count("pk")))
    reasons = [reason.value for reason in Pause]
    return [
        Gauge("handoffflow_subscriptions", "Outgoing webhooks that run.", [({}, counts.get("", 0))]),
        Gauge(
            "handoffflow_subscriptions_paused",
            "Outgoing webhooks that are told nothing, by why.",
            [({"reason": reason}, counts.get(reason, 0)) for reason in reasons],
        ),
    ]


def _conversations() -> list[Gauge]:
    # Counted from the index alone: filtering by anything else would read every conversation's row.
    counts = dict(
        Conversation.objects.filter(merged_into=None).values_list("mode").annotate(count=Count("pk"))
    )
    return [
        Gauge(
            "handoffflow_conversations",
            "Conversations, by who speaks.",
            [({"mode": mode}, counts.get(mode, 0)) for mode in Mode.values],
        )
    ]


def _queues(now: datetime) -> list[Gauge]:
    waiting = (
        Conversation.objects.queued()
        .filter(merged_into=None)
        .values_list("sender__organization__public_id", "queue__public_id")
        .annotate(count=Count("pk"), oldest=Min("waiting_since"))
    )
    found: dict[tuple[Any, Any], tuple[int, float]] = dict.fromkeys(
        Queue.objects.values_list("organization__public_id", "public_id"), (0, 0.0)
    )
    found |= {(company, queue): (count, _age(now, oldest)) for company, queue, count, oldest in waiting}
    labelled = [
        ({"organization": str(company), "queue": "" if queue is None else str(queue)}, *numbers)
        for (company, queue), numbers in sorted(found.items(), key=str)
    ]
    return [
        Gauge(
            "handoffflow_queue_conversations",
            "Conversations that wait for a person, by queue.",
            [(labels, count) for labels, count, _oldest in labelled],
        ),
        Gauge(
            "handoffflow_queue_oldest_seconds",
            "How long the first of them has waited, by queue.",
            [(labels, oldest) for labels, _count, oldest in labelled],
        ),
    ]


def _workers(now: datetime) -> list[Gauge]:
    fresh = Q(beat_at__gte=now - timedelta(seconds=health.BEAT_SECONDS))
    beats = WorkerHeartbeat.objects.aggregate(alive=Count("pk", filter=fresh), last=Max("beat_at"))
    ages: list[tuple[Labels, float]] = [({}, _age(now, beats["last"]))] if beats["last"] else []
    return [
        Gauge("handoffflow_workers", "Workers with a recent heartbeat.", [({}, beats["alive"])]),
        Gauge("handoffflow_worker_heartbeat_seconds", "Age of the newest heartbeat of any worker.", ages),
    ]


def _streams() -> list[Gauge | Histogram]:
    """What only the process that serves them can know."""
    hub = streams.hub
    return [
        Gauge("handoffflow_streams", "Panels that listen to this process.", [({}, hub.streams)]),
        Gauge(
            "handoffflow_hub_idle_seconds",
            "Since this process last read the events for them; 0 without any.",
            [({}, hub.idle_seconds())],
        ),
        Histogram(
            "handoffflow_hub_lag_seconds",
            "From what happened to handing it to the streams of this process.",
            streams.LAGS,
            tuple(hub.lags),
            hub.lag_seconds,
        ),
    ]


def _age(now: datetime, since: datetime | None) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
