"""Fetching a file from an address that an integration has named, so that what is sent is what was looked at here.

An address is called as ``outward`` allows it, on every hop, and only at the port of https; at a listed host at that of
http as well, or at the port it is listed with. Whoever may name a file may not find out what else listens there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
from django.conf import settings
from yarl import URL

from conversations import outward
from conversations.outward import AddressRefused
from conversations.twilio import downloads
from conversations.twilio.downloads import DownloadFailed, Head

LONGEST_URL = 2000
"""Signed links of file stores are long."""
MOST_HOPS = 4
_REDIRECTS = {301, 302, 303, 307, 308}


def checked(url: str) -> URL:
    """The address as it will be called, or AddressRefused."""
    target = outward.checked(url, longest=LONGEST_URL)
    usual = {443, 80} if target.host in settings.INTERNAL_HOSTS else {443}
    if target.port not in usual and not outward.names_port_of(target):
        raise AddressRefused("port")
    return target


async def fetch(url: str, *, write: Callable[[bytes], object], most: int, seconds: float) -> Head:
    """Hand the file to ``write`` piece by piece, at most ``most`` bytes in all; DownloadFailed if it cannot be had."""
    try:
        async with asyncio.timeout(seconds):
            return await _follow(checked(url), write, most)
    except AddressRefused as refused:
        raise DownloadFailed("host", final=True) from refused
    except TimeoutError as error:
        raise DownloadFailed("timeout") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise DownloadFailed("broken") from error


async def _follow(target: URL, write: Callable[[bytes], object], most: int) -> Head:
    for _hop in range(MOST_HOPS):
        # A session for each hop: a listed host may not lend its name's privilege to where it leads.
        async with (
            outward.session_for(target) as session,
            session.get(target, headers={"Accept-Encoding": "identity"}, allow_redirects=False) as answer,
        ):
            if answer.status not in _REDIRECTS:
                return await downloads.read(answer, write, most)
            target = checked(str(target.join(URL(answer.headers.get("Location", "")))))
    raise DownloadFailed("redirects", final=True)
