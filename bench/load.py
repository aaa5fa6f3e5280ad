"""Requests over raw sockets: as many as are answered, or as many as are due."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import httptools

from bench.environment import HOST

MOST_CONNECTIONS = 64


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection: a request at a time."""

    def __init__(self) -> None:
        self._done: asyncio.Future[int] | None = None
        self._parser = httptools.HttpResponseParser(self)

    @classmethod
    async def to(cls, port: int) -> Connection:
        _transport, connection = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self._parser = httptools.HttpResponseParser(self)
        if self._done is not None and not self._done.done():
            self._done.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(exc or ConnectionError("closed"))

    async def ask(self, request: bytes) -> int:
        self._done = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._done


@dataclass
class Answers:
    """What came back. ``seconds`` are latencies of the good ones."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    took: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.took

    def note(self, status: int, began: float) -> None:
        if status == 200:
            self.seconds.append(time.perf_counter() - began)
        else:
            self.failed += 1


async def closed(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Answers:
    """Each connection asks again as soon as it is answered, until time or requests run out."""
    answers, left = Answers(), iter(requests)
    start = time.perf_counter()

    async def one() -> None:
        connection = await Connection.to(port)
        for request in left:
            began = time.perf_counter()
            answers.note(await connection.ask(request), began)
            if time.perf_counter() - start > seconds:
                break
        connection.transport.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    answers.took = time.perf_counter() - start
    return answers


async def opened(port: int, requests: Sequence[bytes], *, per_second: float, seconds: float) -> Answers:
    """Requests arrive by chance, so many a second, whether or not the ones before are answered; a latency
    counts from when its request was due."""
    answers, idle = Answers(), [await Connection.to(port) for _ in range(8)]
    free = asyncio.Semaphore(MOST_CONNECTIONS)
    start = time.perf_counter()

    async def one(request: bytes, due: float) -> None:
        async with free:
            connection = idle.pop() if idle else await Connection.to(port)
            answers.note(await connection.ask(request), due)
            idle.append(connection)

    tasks = []
    for request, due in zip(requests, _arrivals(per_second, seconds), strict=False):
        await asyncio.sleep(max(0.0, start + due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(request, start + due)))
    await asyncio.gather(*tasks)
    answers.took = time.perf_counter() - start
    for connection in idle:
        connection.transport.close()
    return answers


def _arrivals(per_second: float, seconds: float) -> Iterator[float]:
    at = random.expovariate(per_second)
    while at < seconds:
        yield at
        at += random.expovariate(per_second)
