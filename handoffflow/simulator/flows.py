"""Runs a Studio flow from one pause to the next: the widgets of the flows that come with the product.

What an execution knows is its context, a document; what it does to the world goes through ``World``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote_plus

Flow = Mapping[str, Any]
Context = dict[str, Any]
MOST_STEPS = 60
ENDED = ""
_LIQUID = re.compile(r"\{\{\s*([\w.]+)\s*(?:\|\s*(\w+)\s*)?\}\}")
_FILTERS: dict[str, Callable[[str], str]] = {
    "url_encode": quote_plus,
    "to_json": json.dumps,
    "strip": str.strip,
}


class World(Protocol):
    def active(self) -> bool:
        """Whether the execution has not been ended from outside."""

    def say(self, text: str) -> None: ...

    def call(self, url: str, fields: Mapping[str, str]) -> tuple[int, Any]:
        """A signed HTTP request: its status, and the document of a JSON answer."""

    def redirect(self, url: str) -> Mapping[str, str] | None:
        """The customer's last message goes there; what comes back with it, or None while nothing does."""


def run(flow: Flow, context: Context, state: str, event: str, world: World) -> str:
    """From ``state``, by ``event``, to where it waits for a message (the state's name) or has ended (``ENDED``)."""
    for _step in range(MOST_STEPS):
        state = _next(flow, context, state, event)
        if state == ENDED or not world.active():
            return ENDED
        event = _WIDGETS[_state(flow, state)["type"]](_state(flow, state), context, world)
        if not event:
            return state if world.active() else ENDED
    return ENDED


def begin(flow: Flow, context: Context, event: str, world: World) -> str:
    return run(flow, context, str(flow["initial_state"]), event, world)


def waits_in(flow: Flow, state: str) -> str:
    return str(_state(flow, state)["type"])


def text(template: str, context: Context) -> str:
    """Liquid, as far as these flows use it: a name is looked up and an absent one is empty."""

    def filled(match: re.Match[str]) -> str:
        found: Any = context
        for part in match[1].split("."):
            found = found.get(part, "") if isinstance(found, dict) else ""
        plain = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
        return _FILTERS[match[2]](plain) if match[2] else plain

    return _LIQUID.sub(filled, template)


def _state(flow: Flow, name: str) -> Mapping[str, Any]:
    return next(one for one in flow["states"] if one["name"] == name)


def _next(flow: Flow, context: Context, state: str, event: str) -> str:
    ways = [one for one in _state(flow, state)["transitions"] if one["event"] == event]
    chosen: Mapping[str, Any] = next((one for one in ways if _holds(one, context)), {})
    return str(chosen.get("next", ENDED))


def _holds(transition: Mapping[str, Any], context: Context) -> bool:
    return all(_true(one, context) for one in transition.get("conditions", ()))


def _true(condition: Mapping[str, Any], context: Context) -> bool:
    given = [text(one, context).strip().lower() for one in condition["arguments"]]
    wanted = text(condition["value"], context).strip().lower()
    return {
        "equal_to": lambda: all(one == wanted for one in given),
        "matches_any_of": lambda: any(one in [part.strip() for part in wanted.split(",")] for one in given),
        "is_not_blank": lambda: all(given),
    }[condition["type"]]()


def _say(state: Mapping[str, Any], context: Context, world: World) -> str:
    world.say(text(state["properties"]["body"], context))
    return "sent"


def _ask(state: Mapping[str, Any], context: Context, world: World) -> str:
    _say(state, context, world)
    return ""


def _split(state: Mapping[str, Any], context: Context, world: World) -> str:
    matches = [one for one in state["transitions"] if one["event"] == "match"]
    return "match" if any(_holds(one, context) for one in matches) else "noMatch"


def _call(state: Mapping[str, Any], context: Context, world: World) -> str:
    asked = state["properties"]
    fields = {one["key"]: text(one["value"], context) for one in asked.get("parameters", ())}
    status, parsed = world.call(text(asked["url"], context), fields)
    context["widgets"][state["name"]] = {"status_code": str(status), "parsed": parsed}
    return "success" if 200 <= status < 300 else "failed"


def _redirect(state: Mapping[str, Any], context: Context, world: World) -> str:
    values = world.redirect(text(state["properties"]["url"], context))
    if values is None:
        return ""
    context["widgets"][state["name"]] = dict(values)
    return "return"


_WIDGETS: dict[str, Callable[[Mapping[str, Any], Context, World], str]] = {
    "send-message": _say,
    "send-and-wait-for-reply": _ask,
    "split-based-on": _split,
    "make-http-request": _call,
    "add-twiml-redirect": _redirect,
}
