"""How big a week is, and what its queues ask for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    conversations: int
    operators: int
    opens: timedelta
    """Operators come about then, on each of ``days`` days, and stay for ``shift``."""
    shift: timedelta
    days: int
    step: timedelta
    outages: tuple[tuple[timedelta, timedelta], ...]
    """Since Monday's midnight, and how long the worker is down then."""
    look: timedelta
    """How often each conversation that has changed is looked at in all its rows."""


SHORT = Shape(
    conversations=40,
    operators=4,
    opens=9 * HOUR,
    shift=HOUR,
    days=1,
    step=timedelta(seconds=45),
    outages=((9.5 * HOUR, HOUR / 4),),
    look=HOUR,
)
FULL = Shape(
    conversations=5000,
    operators=12,
    opens=9 * HOUR,
    shift=9 * HOUR,
    days=7,
    step=timedelta(seconds=30),
    outages=((34 * HOUR, HOUR), (4 * 24 * HOUR + 15 * HOUR, HOUR)),
    look=2 * HOUR,
)

QUEUES: dict[str, dict[str, Any]] = {
    "Atendimento": {"auto_offer": True, "offer_seconds": 45, "silent_minutes": 12, "first_reply_minutes": 8},
    "Vendas": {"waiting_minutes": 6, "waiting_then": "bot", "first_reply_minutes": 5},
    "Suporte": {
        "auto_offer": True,
        "offer_seconds": 90,
        "waiting_minutes": None,
        "first_reply_minutes": None,
        "silent_minutes": 25,
    },
    "Financeiro": {
        "auto_offer": True,
        "waiting_minutes": 3,
        "first_reply_minutes": 15,
        "silent_minutes": 60,
        "texts": {"waiting": {"pt-br": "Aguarde."}, "position": {"pt-br": "Você é o {position}º."}},
    },
}


def chosen() -> tuple[Shape, int]:
    """The form and the seed of this run."""
    shape = FULL if os.environ.get("WEEK") == "full" else SHORT
    return shape, int(os.environ.get("WEEK_SEED") or 20260601)
