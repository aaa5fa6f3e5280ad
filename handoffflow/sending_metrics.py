"""What became of the last hour's messages that go out, and how long it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Max, Q, Subquery

from conversations.models import Delivery, DeliveryState, Sender, StatusReport
from conversations.models.delivery import UNSETTLED
from conversations.twilio.errors import Trouble
from handoffflow.exposition import Gauge, Labels

SPAN = timedelta(hours=1)
NEWEST = 10_000
"""Settled deliveries have no index by time: so many of the newest are looked at."""
SETTLED = [state for state in DeliveryState if state not in UNSETTLED]

STARTS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0)
REPORTS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds that a message may take until we call Twilio, and until Twilio reports it as sent."""


def gauges(now: datetime) -> list[Gauge]:
    return [*_settled(now), *_sent(now), _paused()]


def _paused() -> Gauge:
    """What a person wrote as the reason stays here."""
    reasons = [*Trouble, "by_hand"]
    found = Sender.objects.exclude(paused="").values_list("paused", flat=True)
    counted = Counter(why if why in reasons else "by_hand" for why in found)
    return Gauge(
        "handoffflow_senders_paused",
        "Numbers on which nothing goes out, by the reason.",
        [({"reason": str(reason)}, counted[reason]) for reason in reasons],
    )


def _settled(now: datetime) -> list[Gauge]:
    newest = Subquery(Delivery.objects.order_by("-pk").values("pk")[:1])
    recent = Delivery.objects.filter(pk__gt=newest - NEWEST, created_at__gte=now - SPAN, state__in=SETTLED)
    rows: list[tuple[Any, ...]] = list(
        recent.values_list("state").annotate(
            count=Count("pk"), **_within(STARTS, "created_at", "started_at"), started=Count("started_at")
        )
    )
    counts = {state: count for state, count, *_started in rows}
    started = [sum(row[2 + column] for row in rows) for column in range(len(STARTS) + 1)]
    return [
        Gauge(
            "handoffflow_deliveries_last_hour",
            f"Messages of the last hour that are settled, by state (among the newest {NEWEST}).",
            [({"state": state.value}, counts.get(state, 0)) for state in SETTLED],
        ),
        Gauge(
            "handoffflow_deliveries_started_last_hour_seconds_bucket",
            "Of these, how many were on their way to Twilio so many seconds after they were accepted here.",
            _buckets(STARTS, started),
        ),
    ]


def _sent(now: datetime) -> list[Gauge]:
    took = ExpressionWrapper(F("received_at") - F("delivery__created_at"), output_field=DurationField())
    start = now - SPAN
    reports = StatusReport.objects.filter(
        received_at__gte=start, status="sent", delivery__created_at__gte=start
    )
    within = _within(REPORTS, "delivery__created_at", "received_at")
    found = reports.aggregate(count=Count("pk"), mean=Avg(took), longest=Max(took), **within)
    seconds = {name: found[name].total_seconds() for name in ("mean", "longest") if found[name] is not None}
    return [
        Gauge(
            "handoffflow_sent_last_hour",
            "Messages of the last hour that Twilio reported as sent.",
            [({}, found["count"])],
        ),
        Gauge(
            "handoffflow_sent_last_hour_seconds",
            "From the moment they were accepted here to that report.",
            [({"of": name}, max(0, value)) for name, value in seconds.items()],
        ),
        Gauge(
            "handoffflow_sent_last_hour_seconds_bucket",
            "How many of them took at most so many seconds.",
            _buckets(REPORTS, [*(found[name] for name in within), found["count"]]),
        ),
    ]


def _within(bounds: Sequence[float], since: str, until: str) -> dict[str, Count]:
    """How many rows took at most each of these seconds from one time to the other."""
    return {
        f"within_{number}": Count("pk", filter=Q(**{f"{until}__lte": F(since) + timedelta(seconds=bound)}))
        for number, bound in enumerate(bounds)
    }


def _buckets(bounds: Sequence[float], counts: Sequence[float]) -> list[tuple[Labels, float]]:
    names = [f"{bound:g}" for bound in bounds] + ["+Inf"]
    return [({"le": name}, count) for name, count in zip(names, counts, strict=True)]
