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
from handoffflow.simulator.ledger import Ledger, new_sid
from handoffflow.simulator.seeded import CATALOGUE
from handoffflow.simulator.shapes import Account

PATH, CREATE = "/v1/ContentAndApprovals", "/v1/Content"
HOST = "https://content.twilio.com"
_GAP = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Button:
    title: str
    kind: str
    payload: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A content as the phone shows it."""

    header: str
    body: str
    footer: str
    buttons: tuple[Button, ...]


def page(ledger: Ledger, account: Account, query: Form) -> dict[str, Any]:
    """One page of the list, with Twilio's own kind of address for the next."""
    size, number = _whole(query, "PageSize", 50), _whole(query, "Page", 0)
    first, rows = number * size, everything(ledger)
    shown = rows[first : first + size]

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
            "next_page_url": url(number + 1) if first + size < len(rows) else None,
            "url": url(number),
            "key": "contents",
        },
    }


def create(ledger: Ledger, account: Account, body: str) -> dict[str, Any]:
    """A content of the account's own, which nobody has submitted for review."""
    try:
        given = json.loads(body)
        (kind, shape), *_more = given["types"].items()
        language = str(given["language"])
    except (ValueError, KeyError, AttributeError, TypeError) as problem:
        raise Refused(20001, detail="language and types") from problem
    sid, name = new_sid("HX"), str(given.get("friendly_name") or "")
    review = {"name": "", "category": "", "content_type": "", "status": "unsubmitted", "rejection_reason": ""}
    row = {
        "sid": sid,
        "friendly_name": name,
        "language": language,
        "variables": given.get("variables") or {},
        "types": {str(kind): dict(shape)},
        "approval_requests": review,
    }
    with ledger.writing() as connection:
        connection.execute("INSERT INTO contents (sid, row) VALUES (?, ?)", (sid, json.dumps(row)))
    return row | {"account_sid": account.sid, "approval_requests": None}


def everything(ledger: Ledger) -> list[Mapping[str, Any]]:
    own = [json.loads(row["row"]) for row in ledger.all("SELECT row FROM contents ORDER BY id")]
    return [*CATALOGUE, *own]


def find(ledger: Ledger, sid: str) -> Mapping[str, Any] | None:
    return next((row for row in everything(ledger) if row["sid"] == sid), None)


def checked(ledger: Ledger, sid: str, given: str) -> dict[str, str]:
    """The variables of a send; Refused where Twilio refuses it in its answer."""
    row = find(ledger, sid)
    if row is None:
        raise Refused(21655)
    values = _variables(given)
    if any(name not in values for name in _gaps(row)):
        raise Refused(21656, detail="a variable of the content is missing")
    return values


def approved(ledger: Ledger, sid: str) -> bool:
    row = find(ledger, sid)
    return row is not None and row["approval_requests"]["status"] == "approved"


def spoiled(values: Mapping[str, str]) -> bool:
    """What WhatsApp turns away, which only a callback tells: 63013."""
    return any(
        not value.strip() or "     " in value or any(unicodedata.category(char) == "Cc" for char in value)
        for value in values.values()
    )


def shown(ledger: Ledger, sid: str, values: Mapping[str, str]) -> Shown:
    row = find(ledger, sid)
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
    for item in shape.get("items", ()):
        yield Button(str(item["item"]), "item", str(item.get("id", "")), str(item.get("description", "")))


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
