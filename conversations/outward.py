"""Calling an address that a supervisor or an integration has named: by POST, once, and never into the own network.

Private networks are refused unless ``INTERNAL_HOSTS`` names the host, or the host with this port: a bot beside the desk
is wanted, the metadata service of the cloud it runs in is not. What is checked is what is called: the connection itself
looks the name up.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp
from django.conf import settings
from yarl import URL

from conversations import clock
from conversations.twilio.downloads import DownloadFailed, PublicResolver, is_public

LONGEST_URL = 500
CONNECT_SECONDS = 5.0
LONGEST_PAUSE = 3600.0
CHUNK = 16 * 1024


class AddressRefused(ValueError):
    """The address may not be called; ``code``: form, scheme, credentials, private."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` 0 means that there was none, and ``trouble`` why; ``retry_after`` is in seconds."""

    status: int = 0
    body: bytes = b""
    trouble: str = ""
    retry_after: float | None = None

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300

    @property
    def passing(self) -> bool:
        """Whether another attempt may end otherwise."""
        return (
            self.status in {0, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS} or self.status >= 500
        )


def checked(url: str, *, longest: int = LONGEST_URL) -> URL:
    """The address as it will be called, or AddressRefused."""
    if not url or len(url) > longest or not url.isascii() or not url.isprintable() or set(url) & set("\\ "):
        raise AddressRefused("form")
    try:
        target = URL(url)
        host = target.host or ""
        private = target.user is not None or target.password is not None
    except ValueError:
        raise AddressRefused("form") from None
    if private:
        raise AddressRefused("credentials")
    if not host or target.scheme not in {"http", "https"}:
        raise AddressRefused("scheme")
    if host in settings.INTERNAL_HOSTS or names_port_of(target):
        return target
    if target.scheme != "https":
        raise AddressRefused("scheme")
    if _is_number(host) and not is_public([host]):
        raise AddressRefused("private")
    return target


def names_port_of(target: URL) -> bool:
    """Whether ``INTERNAL_HOSTS`` names this host with this very port."""
    return f"{target.host_subcomponent}:{target.port}" in settings.INTERNAL_HOSTS


async def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float, most: int) -> Answer:
    """What came back within ``seconds``, at most ``most`` bytes of it; no redirect is followed."""
    try:
        target = checked(url)
        async with (
            asyncio.timeout(seconds),
            session_for(target) as session,
            session.post(target, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            return await _read(answer, most)
    except AddressRefused as refused:
        return Answer(trouble=f"address: {refused.code}")
    except DownloadFailed:
        return Answer(trouble="address: private")
    except TimeoutError:
        return Answer(trouble="timeout")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answer(trouble=f"connection: {type(error).__name__}")


async def _read(answer: aiohttp.ClientResponse, most: int) -> Answer:
    read = bytearray()
    async for piece in answer.content.iter_chunked(CHUNK):
        read += piece
        if len(read) > most:
            break  # the reader sees that it is too long
    return Answer(answer.status, bytes(read), retry_after=_pause(answer.headers.get("Retry-After", "")))


def _pause(told: str) -> float | None:
    """Retry-After, as seconds or as a date."""
    if told.isascii() and told.isdigit():
        return min(float(told), LONGEST_PAUSE)
    try:
        left = (parsedate_to_datetime(told) - clock.now()).total_seconds()
    except (TypeError, ValueError):
        return None
    return min(max(left, 0.0), LONGEST_PAUSE)


def session_for(target: URL) -> aiohttp.ClientSession:
    """For this one call. Without cookies or proxies; names lead to public addresses only, unless it is a listed one."""
    own = target.host if target.host in settings.INTERNAL_HOSTS or names_port_of(target) else None
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        connector=aiohttp.TCPConnector(resolver=PublicResolver(own)),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
