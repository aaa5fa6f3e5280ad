"""HTTP below the official SDK: one pooled session per event loop. Imported late, because the SDK is big."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from twilio.http import async_http_client, response

CONNECT_SECONDS = 8.0
SOCKET_SECONDS = 5.0

last_headers: ContextVar[dict[str, str] | None] = ContextVar("last_headers", default=None)
"""Filled with the headers of an answer, if the caller has put a dict there: the SDK's errors have none."""


class Transport(async_http_client.AsyncTwilioHttpClient):  # type: ignore[misc] # the SDK is untyped
    """Sends every call to ``base`` when there is one, path kept; logs nothing, because bodies are private."""

    def __init__(self, base: str) -> None:
        # The SDK would make a session of its own, which nobody could give time-outs.
        super().__init__(pool_connections=False)
        self._base = urlsplit(base) if base else None
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_connect=SOCKET_SECONDS),
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the SDK's signature; the caller has the deadline
        allow_redirects: bool = False,
    ) -> response.Response:
        head = dict(headers or {})
        if auth is not None:
            head["Authorization"] = aiohttp.encode_basic_auth(*auth)
        async with self._session.request(
            method.upper(),
            self._address(url),
            params=list(_pairs(params or {})),
            **_body(data, head),
            headers=head,
            allow_redirects=False,
        ) as answer:
            noted = last_headers.get()
            if noted is not None:
                noted.update({name.lower(): value for name, value in answer.headers.items()})
            return response.Response(answer.status, await answer.text(errors="replace"), answer.headers)

    async def close(self) -> None:
        await self._session.close()

    def _address(self, url: str) -> str:
        if self._base is None:
            return url
        parts = urlsplit(url)
        return urlunsplit((self._base.scheme, self._base.netloc, parts.path, parts.query, ""))


def _body(data: Mapping[str, Any] | None, headers: Mapping[str, str]) -> dict[str, Any]:
    if headers.get("Content-Type") == "application/json":
        return {"json": data}
    return {"data": list(_pairs(data or {})) or None}


def _pairs(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            yield name, str(item).lower() if isinstance(item, bool) else str(item)
