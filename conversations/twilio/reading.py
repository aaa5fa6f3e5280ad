"""What Twilio knows and we may not: the messages it received for us, and their files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

from conversations.twilio import client, payloads
from conversations.twilio.client import DEADLINE_SECONDS, Account

T = TypeVar("T")

PAGE = 1000
"""The most that Twilio puts on one."""
FILES = 20
API = "https://api.twilio.com"


@dataclass(frozen=True, slots=True)
class Received:
    """One message as Twilio lists it: without a name, a button or a place."""

    sid: str
    from_: str
    to: str
    body: str = field(repr=False)
    at: datetime
    service: str = ""
    files: int = 0
    status: str = ""


class CannotRead(Exception):
    """Twilio did not say what was asked; ``cause`` is that of an outcome."""

    def __init__(self, cause: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.status = status
        self.retry_after = retry_after


async def received(account: Account, *, to: str, since: datetime) -> AsyncIterator[list[Received]]:
    """What customers sent ``to`` us at ``since`` or later, page by page as Twilio has it: the newest first."""
    async for page in _listed(account, "inbound", since, to=to):
        yield page


async def sent(account: Account, *, from_: str, since: datetime) -> AsyncIterator[list[Received]]:
    """What left our number, whoever sent it: in the same way."""
    async for page in _listed(account, "outbound", since, from_=from_):
        yield page


async def _listed(
    account: Account, direction: str, since: datetime, **end: str
) -> AsyncIterator[list[Received]]:
    sdk = connected(account)
    # Twilio compares whole days, in its own time zone, which is UTC.
    day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    page = await ask(lambda: sdk.messages.page_async(date_sent_after=day, page_size=PAGE, **end))
    while page is not None:
        rows = [row for row in page if str(row.direction).startswith(direction)]
        found = [_received(row) for row in rows if row.sid and (row.date_sent or row.date_created)]
        yield [one for one in found if one.at >= since]
        if any(one.at < since for one in found):
            return
        page = await ask(page.next_page_async)


async def media(account: Account, sid: str) -> list[payloads.Media]:
    """The files of one message, with the addresses that its webhook would have named."""
    sdk = connected(account)
    try:
        rows = await ask(lambda: sdk.messages(sid).media.list_async(limit=FILES))
    except CannotRead as problem:
        if problem.status == HTTPStatus.NOT_FOUND:
            return []  # deleted at Twilio since
        raise
    base = account.base or API
    return [
        payloads.Media(
            url=base + str(row.uri).removesuffix(".json"), content_type=str(row.content_type or "")
        )
        for row in rows
    ]


def form(account: Account, message: Received, files: list[payloads.Media]) -> dict[str, str]:
    """What the webhook of this message would have said, as far as the list tells."""
    told = {
        "MessageSid": message.sid,
        "AccountSid": account.sid,
        "From": message.from_,
        "To": message.to,
        "Body": message.body,
        "NumMedia": str(len(files)),
        "SmsStatus": "received",
    }
    if message.service:
        told["MessagingServiceSid"] = message.service
    for position, file in enumerate(files):
        told |= {f"MediaUrl{position}": file.url, f"MediaContentType{position}": file.content_type}
    return told


async def ask(
    call: Callable[[], Awaitable[T]],
    *,
    deadline: float = DEADLINE_SECONDS,
    headers: dict[str, str] | None = None,
) -> T:
    """One call that may be made again. It is answered, or CannotRead; ``headers`` are filled with the answer's."""
    from conversations.twilio import transport

    headers = {} if headers is None else headers
    transport.last_headers.set(headers)
    try:
        async with asyncio.timeout(deadline):
            return await call()
    except Exception as error:
        outcome = client.outcome_of(error, headers)
        raise CannotRead(outcome.cause, status=_status(error), retry_after=outcome.retry_after) from error


def connected(account: Account) -> Any:
    if not account.login[1]:
        raise CannotRead("credentials")
    return client.connected(account)


def _status(error: Exception) -> int:
    inside = error.args[-1] if error.args else None
    return int(getattr(error, "status", 0) or getattr(inside, "status_code", 0) or 0)


def _received(row: Any) -> Received:
    return Received(
        sid=str(row.sid),
        from_=str(row.from_ or ""),
        to=str(row.to or ""),
        body=str(row.body or ""),
        at=row.date_sent or row.date_created,
        service=str(row.messaging_service_sid or ""),
        files=payloads.code(row.num_media) or 0,
        status=str(row.status or ""),
    )
