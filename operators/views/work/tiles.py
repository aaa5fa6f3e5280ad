"""How much is owed of each kind of job, and for how long. Each number is counted no further than it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.db.models import BigIntegerField, Count, ExpressionWrapper, F, Min, Model, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import npgettext, pgettext

from conversations.models import (
    BotTurn,
    Delivery,
    DeliveryState,
    Handoff,
    InboundWebhook,
    Organization,
    WebhookOutcome,
)
from operators.views.work import moments
from operators.views.work.moments import Moment

Row = TypeVar("Row", bound=Model)

MOST = 1000
EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Not null, said as a range: SQLite takes the index for that only."""
ON_THEIR_WAY = (DeliveryState.QUEUED, DeliveryState.SENDING)

SENDS_LATE = timedelta(seconds=30)
ANSWERS_LATE = timedelta(seconds=15)
DEADLINES_LATE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """``line`` is a sentence with a ``{time}`` in it, or without one when there is nothing to tell."""

    kind: str
    icon: str
    title: str
    count: int
    unit: str
    line: str
    time: Moment | None = None
    level: str = ""

    @property
    def shown(self) -> str:
        return shown(self.count)


def shown(count: int) -> str:
    return f"{MOST}+" if count > MOST else str(count)


def sends(senders: Sequence[int], now: datetime) -> Tile:
    owed = Delivery.objects.filter(due_at__gte=EVER, state__in=ON_THEIR_WAY)
    count, oldest = capped(among(owed, "sender_id", senders), "created_at")
    return Tile(
        kind="sends",
        icon="send",
        title=_("Sends"),
        count=count,
        unit=_("in line"),
        **_since(oldest, now, SENDS_LATE, _("oldest {time} ago")),
    )


def answers(senders: Sequence[int], now: datetime) -> Tile:
    owed = BotTurn.objects.filter(due_at__gte=EVER).exclude(open_for=None)
    count, oldest = capped(among(owed, "conversation__sender_id", senders), "created_at")
    return Tile(
        kind="answers",
        icon="bot",
        title=_("Bot answers"),
        count=count,
        unit=_("in line"),
        **_since(oldest, now, ANSWERS_LATE, pgettext("answer", "oldest {time} ago")),
    )


def deadlines(senders: Sequence[int], now: datetime) -> Tile:
    running = Handoff.objects.filter(due_at__gte=EVER).exclude(open_for=None)
    count, first = capped(among(running, "conversation__sender_id", senders), "due_at")
    line = _since(first, now, DEADLINES_LATE, "")
    if first and not line.get("level"):
        line = {"line": _("next in {time}"), "time": moments.until(first, now)}
    return Tile(
        kind="deadlines",
        icon="clock",
        title=_("Deadlines"),
        count=count,
        unit=npgettext("deadlines", "set", "set", _one_or_many(count)),
        **line,
    )


def webhooks(organization: Organization, now: datetime) -> Tile:
    count, oldest = capped(failed_webhooks(organization), "received_at")
    line: dict[str, Any] = {"line": _("all applied")}
    if oldest:
        line = {"line": _("oldest {time} ago"), "time": moments.ago(oldest, now), "level": "bad"}
    return Tile(
        kind="webhooks",
        icon="inbox",
        title=_("Webhooks"),
        count=count,
        unit=npgettext("webhooks", "failed", "failed", _one_or_many(count)),
        **line,
    )


def failed_webhooks(organization: Organization) -> QuerySet[InboundWebhook]:
    failed = InboundWebhook.objects.filter(due_at__gte=EVER, outcome=WebhookOutcome.FAILED)
    return among(failed, "organization_id", [organization.pk])


def among(rows: QuerySet[Row], key: str, keys: Sequence[int]) -> QuerySet[Row]:
    """Those whose ``key`` is one of these. Said as a sum, so that no database finds them by that key: it leads to all
    that the company has ever sent, while what is due, or has failed, is a few rows of an index."""
    own = ExpressionWrapper(F(key) + 0, output_field=BigIntegerField())
    found: QuerySet[Any] = rows.alias(own=own).filter(own__in=keys)
    return found


def capped(rows: QuerySet[Any], oldest: str) -> tuple[int, datetime | None]:
    """How many of these due rows, up to one more than MOST, and the earliest of that time among them."""
    found = rows.order_by("due_at")[: MOST + 1].aggregate(count=Count("pk"), oldest=Min(oldest))
    return found["count"], found["oldest"]


def _one_or_many(count: int) -> int:
    """None at all is "0 falharam", whatever Portuguese grammar has to say about zero."""
    return 1 if count == 1 else 2


def late(tiles: Iterable[Tile]) -> list[str]:
    return [tile.kind for tile in tiles if tile.level == "warn"]


def _since(oldest: datetime | None, now: datetime, patience: timedelta, on_time: str) -> dict[str, Any]:
    if oldest is None:
        return {"line": _("on time")}
    if now - oldest > patience:
        return {"line": _("late by {time}"), "time": moments.ago(oldest, now), "level": "warn"}
    return {"line": on_time, "time": moments.ago(oldest, now)}
