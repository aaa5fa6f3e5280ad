"""Twilio's Content API: what messages an account keeps there, and whether WhatsApp has approved them.

Of one content's ``types`` the one that WhatsApp reviewed counts, else the richest that we can show.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from conversations import filling
from conversations.twilio import client, payloads

PAGE, MOST = 100, 5000
DEADLINE_SECONDS = 60.0
_KINDS = (
    *("whatsapp/card", "twilio/card", "twilio/call-to-action", "twilio/quick-reply"),
    *("twilio/list-picker", "twilio/media", "twilio/text"),
)
_BUTTONS = {"URL": "url", "PHONE_NUMBER": "phone", "PHONE": "phone"}
_CATEGORIES = {"TRANSACTIONAL": "utility", "ALERT_UPDATE": "utility", "OTP": "authentication"}
SID, NAME, LANGUAGE, STATUS, KIND = 64, 255, 20, 20, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One template as plain values; names and samples of its variables in reading order."""

    sid: str
    name: str
    language: str
    kind: str
    category: str = ""
    approval: str = "unsubmitted"
    rejection_reason: str = ""
    header: str = ""
    body: str = ""
    footer: str = ""
    media: list[str] = field(default_factory=list)
    variables: list[dict[str, str]] = field(default_factory=list)
    buttons: list[dict[str, str]] = field(default_factory=list)


class SyncFailed(Exception):
    """The list could not be read; ``cause`` says why, as a code."""

    def __init__(self, cause: str, code: int | None = None) -> None:
        super().__init__(cause)
        self.cause, self.code = cause, code


async def templates(account: client.Account) -> list[Content]:
    """Every content of the account with its approval. All pages or SyncFailed: half a list would hide the rest."""
    if not account.login[1]:
        raise SyncFailed("credentials")
    try:
        twilio = client.connected(account)
        async with asyncio.timeout(DEADLINE_SECONDS):
            rows = await twilio.content.v1.content_and_approvals.list_async(limit=MOST, page_size=PAGE)
        return [read(vars(row)) for row in rows if _is_sid(row.sid)]
    except Exception as error:
        raise SyncFailed(_cause(error)) from error


async def create(account: client.Account, row: Mapping[str, Any]) -> str:
    """Let Twilio keep a content; its SID. Making it twice does no harm, so whoever calls may try again."""
    if not account.token:
        raise SyncFailed("credentials")
    try:
        twilio = client.connected(account)
        async with asyncio.timeout(client.DEADLINE_SECONDS):
            made = await twilio.content.v1.contents.create_async(_Row(row))
    except Exception as error:
        raise SyncFailed(_cause(error), payloads.code(getattr(error, "code", None))) from error
    if not _is_sid(made.sid):
        raise SyncFailed("unreadable")
    return str(made.sid)


class _Row:
    """The SDK's own request class sends a null for every type that a content is not."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row

    def to_dict(self) -> dict[str, Any]:
        return dict(self._row)


def _cause(error: Exception) -> str:
    """The SDK's paging raises one bare exception for every answer it did not expect, with the answer in it."""
    status = next((part.status_code for part in error.args if hasattr(part, "status_code")), None)
    if status is None:
        return client.cause_of(error)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "credentials"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server_error"
    return "busy" if status == HTTPStatus.TOO_MANY_REQUESTS else "refused"


def read(row: Mapping[str, Any]) -> Content:
    """One row of the list. Whatever Twilio leaves out or makes up is read as something, never as an error."""
    review = _mapping(row.get("approval_requests"))
    kind, shape = _type(_mapping(row.get("types")), _text(review.get("content_type")))
    header, body, footer = _said(shape)
    samples = {_text(name): _text(sample) for name, sample in _mapping(row.get("variables")).items()}
    gaps = filling.names([header, body, footer, *_strings(shape)])
    return Content(
        sid=_text(row.get("sid")),
        name=_text(row.get("friendly_name"))[:NAME],
        language=_text(row.get("language"))[:LANGUAGE],
        kind=kind[:KIND],
        category=_category(_text(review.get("category")).upper()),
        approval=_text(review.get("status")).lower()[:STATUS] or "unsubmitted",
        rejection_reason=_text(review.get("rejection_reason")),
        header=header,
        body=body,
        footer=footer,
        media=[_text(url) for url in _list(shape.get("media")) if url],
        variables=[{"name": name, "sample": samples.get(name, "")} for name in gaps],
        buttons=list(_buttons(shape)),
    )


def _type(types: Mapping[str, Any], reviewed: str) -> tuple[str, Mapping[str, Any]]:
    for kind in (reviewed, *_KINDS, *types):
        if kind in types:
            return kind, _mapping(types[kind])
    return "", {}


def _said(shape: Mapping[str, Any]) -> tuple[str, str, str]:
    """Header, text and footer. A card's title is its text unless it has another."""
    title, body = _text(shape.get("title")), _text(shape.get("body"))
    header = _text(shape.get("header_text")) or (title if body else "")
    return header, body or title, _text(shape.get("footer")) or _text(shape.get("subtitle"))


def _buttons(shape: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for action in _list(shape.get("actions")):
        title = _text(_mapping(action).get("title"))
        if title:
            yield {"kind": _BUTTONS.get(_text(action.get("type")).upper(), "reply"), "title": title}
    if shape.get("items") and _text(shape.get("button")):
        yield {"kind": "list", "title": _text(shape.get("button"))}


def _category(told: str) -> str:
    known = {"UTILITY", "MARKETING", "AUTHENTICATION"}
    return told.lower() if told in known else _CATEGORIES.get(told, "")


def _strings(value: Any) -> Iterator[str]:
    """Every text inside: a variable may stand in the address of a button or of a picture."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _is_sid(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= SID


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return payloads.storable(value).strip() if isinstance(value, str | int | float) else ""
