"""Lists in pages. A cursor names the last row of a page by its place in the order, and is sealed: the numbers
inside are nobody's business, and one made for another list does not fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from django.db.models import Q, QuerySet

from conversations import crypto
from handoffflow.api import schemas
from handoffflow.api.errors import Refused

R = TypeVar("R")


class Limited(Protocol):
    limit: str


def limit(filters: Limited) -> int:
    wanted = int(filters.limit)
    if not 1 <= wanted <= 100:
        raise Refused("invalid", [("limit", "range")])
    return wanted


def page(
    rows: QuerySet[Any, R], order: Sequence[str], filters: schemas.Paged, *, name: str
) -> tuple[list[R], str | None]:
    """The rows after the cursor, in ``order`` (its last name is unique), and the cursor of the next page."""
    if filters.cursor is not None:
        rows = rows.filter(_after(order, opened(filters.cursor, name, len(order))))
    size = limit(filters)
    return cut(list(rows.order_by(*order)[: size + 1]), order, size, name=name)


def cut(found: list[R], order: Sequence[str], size: int, *, name: str) -> tuple[list[R], str | None]:
    """Of what was asked for, which is one row more than are shown, where there is one."""
    if len(found) <= size:
        return found, None
    return found[:size], sealed(name, [getattr(found[size - 1], term.lstrip("-")) for term in order])


def sealed(name: str, values: list[Any]) -> str:
    return crypto.encrypt(json.dumps([name, [_plain(value) for value in values]]))


def opened(cursor: str, name: str, count: int) -> list[Any]:
    text = crypto.decrypt(cursor)
    made_for, values = json.loads(text) if text else ("", [])
    if made_for != name or len(values) != count:
        raise Refused("invalid", [("cursor", "invalid")])
    return [_restored(value) for value in values]


def _after(order: Sequence[str], values: list[Any]) -> Q:
    """(a, b) > (x, y) is a > x or (a = x and b > y); a term with a minus runs the other way."""
    later, same = Q(pk__in=[]), Q()
    for term, value in zip(order, values, strict=True):
        column = term.lstrip("-")
        later |= same & Q(**{f"{column}__{'lt' if term.startswith('-') else 'gt'}": value})
        same &= Q(**{column: value})
    return later


def _plain(value: Any) -> Any:
    return {"at": value.astimezone(UTC).isoformat()} if isinstance(value, datetime) else value


def _restored(value: Any) -> Any:
    return datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
