"""What the code that runs now is working on, so that each of its log lines can say so."""

from __future__ import annotations

import inspect
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


def described(error: BaseException) -> str:
    """The kind of an error and where it happened. Its text may hold an address or what somebody wrote."""
    frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f" at {ours[-1].function}:{ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}{place}"
