"""A hint inside the process that something has become due; the database stays the truth."""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[], None]] = []


def listen(callback: Callable[[], None]) -> Callable[[], None]:
    """Call ``callback`` (from any thread) at each ring; returns what ends that."""
    _listeners.append(callback)
    return lambda: _listeners.remove(callback)


def ring() -> None:
    for callback in _listeners:
        callback()
