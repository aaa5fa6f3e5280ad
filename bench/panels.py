"""From a customer's message to every open panel: how late, and whether all of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Any, cast

import httptools
from asgiref.sync import sync_to_async

from bench import figures, load, machine
from bench.environment import HOST
from bench.plan import PER_SECOND, Plan
from bench.processes import Process
from bench.requests import Webhook
from conversations.models import Message

LAST_SECONDS = 3.0
"""What has not come by then, never comes."""

Place = tuple[str, int]


class Panel(asyncio.Protocol):
    """A browser's stream: notes when it first learns of each change, and how often."""

    def __init__(self, cookie: str) -> None:
        self._cookie = cookie
        self._parser = httptools.HttpResponseParser(self)
        self._rest = b""
        self.first: dict[Place, float] = {}
        self.times: Counter[Place] = Counter()
        self.open = asyncio.get_running_loop().create_future()

    @classmethod
    async def opened(cls, port: int, cookie: str) -> Panel:
        loop = asyncio.get_running_loop()
        _transport, panel = await loop.create_connection(lambda: cls(cookie), HOST, port)
        await panel.open
        return panel

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        head = f"GET /operator/stream HTTP/1.1\r\nHost: localhost\r\nCookie: {self._cookie}\r\n"
        self.transport.write(f"{head}Accept: text/event-stream\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.open.done():
            self.open.set_exception(exc or ConnectionError("closed"))

    def on_headers_complete(self) -> None:
        if (status := self._parser.get_status_code()) != 200:
            self.open.set_exception(RuntimeError(f"the stream answers {status}"))

    def on_body(self, body: bytes) -> None:
        now = time.perf_counter()
        if not self.open.done():
            self.open.set_result(None)
        *frames, self._rest = (self._rest + body).split(b"\n\n")
        for frame in frames:
            self._note(frame, now)

    def _note(self, frame: bytes, now: float) -> None:
        name, data = "", b""
        for line in frame.split(b"\n"):
            field, _colon, value = line.partition(b":")
            if field == b"event":
                name = value.strip().decode()
            elif field == b"data":
                data += value.strip()
        if name == "changed":
            change = json.loads(data)
            place = (str(change["conversation"]), int(change["seq"]))
            self.first.setdefault(place, now)
            self.times[place] += 1


async def measure(
    process: Process, cookies: list[str], webhooks: list[Webhook], plan: Plan
) -> dict[str, Any]:
    """``webhooks`` are sent one after the other, at a steady pace."""
    panels = [await Panel.opened(process.port, cookie) for cookie in cookies]
    await asyncio.sleep(0.5)
    before = process.cpu_seconds()
    sent, answered = await _write(process.port, webhooks)
    took = plan.panel_seconds
    await asyncio.sleep(LAST_SECONDS)
    cpu = process.cpu_seconds() - before
    written = await sync_to_async(_written)([webhook.sid for webhook in webhooks])
    for panel in panels:
        panel.transport.close()
    return _told(panels, written, sent, answered) | {"cpu_share": cpu / took, "load": machine.load()}


async def _write(port: int, webhooks: list[Webhook]) -> tuple[dict[str, float], dict[str, float]]:
    """When each message was sent, and when its answer said that it is kept."""
    sent, answered = {}, {}
    connection = await load.Connection.to(port)
    start = time.perf_counter()
    for number, webhook in enumerate(webhooks):
        await asyncio.sleep(max(0.0, start + number / PER_SECOND - time.perf_counter()))
        sent[webhook.sid] = time.perf_counter()
        if await connection.ask(webhook.raw) != 200:
            raise RuntimeError("a webhook was not taken")
        answered[webhook.sid] = time.perf_counter()
    connection.transport.close()
    return sent, answered


def _written(sids: list[str]) -> dict[Place, str]:
    """The events that the database has for these messages: the number of each is one above its message's."""
    rows = Message.objects.filter(provider_sid__in=sids).values_list(
        "conversation__public_id", "seq", "provider_sid"
    )
    return {(str(conversation), seq + 1): str(sid) for conversation, seq, sid in rows}


def _told(
    panels: list[Panel], written: dict[Place, str], sent: dict[str, float], answered: dict[str, float]
) -> dict[str, float]:
    arrivals = [
        (written[place], at) for panel in panels for place, at in panel.first.items() if place in written
    ]
    # A frame may overtake the answer, which goes through a thread; then it came at once.
    since_kept = [max(0.0, at - answered[sid]) for sid, at in arrivals]
    since_sent = [at - sent[sid] for sid, at in arrivals]
    extra = sum(count - 1 for panel in panels for place, count in panel.times.items() if place in written)
    return {
        "written": len(written),
        "delivered_share": len(arrivals) / (len(written) * len(panels)),
        "twice": extra,
        **{f"kept_{name}": value for name, value in figures.milliseconds(since_kept).items()},
        **{f"sent_{name}": value for name, value in figures.milliseconds(since_sent).items()},
    }
