"""A bot over real HTTP that answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Said:
    """One answer: what, under which status, and after how long."""

    body: bytes | dict[str, Any] = b"{}"
    status: int = 200
    after: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Bot:
    """``says`` are its next answers, and the last one is repeated; or ``thinks`` makes each from what it is asked."""

    port: int
    says: list[Said] = field(default_factory=lambda: [Said()])
    asked: list[dict[str, Any]] = field(default_factory=list)
    raw: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    thinks: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def answer(self, asked: dict[str, Any]) -> Said:
        if self.thinks:
            return Said(self.thinks(asked))
        return self.says.pop(0) if len(self.says) > 1 else self.says[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/turn"


@contextmanager
def serving() -> Iterator[Bot]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            bot.raw.append((dict(self.headers), body))
            bot.asked.append(json.loads(body))
            bot.paths.append(self.path)
            said = bot.answer(bot.asked[-1])
            time.sleep(said.after)
            if not said.status:
                self.close_connection = True
                return  # hangs up without a word
            sent = json.dumps(said.body).encode() if isinstance(said.body, dict) else said.body
            self.send_response(said.status)
            for name, value in {"Content-Length": str(len(sent)), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(sent)
            except OSError:
                self.close_connection = True  # enough was read

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    bot = Bot(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield bot
    finally:
        server.shutdown()
        server.server_close()
