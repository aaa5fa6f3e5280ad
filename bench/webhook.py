"""An inbound webhook: ours and the floor, in turns, at full speed and at half of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import figures, load, machine
from bench.databases import Database
from bench.plan import CONNECTIONS, Plan
from bench.processes import Process
from bench.requests import Webhook

FASTEST = 4000
"""Webhooks a second that are made in advance; the floor takes fewer."""
WARM_UP = 200

Make = Callable[[int], list[Webhook]]


@dataclass(frozen=True, slots=True)
class Side:
    process: Process
    database: Database
    make: Make

    def cpu_seconds(self) -> tuple[float, float]:
        return self.process.cpu_seconds(), self.database.cpu_seconds()


async def measure(floor: Side, ours: Side, plan: Plan) -> dict[str, Any]:
    rounds: list[dict[str, dict[str, float]]] = []
    loads = []
    for side in (floor, ours):
        await load.closed(side.process.port, _raw(side, WARM_UP), connections=CONNECTIONS, seconds=10)
    for _round in range(plan.rounds):
        with ours.process.held_still():
            measured = {"floor": await _one(floor, plan.webhook_seconds)}
        with floor.process.held_still():
            measured["ours"] = await _one(ours, plan.webhook_seconds)
        rounds.append(measured)
        loads.append(machine.load())
    return _told(rounds, loads)


def _told(rounds: list[dict[str, dict[str, float]]], loads: list[float]) -> dict[str, Any]:
    floors = [one["floor"] for one in rounds]
    ratios = {
        name: figures.summed([one["ours"][name] / one["floor"][name] for one in rounds])
        for name in ("cpu_ms", "per_second")
    }
    spread = figures.spread([one["cpu_ms"] for one in floors])
    return {
        "floor": figures.per_name(floors),
        "ours": figures.per_name([one["ours"] for one in rounds]),
        "ratio": ratios,
        "floor_spread": spread,
        "valid": spread <= figures.MOST_SPREAD,
        "load": figures.summed(loads),
    }


async def _one(side: Side, seconds: float) -> dict[str, float]:
    requests = _raw(side, int(FASTEST * seconds))
    process, database = side.cpu_seconds()
    full = await load.closed(side.process.port, requests, connections=CONNECTIONS, seconds=seconds)
    process, database = (
        after - before for after, before in zip(side.cpu_seconds(), (process, database), strict=True)
    )
    half = await load.opened(
        side.process.port,
        _raw(side, int(full.per_second * seconds)),
        per_second=full.per_second / 2,
        seconds=seconds,
    )
    if full.failed or half.failed:
        raise RuntimeError(f"{full.failed + half.failed} webhooks were not taken")
    count = len(full.seconds)
    return {
        "cpu_ms": (process + database) * 1000 / count,
        "cpu_process_ms": process * 1000 / count,
        "cpu_database_ms": database * 1000 / count,
        "per_second": full.per_second,
        **{f"full_{name}": value for name, value in figures.milliseconds(full.seconds).items()},
        **{f"half_{name}": value for name, value in figures.milliseconds(half.seconds).items()},
    }


def _raw(side: Side, count: int) -> list[bytes]:
    return [webhook.raw for webhook in side.make(count)]
