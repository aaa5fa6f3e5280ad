"""What the code that runs now is working on, so that each of its log lines can say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

work: ContextVar[str] = ContextVar("work", default="")
"""The worker's row: its kind and public id. Threads and tasks started from here inherit it."""


@contextmanager
def about(what: str) -> Iterator[None]:
    token = work.set(what)
    try:
        yield
    finally:
        work.reset(token)
