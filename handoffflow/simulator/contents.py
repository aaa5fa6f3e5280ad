"""The account's contents: the list with what WhatsApp says of each, and what a message looks like filled in."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from handoffflow.simulator.checks import Form, Refused, one
from handoffflow.simulator.seeded import CATALOGUE
from handoffflow.simulator.shapes import Account

PATH = "/v1/ContentAndApprovals"
HOST = "https://content.twilio.com"
_GAP = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Button:
    title: str
    kind: str
    payload: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A content as the phone shows it."""

    header: str
    body: str
    footer: str
    buttons: tuple[Button, ...]


def page(account: Account, query: Form) -> dict[str, Any]:
    """One page of the list, with Twilio's own kind of address for the next."""
    size, number = _whole(query, "PageSize", 50), _whole(query, "Page", 0)
    first = number * size
    shown = CATALOGUE[first : first + size]

    def url(wanted: int) -> str:
        asked = {"PageSize": str(size), "Page": str(wanted)}
        return f"{HOST}{PATH}?{urlencode(asked)}"

    return {
        "contents": [dict(row) | {"account_sid": account.sid} for row in shown],
        "meta": {
            "page": number,
            "page_size": size,
            "first_page_url": url(0),
            "previous_page_url": url(number - 1) if number else None,
            "next_page_url": url(number + 1) if first + size < len(CATALOGUE) else None,
            "url": url(number),
            "key": "contents",
        },
    }


def find(sid: str) -> Mapping[str, Any] | None:
    return next((row for row in CATALOGUE if row["sid"] == sid), None)


def checked(sid: str, given: str) -> dict[str, str]:
    """The variables of a send; Refused where Twilio refuses it in its answer."""
    row = find(sid)
    if row is None:
        raise Refused(21655)
    values = _variables(given)
    if any(name not in values for name in _gaps(row)):
        raise Refused(21656, detail="a variable of the content is missing")
    return values


def approved(sid: str) -> bool:
    row = find(sid)
    return row is not None and row["approval_requests"]["status"] == "approved"


def spoiled(values: Mapping[str, str]) -> bool:
    """What WhatsApp turns away, which only a callback tells: 63013."""
    return any(
        not value.strip() or "     " in value or any(unicodedata.category(char) == "Cc" for char in value)
        for value in values.values()
    )


def shown(sid: str, values: Mapping[str, str]) -> Shown:
    row = find(sid)
    kind, shape = _shape(row) if row else ("", {})
    title, body = str(shape.get("title", "")), str(shape.get("body", ""))
    header = str(shape.get("header_text", "")) or (title if body else "")
    footer = str(shape.get("footer", "") or shape.get("subtitle", ""))
    return Shown(
        header=_filled(header, values),
        body=_filled(body or title, values),
        footer=_filled(footer, values),
        buttons=tuple(_buttons(kind, shape, values)),
    )


def _buttons(kind: str, shape: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[Button]:
    for action in shape.get("actions", ()):
        what = {"URL": "url", "PHONE_NUMBER": "phone"}.get(str(action.get("type", "")), "reply")
        yield Button(_filled(str(action["title"]), values), what, str(action.get("id", "")))


def _shape(row: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    kind, shape = next(iter(row["types"].items()))
    return str(kind), shape


def _gaps(row: Mapping[str, Any]) -> set[str]:
    return set(_GAP.findall(json.dumps(row["types"], ensure_ascii=False)))


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _GAP.sub(lambda match: values.get(match[1], match[0]), text)


def _variables(given: str) -> dict[str, str]:
    if not given:
        return {}
    try:
        found = json.loads(given)
    except ValueError as problem:
        raise Refused(21656) from problem
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Refused(21656)
    return found


def _whole(query: Form, name: str, default: int) -> int:
    given = one(query, name)
    if given and not given.isdecimal():
        raise Refused(20001, detail=name)
    return min(int(given), 1000) if given else default
