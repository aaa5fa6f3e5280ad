"""What the hub of this process is doing, in numbers for a monitor: written on its loop, read from any thread."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime

LAGS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds; the last count is of what took longer."""


class Hub:
    def __init__(self) -> None:
        self.streams = 0
        self.lags = [0] * (len(LAGS) + 1)
        self.lag_seconds = 0.0
        self._looked_at: float | None = None

    def looked(self) -> None:
        self._looked_at = time.monotonic()

    def told(self, happened: Iterable[datetime], now: datetime) -> None:
        """Events that happened at these times have been handed to every stream."""
        for at in happened:
            lag = max(0.0, (now - at).total_seconds())
            self.lags[bisect_left(LAGS, lag)] += 1
            self.lag_seconds += lag

    def idle_seconds(self) -> float:
        """Since it last read the events; 0 while there is nobody to read them for."""
        if not self.streams or self._looked_at is None:
            return 0.0
        return time.monotonic() - self._looked_at


hub = Hub()
