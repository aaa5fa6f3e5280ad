"""The message list: filters, newest first, pages that stay put while new messages come in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from handoffflow.simulator import shapes
from handoffflow.simulator.checks import Form, Refused, one
from handoffflow.simulator.ledger import Ledger, Message, as_message
from handoffflow.simulator.shapes import Account

# Which end of a message a filter looks at depends on its direction.
_ENDS = {
    "To": "CASE direction WHEN 'inbound' THEN number ELSE customer END = ?",
    "From": "CASE WHEN direction = 'inbound' THEN customer"
    " WHEN service IS NOT NULL AND status IN ('accepted', 'queued') THEN '' ELSE number END = ?",
}
# DateSent compares whole days, and a message that is still queued has no such day.
_DAYS = {
    "DateSent": "date(sent, 'unixepoch') = ?",
    "DateSent>": "date(sent, 'unixepoch') >= ?",
    "DateSent<": "date(sent, 'unixepoch') <= ?",
}


def page(ledger: Ledger, account: Account, query: Form) -> dict[str, Any]:
    size, number = _whole(query, "PageSize", 50, at_most=1000), _whole(query, "Page", 0)
    found = _matching(ledger, account, query, limit=size + 1)
    shown, more = found[:size], len(found) > size
    kept = {name: one(query, name) for name in query if name in _ENDS or name in _DAYS}

    def uri(wanted: int, **extra: str) -> str:
        asked = kept | {"PageSize": str(size), "Page": str(wanted)} | extra
        return f"{account.path}/Messages.json?{urlencode(asked)}"

    return {
        "start": number * size,
        "end": number * size + max(len(shown) - 1, 0),
        "page": number,
        "page_size": size,
        "uri": uri(number),
        "first_page_uri": uri(0),
        "previous_page_uri": uri(number - 1) if number else None,
        # The token names the last row shown: a message that comes in meanwhile shifts nothing.
        "next_page_uri": uri(number + 1, PageToken=f"PA{shown[-1].sid}") if more else None,
        "messages": [
            shapes.resource(account, message, files=shapes.files(ledger, message)) for message in shown
        ],
    }


def _whole(query: Form, name: str, default: int, *, at_most: int = 10**6) -> int:
    given = one(query, name)
    if given and not given.isdecimal():
        raise Refused(20001, detail=name)
    return min(int(given), at_most) if given else default


def _matching(ledger: Ledger, account: Account, query: Form, *, limit: int) -> list[Message]:
    where, values = ["number = ?"], [account.number]
    for name, test in _ENDS.items():
        if one(query, name):
            where.append(test)
            values.append(one(query, name))
    for name, test in _DAYS.items():
        if one(query, name):
            where.append(test)
            values.append(one(query, name)[:10])
    token = one(query, "PageToken").removeprefix("PA")
    if token:
        where.append("id < (SELECT id FROM messages WHERE sid = ?)")
        values.append(token)
    tests = " AND ".join(where)
    rows = ledger.all(f"SELECT * FROM messages WHERE {tests} ORDER BY id DESC LIMIT {limit}", *values)  # noqa: S608
    return [as_message(row) for row in rows]
