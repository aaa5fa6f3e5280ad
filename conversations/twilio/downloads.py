"""Fetching what a customer sent, from Twilio's hosts and nowhere else.

The address comes in a signed form, but what it leads to is decided by whoever answers: so every hop is looked at, the
credentials go to Twilio's API alone, and a name of Twilio's that leads into a private network is not called.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from conversations.twilio.client import Account

API, FILES = ".twilio.com", ".twiliocdn.com"
"""Every attachment is answered with a redirect from the API to the second, where it lies without a password."""
MOST_HOPS = 5
CONNECT_SECONDS, READ_SECONDS = 8.0, 20.0
CHUNK = 64 * 1024
_LONGEST_URL = 4096
_REDIRECTS = {301, 302, 303, 307, 308}
_REASONS: dict[int, str] = {401: "credentials", 403: "credentials", 404: "not_found", 410: "gone"}


@dataclass(frozen=True, slots=True)
class Head:
    """What the answer says of itself."""

    content_type: str
    disposition: str


NOTHING = Head("", "")


class DownloadFailed(Exception):
    """``reason`` is a code for people; ``final``: another attempt would end the same."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


async def fetch(
    url: str, account: Account, *, write: Callable[[bytes], object], most: int, deadline: float
) -> Head:
    """Hand the file to ``write`` piece by piece, at most ``most`` bytes in all; DownloadFailed if it cannot be had."""
    try:
        async with asyncio.timeout(deadline), _session(account.base) as session:
            return await _follow(session, url, account, write, most)
    except DownloadFailed:
        raise
    except TimeoutError as error:
        raise DownloadFailed("timeout") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise DownloadFailed("broken") from error


async def _follow(
    session: aiohttp.ClientSession, url: str, account: Account, write: Callable[[bytes], object], most: int
) -> Head:
    target = allowed(url, account.base)
    for _hop in range(MOST_HOPS):
        headers = {"Accept-Encoding": "identity"}
        if _is_api(target, account.base):
            if not account.login[1]:
                raise DownloadFailed("credentials")
            headers["Authorization"] = aiohttp.encode_basic_auth(*account.login)
        async with session.get(target, headers=headers, allow_redirects=False) as answer:
            if answer.status not in _REDIRECTS:
                return await read(answer, write, most)
            target = allowed(answer.headers.get("Location", ""), account.base, at=target)
    raise DownloadFailed("redirects", final=True)


def allowed(url: str, base: str, *, at: URL | None = None) -> URL:
    """The address to call, or DownloadFailed. The first must be the API's; ``at`` is what redirects here.

    Checked is the very object that is called: no other reader of addresses may find another host in it.
    """
    refused = DownloadFailed("host", final=True)
    if (
        not url
        or len(url) > _LONGEST_URL
        or not url.isascii()
        or not url.isprintable()
        or set(url) & set("\\ ")
    ):
        raise refused
    try:
        target = at.join(URL(url)) if at else URL(url)
        host = target.host or ""
        private = target.user is not None or target.password is not None
    except ValueError as error:
        raise refused from error
    if private or target.scheme not in {"http", "https"}:
        raise refused
    if base and target.origin() == URL(base).origin():
        return target
    known = host.endswith(API) or (at is not None and host.endswith(FILES))
    if not known or target.scheme != "https" or target.port != 443:
        raise refused
    return target


def _is_api(target: URL, base: str) -> bool:
    return bool(base and target.origin() == URL(base).origin()) or (target.host or "").endswith(API)


async def read(answer: aiohttp.ClientResponse, write: Callable[[bytes], object], most: int) -> Head:
    """The whole body of a good answer, piece by piece; DownloadFailed for any other."""
    _check(answer, most)
    read = 0
    async for piece in answer.content.iter_chunked(CHUNK):
        read += len(piece)
        if read > most:
            raise DownloadFailed("too_big", final=True)
        write(piece)
    if not read:
        raise DownloadFailed("empty")
    return Head(answer.headers.get("Content-Type", ""), answer.headers.get("Content-Disposition", ""))


def _check(answer: aiohttp.ClientResponse, most: int) -> None:
    if answer.status != HTTPStatus.OK:
        reason = _REASONS.get(answer.status, "refused")
        raise DownloadFailed(reason, final=answer.status == HTTPStatus.GONE)
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise DownloadFailed("encoded", final=True)
    if (answer.content_length or 0) > most:
        raise DownloadFailed("too_big", final=True)


def _session(base: str) -> aiohttp.ClientSession:
    """For one file: without cookies or proxies, and with names that lead to public addresses only."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
        connector=aiohttp.TCPConnector(resolver=PublicResolver(URL(base).host if base else None)),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


class PublicResolver(AbstractResolver):
    """Refuses a name of which any address is not public; ``own`` is the host that the installer has named."""

    def __init__(self, own: str | None = None) -> None:
        self._own = own
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if host != self._own and not is_public(one["host"] for one in found):
            raise DownloadFailed("host", final=True)
        return found

    async def close(self) -> None:
        await self._inner.close()


def is_public(addresses: Iterable[str]) -> bool:
    """Whether all these addresses are reachable from anywhere, also those that one kind hides in the other."""
    return all(_is_public(ipaddress.ip_address(address.partition("%")[0])) for address in addresses)


_HIDING = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        hidden = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if hidden:
            return _is_public(hidden)
        if any(address in network for network in _HIDING):
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast and not address.is_reserved
