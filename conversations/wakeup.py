"""Hints inside the process that something has happened; the database stays the truth."""

from __future__ import annotations

from collections.abc import Callable


class Bell:
    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` (from any thread) at each ring; returns what ends that."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def ring(self) -> None:
        for callback in tuple(self._listeners):
            callback()


due = Bell()
"""A row of the worker's has fallen due."""
news = Bell()
"""An event has been committed."""

listen = due.listen
ring = due.ring
