"""Times that run on in the browser, so that a page which stays the same is not sent again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Moment:
    """``repr`` is what the page's validator is made of: what runs by itself stays out."""

    at: datetime
    runs: Literal["ago", "in"]
    text: str = field(repr=False)


def ago(at: datetime, now: datetime) -> Moment:
    return Moment(at, "ago", spelt(now - at))


def until(at: datetime, now: datetime) -> Moment:
    return Moment(at, "in", spelt(at - now))


def spelt(span: timedelta) -> str:
    """47 s, 11 min, 2 h 05 min, 3 d: the same in every language, and in static/js/work.js."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    hours = seconds // 3600
    return f"{hours} h {seconds % 3600 // 60:02} min" if hours < 48 else f"{hours // 24} d"
