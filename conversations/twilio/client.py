"""The calls we make to Twilio, and what each answer proves.

Sending is not idempotent: unless an answer proves that nothing was accepted, the outcome is ``unknown``.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from django.utils import timezone

from conversations.twilio import errors, payloads

if TYPE_CHECKING:
    from twilio.rest import Client

    from conversations.twilio.transport import Transport

DEADLINE_SECONDS = 20.0
"""For one call in all. A socket's own time-out ends nothing while bytes keep dripping in."""
LISTED = 50
LONGEST_WAIT_SECONDS = 3600.0

Kind = Literal["accepted", "refused", "retry", "unknown", "alarm"]
_PHONE = re.compile(r"whatsapp:\+\d+\Z")


@dataclass(frozen=True, slots=True)
class Account:
    """Credentials, and where the API is (empty: Twilio's own hosts). With an API key nothing is called by the token."""

    sid: str
    token: str = field(repr=False)
    base: str = ""
    key: str = ""
    secret: str = field(default="", repr=False)

    @property
    def login(self) -> tuple[str, str]:
        return (self.key, self.secret) if self.key else (self.sid, self.token)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``refused`` and ``alarm`` sent nothing and will not; ``retry`` sent nothing and may yet.

    ``alarm`` means that the configuration is wrong, which no other message would survive either.
    """

    kind: Kind
    sid: str = ""
    status: str = ""
    code: int | None = None
    retry_after: float | None = None
    cause: str = ""
    text: str = ""
    """What Twilio says about a refusal."""


@dataclass(frozen=True, slots=True)
class Listed:
    sid: str
    status: str
    body: str
    created_at: datetime
    error_code: int | None


class ListingFailed(Exception):
    """Twilio's list of messages could not be read; it proves nothing."""


def is_phone(address: str) -> bool:
    return _PHONE.match(address) is not None


async def send(
    account: Account,
    *,
    to: str,
    from_: str,
    body: str,
    status_callback: str,
    media_url: str = "",
    messaging_service_sid: str = "",
    content_sid: str = "",
    content_variables: str = "",
    deadline: float = DEADLINE_SECONDS,
) -> Outcome:
    """Send a text, a file with or without one, or a content. Never raises: the outcome says what is known."""
    if not account.login[1]:
        return Outcome("alarm", cause="credentials")
    from conversations.twilio import transport

    headers: dict[str, str] = {}
    transport.last_headers.set(headers)
    origin = {"messaging_service_sid": messaging_service_sid} if messaging_service_sid else {"from_": from_}
    said = _said(body, media_url, content_sid, content_variables)
    try:
        client = _client(account)
        async with asyncio.timeout(deadline):
            message = await client.messages.create_async(
                to=to, status_callback=status_callback, **said, **origin
            )
    except Exception as error:  # noqa: BLE001 - whatever it is, it must become an outcome
        return _failed(error, headers)
    return _accepted(message)


def _said(body: str, media_url: str, content_sid: str, content_variables: str) -> dict[str, Any]:
    """Twilio refuses a body beside a content, and an empty string is one."""
    if content_sid:
        filled = {"content_variables": content_variables} if content_variables else {}
        return {"content_sid": content_sid} | filled
    said: dict[str, Any] = {"body": body} if body or not media_url else {}
    return said | ({"media_url": [media_url]} if media_url else {})


async def listing(
    account: Account,
    *,
    to: str,
    from_: str,
    since: datetime,
    messaging_service_sid: str = "",
    deadline: float = DEADLINE_SECONDS,
) -> list[Listed]:
    """Messages to ``to`` created at ``since`` or later, oldest first. One sent by a Messaging Service has no ``from_``
    until the service has chosen it.

    Twilio's own date filter is left alone: it is as coarse as a day, and empty while a message is queued.
    """
    if not account.login[1]:
        raise ListingFailed
    wanted = {} if messaging_service_sid else {"from_": from_}
    try:
        client = _client(account)
        async with asyncio.timeout(deadline):
            rows = await client.messages.list_async(to=to, limit=LISTED, **wanted)
        ours = (from_, None, "") if messaging_service_sid else (from_,)
        found = [_listed(row) for row in rows if _outbound(row, ours) and row.date_created]
    except Exception as error:
        raise ListingFailed from error
    # Twilio lists the newest first and dates to the second: turned round, a stable sort keeps their order.
    return sorted((row for row in reversed(found) if row.created_at >= since), key=lambda row: row.created_at)


async def answers(account: Account, *, deadline: float = DEADLINE_SECONDS) -> bool:
    """Whether Twilio knows these credentials: asks for the account, the cheapest call there is."""
    if not account.login[1]:
        return False
    try:
        client = _client(account)
        async with asyncio.timeout(deadline):
            await client.api.v2010.accounts(account.sid).fetch_async()
    except Exception:  # noqa: BLE001 - whatever it is, it is no yes
        return False
    return True


