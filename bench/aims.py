"""What we want the numbers to be, and whether they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

BOTH = ("postgresql", "sqlite")


@dataclass(frozen=True, slots=True)
class Aim:
    said: str
    databases: tuple[str, ...]
    measured: Callable[[dict[str, Any]], float]
    unit: str
    most: float | None = None
    least: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    said: str
    told: str
    met: bool


def _panels(name: str) -> Callable[[dict[str, Any]], float]:
    return lambda one: float(one["panels"]["100"][name]["median"])


def _of_pace(one: dict[str, Any]) -> float:
    return 100 * float(one["pace"]["of_pace"])


AIMS = (
    Aim(
        "CPU of a webhook ≤ 8 times the floor's",
        BOTH,
        lambda one: float(one["webhook"]["ratio"]["cpu_ms"]["median"]),
        "times",
        most=8,
    ),
    Aim(
        "100 panels at 10 messages a second: all delivered",
        BOTH,
        lambda one: 100 * float(one["panels"]["100"]["delivered_share"]["least"]),
        "%",
        least=100,
    ),
    Aim("… p50 ≤ 20 ms", BOTH, _panels("kept_p50"), "ms", most=20),
    Aim("… p99 ≤ 100 ms", BOTH, _panels("kept_p99"), "ms", most=100),
    Aim(
        "from enqueueing to sending p50 ≤ 10 ms",
        ("postgresql",),
        lambda one: float(one["worker"]["latency"]["p50"]["median"]),
        "ms",
        most=10,
    ),
    Aim(
        "worker ≥ 0.65 of the ideal with 100 at once",
        BOTH,
        lambda one: float(one["worker"]["throughput"]["100"]["of_ideal"]["median"]),
        "of it",
        least=0.65,
    ),
    Aim("a number's pace is kept: not over 105 %", BOTH, _of_pace, "%", most=105),
    Aim("… and not under 95 %", BOTH, _of_pace, "%", least=95),
    Aim(
        "drawing the list and the thread ≤ 2.5 times the CPU of Jinja2",
        ("sqlite",),
        lambda one: max(float(row["ratio"]["median"]) for row in one["templates"]),
        "times",
        most=2.5,
    ),
    Aim(
        "lists, pages and search of the admin over a million messages ≤ 150 ms",
        ("sqlite",),
        lambda one: max(float(row["clock_ms"]["median"]) for row in one["admin"]),
        "ms",
        most=150,
    ),
    Aim("the process that does it all ≤ 150 MB", BOTH, lambda one: float(one["pss_mb"]), "MB", most=150),
)


def judged(results: dict[str, dict[str, Any]]) -> Iterator[tuple[str, Judged]]:
    for aim in AIMS:
        for name in aim.databases:
            try:
                value = aim.measured(results[name])
            except KeyError:
                continue  # this part was left out
            met = (aim.most is None or value <= aim.most) and (aim.least is None or value >= aim.least)
            yield name, Judged(aim.said, f"{value:.3g} {aim.unit}", met)
