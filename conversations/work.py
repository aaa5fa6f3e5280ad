"""What the worker does: a handler for every kind of due row (``worker`` runs them).

Handlers register by model::

    @work.handles(Delivery, name="delivery", candidates=waiting)
    async def run(row: Delivery, now: datetime) -> None: ...

They get a row claimed under ``row.lease_number`` and end in ``leases.finish`` or ``leases.reschedule``. One that
raises has its row pushed away, further each time; the loop goes on.
"""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from django.db import models

from conversations import clock, leases, threads, trace
from conversations.models import Due
from conversations.pacing import Outlook
from conversations.twilio import client

logger = logging.getLogger(__name__)
Row = TypeVar("Row", bound=Due)

MODULES = [
    "conversations.delivery",
    "conversations.turns",
    "conversations.calls",
    "conversations.executions",
    "conversations.overhearing",
    "conversations.retry",
    "conversations.media",
    "conversations.deadlines",
    "conversations.reconcile",
    "conversations.template_sync",
    "conversations.trials",
    "conversations.typing_signs",
    "conversations.unsent",
]
"""Where handlers register. By name, because they import this module; the desk adds its own."""

MOST_ROUNDS = 1000

in_thread = threads.run


@dataclass(frozen=True, slots=True)
class Handler:
    """``outlook`` says when a row may be taken that is due already, and whether any may be before that."""

    name: str
    model: type[Due]
    candidates: Callable[[datetime], models.QuerySet[Any]]
    run: Callable[[Any, datetime], Awaitable[None]]
    at_once: int
    lease: timedelta
    look_every: timedelta
    claim: Callable[[list[Any], timedelta, datetime], list[Any]]
    outlook: Outlook | None


handlers: dict[str, Handler] = {}
beginnings: list[Callable[[datetime], None]] = []
"""What a worker does once before its first row; here too a function registers itself."""


def handles(
    model: type[Row],
    *,
    name: str,
    candidates: Callable[[datetime], models.QuerySet[Row]] | None = None,
    at_once: int = 4,
    lease: timedelta = leases.LEASE,
    look_every: timedelta = timedelta(),
    claim: Callable[[list[Row], timedelta, datetime], list[Row]] = leases.claim_some,
    outlook: Outlook | None = None,
) -> Callable[[Callable[[Row, datetime], Awaitable[None] | None]], Callable[[Row, datetime], Any]]:
    """Let a function handle the due rows of ``model``, or those among ``candidates(now)``.

    A plain function runs in a thread, and may use the database; an async one uses ``in_thread`` for that.
    """

    def register(function: Callable[[Row, datetime], Any]) -> Callable[[Row, datetime], Any]:
        asynchronous = inspect.iscoroutinefunction(function)
        handlers[name] = Handler(
            name=name,
            model=model,
            candidates=candidates or (lambda _now: model._default_manager.all()),
            run=function if asynchronous else _threaded(function),
            at_once=at_once,
            lease=lease,
            look_every=look_every,
            claim=claim,
            outlook=outlook,
        )
        return function

    return register


def begins(function: Callable[[datetime], None]) -> Callable[[datetime], None]:
    """Let a worker call this once, before its first row. If one raises, all are called again a moment later."""
    beginnings.append(function)
    return function


def begin(now: datetime) -> None:
    for function in beginnings:
        function(now)


def load_handlers() -> None:
    for module in MODULES:
        importlib.import_module(module)


def _threaded(function: Callable[[Row, datetime], Any]) -> Callable[[Row, datetime], Awaitable[None]]:
    async def run(row: Row, now: datetime) -> None:
        await in_thread(function, row, now)

    return run


def claim_due(
    handler: Handler, now: datetime, *, limit: int, ahead: timedelta = timedelta()
) -> tuple[list[Any], datetime | None]:
    """Take up to ``limit`` due rows, and say when the next one within ``ahead`` falls due."""
    if handler.outlook is None and not leases.any_due(handler.model, now + ahead):
        return [], None
    found = list(leases.due(handler.candidates(now), now + ahead)[:limit])
    due = [row for row in found if row.due_at <= now]
    soonest = found[len(due)].due_at if len(due) < len(found) else None
    taken = handler.claim(due, handler.lease, now)
    later = handler.outlook.at if handler.outlook else None
    return taken, min(filter(None, (soonest, later)), default=None)


async def handle(handler: Handler, row: Due, now: datetime) -> None:
    """Run one claimed row. Whatever it raises stays here: the row comes back later, the loop goes on."""
    with trace.about(named(handler, row)):
        try:
            await handler.run(row, now)
        except Exception as error:  # noqa: BLE001 - the worker's edge
            logger.error("%s %s failed: %s", handler.name, row.pk, trace.described(error))
            await in_thread(leases.push_away, row, now)


def named(handler: Handler, row: Due) -> str:
    return f"{handler.name} {getattr(row, 'public_id', row.pk)}"


def run_once(now: datetime | None = None) -> int:
    """Handle everything due at ``now``, in this thread, until nothing is; how many rows that were."""
    load_handlers()
    return async_to_sync(_drain)(now or clock.now())


async def _drain(now: datetime) -> int:
    done = 0
    try:
        for _round in range(MOST_ROUNDS):
            handled = 0
            for handler in list(handlers.values()):
                rows, _next = await in_thread(claim_due, handler, now, limit=handler.at_once)
                for row in rows:
                    await handle(handler, row, now)
                handled += len(rows)
            done += handled
            if not handled:
                return done
    finally:
        await client.close()
    raise RuntimeError("rows keep falling due: a handler does not finish them")
