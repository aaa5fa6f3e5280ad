"""What supervisors read above every page of the console while something is wrong, whoever knows of it.

Whoever does registers a function, as handlers of the worker do::

    @banners.tells
    def paused(operator: Operator, now: datetime) -> list[Banner]: ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from operators.models import Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """``see`` is where it is mended; to ``resume``, if there is such a thing, is posted to let it go on at once."""

    id: str
    text: str
    todo: str
    see: str
    label: str
    code: int | None = None
    link: str = ""
    next: str = ""
    resume: str = ""


Source = Callable[[Operator, datetime], list[Banner]]
_sources: list[Source] = []


def tells(source: Source) -> Source:
    _sources.append(source)
    return source


def of(operator: Operator, now: datetime) -> list[Banner]:
    """Those of the operator's company. Nobody but supervisors is told."""
    return [banner for source in _sources for banner in source(operator, now)] if operator.is_staff else []
