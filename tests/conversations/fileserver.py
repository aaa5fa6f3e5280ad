"""A web server on this machine whose every answer a test writes down, and which remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ENDLESS = -1


@dataclass
class Answer:
    status: int = 200
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    """The Content-Length that is claimed; ENDLESS sends the content for ever."""


@dataclass
class Files:
    """``answers[path]`` are given in turn, the last one for ever; ``asked`` are paths with their Authorization."""

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def next(self, path: str) -> Answer:
        left = self.answers.get(path, [Answer(404)])
        return left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def serving() -> Iterator[Files]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            files.asked.append((self.path, self.headers.get("Authorization")))
            answer = files.next(self.path)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.length != ENDLESS:
                length = len(answer.content) if answer.length is None else answer.length
                self.send_header("Content-Length", str(length))
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(answer.content)
                while answer.length == ENDLESS:
                    self.wfile.write(answer.content)

        def log_message(self, *_parts: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    files = Files(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield files
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
