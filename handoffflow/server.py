"""The product's process: uvicorn in the main thread, pages in a fixed pool of threads, streams on the loop.

Pages, webhooks, API and admin go through Django's WSGI handler: eight threads that live as long as
the process, and so do their database connections. Django's ASGI handler would start a thread and open
a connection for every request; it gets the event streams only, which WSGI cannot serve at all. The
worker is a thread of its own with its own loop, so that neither can freeze the other.

Exit, within five seconds: the signal ends the streams and stops the worker from taking new work;
uvicorn drains requests for three seconds at most; then lifespan's end waits for the worker.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from importlib import import_module, util
from types import FrameType
from typing import Any, Protocol, cast

import uvicorn
from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

from conversations import broadcast

logger = logging.getLogger(__name__)

ROLES = ("web", "stream", "worker")
PANEL_STREAM = "/operator/stream"
API_STREAM = "/api/v1/events"
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
THREADS = 8
DRAIN_SECONDS = 3
WORKER_SECONDS = 1.5
"""From the signal on. However long the requests took, it is given LEAST_SECONDS once they have ended."""
LEAST_SECONDS = 0.5
BODY_SECONDS = 30
# A form as Django bounds it, or a file as WhatsApp does.
FORM_BYTES = 2_621_440
FILE_BYTES = 20_000_000

Scope = dict[str, Any]
Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]


class Worker(Protocol):
    stopping: bool

    def start(self) -> None: ...
    def wake(self) -> None: ...
    def stop(self, timeout: float) -> None: ...


class Running:
    """What runs beside the pages in this process, by role."""

    def __init__(self, roles: frozenset[str]) -> None:
        self.roles = roles
        self.worker: Worker | None = None
        self.hub: Any = None
        self.stand_in: Any = None
        self.announcer = broadcast.Announcer()
        self.ear: broadcast.Ear | None = None
        self.told_at = 0.0

    def start(self) -> None:
        self.announcer.start()
        if settings.SIMULATOR_ENABLED and "web" in self.roles:
            standin = import_module("handoffflow.simulator.standin")
            self.stand_in = standin.StandIn.from_settings()
            self.stand_in.start()
        if "stream" in self.roles and util.find_spec("operators.stream"):
            self.hub = getattr(import_module("operators.stream"), "hub", None)
        if "worker" in self.roles:
            self.worker = import_module("conversations.worker").Worker()
            self.worker.start()
        if self.worker is not None and "web" not in self.roles:
            # What it has to send is written elsewhere: on PostgreSQL the others say so.
            self.ear = broadcast.Ear(self.worker.wake)
            self.ear.start()

    def wind_down(self) -> None:
        """Take no new work. Called from a signal handler: it may not wait."""
        self.told_at = time.monotonic()
        if self.worker is not None:
            self.worker.stopping = True
            self.worker.wake()
        if self.ear is not None:
            self.ear.stop()

    def stop(self) -> None:
        if self.worker is not None:
            left = self.told_at + WORKER_SECONDS - time.monotonic()
            self.worker.stop(max(LEAST_SECONDS, left))
        self.announcer.stop()
        if self.stand_in is not None:
            self.stand_in.stop()


class Application:
    """The ASGI side: which handler a request belongs to, and what starts and ends with the process."""

    def __init__(self, running: Running) -> None:
        self.running = running
        # Each of the three libraries types the same protocol in its own way.
        self.pages: Any = WSGIMiddleware(cast(Any, get_wsgi_application()), workers=THREADS)
        self.streams: Any = get_asgi_application()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
        elif self._serves(scope) and _is_stream(scope):
            await self.streams(scope, receive, send)
        elif self._serves(scope):
            await self._page(scope, receive, send)
        else:
            await _refuse(404, send)

    def _serves(self, scope: Scope) -> bool:
        role = "stream" if _is_stream(scope) else "web"
        return role in self.running.roles or scope["path"] in PROBES

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, body = await _whole_body(scope, receive)
        if status != 200:
            await _refuse(status, send)
            return
        await self.pages(_tame(scope), _replay(body, receive), send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await asyncio.to_thread(self.running.start)
            if self.running.hub is not None:
                await self.running.hub.start()
        except Exception as error:
            logger.exception("start-up failed")
            await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self.running.stop)
        await send({"type": "lifespan.shutdown.complete"})


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, running: Running, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.running = running
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self.ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Before uvicorn waits for open connections: a stream never closes by itself. The signal is
        # not handed to super(), which would raise it again after a clean end.
        self.running.wind_down()
        if self.running.hub is not None:
            asyncio.get_running_loop().call_soon_threadsafe(self.running.hub.stop)
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def run(roles: frozenset[str], listener: socket.socket | None, ready: Callable[[], None]) -> bool:
    """Serve until a signal ends it; true if it had started well."""
    running = Running(roles)
    if listener is None:
        return _run_worker(running, ready)
    config = uvicorn.Config(
        Application(running),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=30,
    )
    server = Server(config, running, ready)
    server.run(sockets=[listener])
    return server.started


def _run_worker(running: Running, ready: Callable[[], None]) -> bool:
    over = threading.Event()

    def end(sig: int, frame: FrameType | None) -> None:
        running.wind_down()
        over.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    running.start()
    ready()
    over.wait()
    running.stop()
    return True


def _is_stream(scope: Scope) -> bool:
    if scope["path"] == API_STREAM:
        return b"text/event-stream" in dict(scope["headers"]).get(b"accept", b"")
    return bool(scope["path"] == PANEL_STREAM)


async def _whole_body(scope: Scope, receive: Receive) -> tuple[int, bytes]:
    """Read the body on the loop: a slow client holds no thread. A status other than 200 refuses it."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers and b"content-length" not in headers:
        return 411, b""
    is_file = headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data")
    limit = FILE_BYTES if is_file else FORM_BYTES
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > limit:
        return 413, b""
    if int(length) == 0:
        return 200, b""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while len(body) <= limit:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    return 200, bytes(body)
    except TimeoutError:
        return 408, b""
    return 413, b""


def _replay(body: bytes, receive: Receive) -> Receive:
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return pending.pop() if pending else await receive()

    return again


def _tame(scope: Scope) -> Scope:
    """To WSGI ``X_Name`` and ``X-Name`` are one header; a proxy only guards the second."""
    return scope | {"headers": [(name, value) for name, value in scope["headers"] if b"_" not in name]}


async def _refuse(status: int, send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"0"),
        (b"connection", b"close"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