async def show_typing(account: Account, message_sid: str, *, deadline: float = DEADLINE_SECONDS) -> None:
    """Show the customer that somebody types, and that this message of theirs was read. A failure is nobody's loss."""
    if not account.login[1]:
        return
    with suppress(Exception):
        client = _client(account)
        async with asyncio.timeout(deadline):
            await client.messaging.v2.typing_indicator.create_async(
                channel="whatsapp", message_id=message_sid
            )


def outcome_of(error: Exception, headers: dict[str, str]) -> Outcome:
    """What a failed call proves. A list that is refused is no error of its own to the SDK: it has the answer inside."""
    status = getattr(error.args[-1], "status_code", None) if error.args else None
    return _refused(status, None, headers) if isinstance(status, int) else _failed(error, headers)


async def close() -> None:
    """Close the connections of the running loop."""
    pool = _pools.pop(asyncio.get_running_loop(), None)
    for transport in pool.transports.values() if pool else ():
        await transport.close()


def connected(account: Account) -> Client:
    """The SDK for another resource of this account, on the connections of the running loop."""
    return _client(account)


def cause_of(error: Exception) -> str:
    """What went wrong, as a code: the same words as an outcome has."""
    return _failed(error, {}).cause


class _Pool:
    def __init__(self) -> None:
        self.transports: dict[str, Transport] = {}
        self.clients: dict[Account, Client] = {}


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()


def _client(account: Account) -> Client:
    """One client per account and one pool of connections per address and running loop."""
    pool = _pools.setdefault(asyncio.get_running_loop(), _Pool())
    client = pool.clients.get(account)
    if client is None:
        from twilio.rest import Client

        from conversations.twilio.transport import Transport

        if account.base not in pool.transports:
            pool.transports[account.base] = Transport(account.base)
        client = Client(*account.login, account.sid, http_client=pool.transports[account.base])
        # The SDK imports most of itself only now; that must not count against the deadline of the first call.
        _ = client.messages
        pool.clients[account] = client
    return client


def _accepted(message: Any) -> Outcome:
    if not isinstance(message.sid, str) or not 0 < len(message.sid) <= payloads.SID_LENGTH:
        return Outcome("unknown", cause="no_sid")
    return Outcome(
        "accepted", sid=message.sid, status=str(message.status or ""), code=payloads.code(message.error_code)
    )


def _failed(error: Exception, headers: dict[str, str]) -> Outcome:
    from twilio.base.exceptions import TwilioRestException, TwilioServiceException

    if isinstance(error, TwilioRestException | TwilioServiceException):
        refused = _refused(int(error.status), payloads.code(error.code), headers)
        return replace(refused, text=payloads.impersonal(str(getattr(error, "msg", "") or "")))
    return _broken(error)


def _refused(status: int, code: int | None, headers: dict[str, str]) -> Outcome:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outcome("unknown", code=code, cause="server_error")
    if status == HTTPStatus.UNAUTHORIZED or code == errors.CREDENTIALS:
        return Outcome("alarm", code=code or errors.CREDENTIALS, cause="credentials")
    if status < HTTPStatus.BAD_REQUEST:
        return Outcome("alarm", cause="redirect")
    if status == HTTPStatus.TOO_MANY_REQUESTS or errors.reaction(code).again:
        return Outcome("retry", code=code, retry_after=_wait(headers.get("retry-after", "")), cause="busy")
    return Outcome("refused", code=code, cause="refused")


def _broken(error: Exception) -> Outcome:
    """The connection failed: only what happens before the request is written proves that nothing was sent."""
    import aiohttp

    if isinstance(error, aiohttp.ClientSSLError | aiohttp.ServerFingerprintMismatch):
        return Outcome("alarm", cause="tls")
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Outcome("retry", cause="not_connected")
    if isinstance(error, TimeoutError):
        return Outcome("unknown", cause="timeout")
    if isinstance(error, aiohttp.ClientError | OSError):
        return Outcome("unknown", cause="broken")
    return Outcome("unknown", cause="unreadable")


def _outbound(row: Any, ours: tuple[str | None, ...]) -> bool:
    return str(row.direction).startswith("outbound") and row.from_ in ours


def _wait(header: str) -> float | None:
    header = header.strip()
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - timezone.now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS) if seconds == seconds else None


def _listed(row: Any) -> Listed:
    return Listed(
        sid=str(row.sid),
        status=str(row.status or ""),
        body=str(row.body or ""),
        created_at=row.date_created,
        error_code=payloads.code(row.error_code),
    )
