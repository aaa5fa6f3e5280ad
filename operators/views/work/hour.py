"""The last hour's sends: how many each minute, how long each had to wait here, and how many failed.

Read from the newest deliveries by their key, as the metrics do, and kept for a moment: many eyes may look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from django.core.cache import cache
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from conversations.models import Delivery, DeliveryState, Organization, Status

SPAN = timedelta(hours=1)
MINUTES = 60
NEWEST = 10_000
"""Deliveries have no index by time: so many of the newest are looked at."""
KEPT_SECONDS = 10
WIDTH, HEIGHT, TOP = 300, 74, 6

Row = tuple[datetime, datetime | None, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    per_minute: tuple[int, ...]
    sent: int
    failed: int
    median: float | None
    p95: float | None
    cut: bool
    since: datetime = field(repr=False)
    until: datetime = field(repr=False)

    @property
    def line(self) -> str:
        """The points of the curve, from left to right."""
        step, highest = WIDTH / (MINUTES - 1), max(self.per_minute) or 1
        return " ".join(
            f"{number * step:.0f},{HEIGHT - (HEIGHT - TOP) * count / highest:.0f}"
            for number, count in enumerate(self.per_minute)
        )

    @property
    def area(self) -> str:
        """What lies under it."""
        return f"M0,{HEIGHT} L{self.line.replace(' ', ' L')} L{WIDTH},{HEIGHT}Z"

    @property
    def label(self) -> str:
        said = _("Sends per minute in the last hour: from %(low)s to %(high)s, now %(now)s")
        low, high = min(self.per_minute), max(self.per_minute)
        return said % {"low": low, "high": high, "now": self.per_minute[-1]}

    @property
    def begins(self) -> str:
        return timezone.localtime(self.since).strftime("%H:%M")

    @property
    def ends(self) -> str:
        return timezone.localtime(self.until).strftime("%H:%M")

    @property
    def sent_shown(self) -> str:
        number = formats.number_format(self.sent, force_grouping=True)
        return _("more than %(n)s") % {"n": number} if self.cut else number

    @property
    def median_shown(self) -> str:
        return _seconds(self.median)

    @property
    def p95_shown(self) -> str:
        return _seconds(self.p95)

    @property
    def failed_shown(self) -> str:
        number = formats.number_format(self.failed, force_grouping=True)
        share = 100 * self.failed / max(1, self.sent + self.failed)
        return f"{number} ({formats.number_format(share, 1 if 0 < share < 10 else 0)}%)"


def last(organization: Organization, senders: Sequence[int], now: datetime) -> Hour:
    key = f"work-hour-{organization.pk}"
    kept = cast(Hour | None, cache.get(key))
    if kept is None:
        kept = read(senders, now)
        cache.set(key, kept, KEPT_SECONDS)
    return kept


def read(senders: Sequence[int], now: datetime) -> Hour:
    rows = _rows(senders, now)
    left = [row for row in rows if row[2] == DeliveryState.ACCEPTED and row[3] != Status.FAILED]
    spans = sorted((began - accepted).total_seconds() for accepted, began, *_states in left if began)
    return Hour(
        per_minute=_per_minute([began for _accepted, began, *_states in left if began], now),
        sent=len(left),
        failed=sum(shown == Status.FAILED for *_times, shown in rows),
        median=_at(spans, 0.5),
        p95=_at(spans, 0.95),
        cut=len(rows) >= NEWEST,
        since=now - SPAN,
        until=now,
    )


def _rows(senders: Sequence[int], now: datetime) -> list[Row]:
    # Asked for by itself: a number is something that a database can plan with.
    newest = Delivery.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    recent = Delivery.objects.filter(pk__gt=newest - NEWEST, created_at__gte=now - SPAN, sender__in=senders)
    rows: Any = recent.values_list("created_at", "started_at", "state", "message__status")
    return list(rows)


def _per_minute(times: Sequence[datetime], now: datetime) -> tuple[int, ...]:
    """How many in each of the sixty minutes that end now, the oldest first."""
    ages = Counter(int((now - at).total_seconds() // 60) for at in times)
    return tuple(ages[minute] for minute in reversed(range(MINUTES)))


def _at(spans: Sequence[float], share: float) -> float | None:
    return spans[min(len(spans) - 1, int(len(spans) * share))] if spans else None


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{formats.number_format(seconds, 1 if seconds < 10 else 0)} s"
