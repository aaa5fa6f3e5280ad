"""The least that could take a webhook: bare ASGI, the same signature check, one durable row, the same answer.

``python -m bench.floor PORT DATABASE APP_URL TOKEN``
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

import psycopg_pool
import uvicorn

from conversations.twilio import signature

TABLE = "CREATE TABLE IF NOT EXISTS floor (sid VARCHAR(64) PRIMARY KEY, body TEXT, told TEXT)"
ANSWER = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'

Row = tuple[str, str, str]
Store = Callable[[Row], Awaitable[object]]


class Floor:
    def __init__(self, database: str, url: str, token: str) -> None:
        self.database, self.url, self.token = database, url, token
        self.store: Store

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.store = await _store(self.database)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            return
        if scope["method"] != "POST":
            await _answer(send, 200)
            return
        body = bytearray()
        while True:
            message = await receive()
            body += message["body"]
            if not message.get("more_body"):
                break
        await _answer(send, await self._take(scope, bytes(body)))

    async def _take(self, scope: dict[str, Any], body: bytes) -> int:
        headers = dict(scope["headers"])
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        signed = headers.get(b"x-twilio-signature", b"").decode()
        if not signature.verify(self.url + scope["path"], form, signature.FORM, signed, None, [self.token]):
            return 403
        await self.store((form["MessageSid"], form["Body"], json.dumps(form)))
        return 200


async def _answer(send: Any, status: int) -> None:
    headers = [(b"content-type", b"text/xml"), (b"content-length", str(len(ANSWER)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


async def _store(database: str) -> Store:
    return (
        _sqlite(database.removeprefix("sqlite:///"))
        if database.startswith("sqlite")
        else await _postgres(database)
    )


async def _postgres(database: str) -> Store:
    pool = psycopg_pool.AsyncConnectionPool(
        database, min_size=8, max_size=8, open=False, kwargs={"autocommit": True}
    )
    await pool.open(wait=True)
    async with pool.connection() as connection:
        await connection.execute(TABLE)

    async def store(row: Row) -> None:
        async with pool.connection() as connection:
            await connection.execute("INSERT INTO floor VALUES (%s, %s, %s)", row)

    return store


def _sqlite(path: str) -> Store:
    """One writer at a time is all that SQLite allows: one thread and its connection."""
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(TABLE)
    thread = ThreadPoolExecutor(1)

    async def store(row: Row) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(thread, connection.execute, "INSERT INTO floor VALUES (?, ?, ?)", row)

    return store


if __name__ == "__main__":
    port, database, url, token = sys.argv[1:]
    uvicorn.run(Floor(database, url, token), port=int(port), log_level="warning", access_log=False)
