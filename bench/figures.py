"""Medians, percentiles and their spread."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

MOST_SPREAD = 1.5
"""A run whose floor varies more than this tells more about the machine than about us."""


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    return {
        name: percentile(seconds, share) * 1000
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }


def spread(values: Sequence[float]) -> float:
    return max(values) / min(values) if values and min(values) > 0 else float("inf")


def summed(values: Sequence[float]) -> dict[str, float]:
    return {"median": median(values), "least": min(values), "most": max(values)}


def per_name(rows: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Several runs that measured the same: each measure's median and extremes."""
    return {name: summed([row[name] for row in rows]) for name in rows[0]}
