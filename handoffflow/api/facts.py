"""What an engine's refusal may tell the caller, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from handoffflow.api import bubbles


def told(extras: dict[str, Any]) -> dict[str, Any]:
    """Whatever has no place on the wire stays inside."""
    facts: dict[str, Any] = {}
    for name, value in extras.items():
        if name in _FACTS:
            facts |= _FACTS[name](value)
    return facts


def _holder(operator: Any) -> dict[str, Any]:
    return {"agent_id": str(operator.public_id), "name": operator.shown_name} if operator else {}


def _moment(value: Any) -> str | None:
    return value.isoformat().replace("+00:00", "Z") if value else None


def _bubbles(rows: Iterable[Any]) -> dict[str, Any]:
    shown = bubbles.messages([row.pk for row in rows])
    return {"messages": [item.model_dump(mode="json") for item in shown]}


_FACTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "operator": _holder,
    "handoff_at": lambda value: {"handoff_at": _moment(value)},
    "messages": _bubbles,
    "reason": lambda value: {"reason": value},
    "limit": lambda value: {"limit": value},
    "epoch": lambda value: {"epoch": value},
    "into": lambda value: {"merged_into": str(value.public_id)},
    "suggestion_id": lambda value: {"suggestion_id": str(value)},
}
