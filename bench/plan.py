"""How long and how often: the quick form answers in about two minutes, the full one is worth writing down."""

from __future__ import annotations

from dataclasses import dataclass

CUSTOMERS = 100
CONNECTIONS = 16
PER_SECOND = 10
"""Messages a second that panels see."""
ENQUEUED_PER_SECOND = 20
PACE = 80
"""Messages a second that the number may send whose pace is looked at; the others may send as many as they can."""
CALL_SECONDS = 0.1
"""How long the stand-in for Twilio takes over a message."""


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int
    webhook_seconds: float
    panels: tuple[int, ...]
    panel_rounds: int
    panel_seconds: float
    worker_rounds: int
    concurrencies: tuple[tuple[int, int], ...]
    """How many conversations have messages waiting, and how many messages in all: no more than 20 for each, since
    after that a customer is written to more slowly."""
    enqueue_seconds: float
    paced: tuple[int, int]
    """As above, of a number that keeps its pace."""


QUICK = Plan(
    rounds=2,
    webhook_seconds=2.0,
    panels=(10, 100),
    panel_rounds=1,
    panel_seconds=5.0,
    worker_rounds=1,
    concurrencies=((1, 20), (20, 300), (100, 800)),
    enqueue_seconds=4.0,
    paced=(200, 1000),
)
FULL = Plan(
    rounds=7,
    webhook_seconds=5.0,
    panels=(10, 100),
    panel_rounds=5,
    panel_seconds=15.0,
    worker_rounds=5,
    concurrencies=((1, 20), (20, 400), (100, 2000)),
    enqueue_seconds=10.0,
    paced=(2000, 10_000),
)
