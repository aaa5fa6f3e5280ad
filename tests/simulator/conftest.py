"""A stand-in that speaks to a small listening desk instead of the product: its tests need no database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator

from handoffflow.simulator.standin import StandIn
from tests import standin as shared

JOAO = "whatsapp:+5511987654321"
CALLBACK = "https://desk.example.com/api/twilio/status?mid=7d0d3a3e-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Heard:
    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class ListeningDesk:
    """Stands where the product would: writes down what it is told, and answers as told to."""

    status: int = 200
    heard: list[Heard] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)
    url: str = ""

    def take(self, call: Heard) -> int:
        with self.arrived:
            self.heard.append(call)
            self.arrived.notify_all()
        return self.status

    def wait(self, count: int) -> list[Heard]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.heard) >= count, timeout=10), self.heard
            return list(self.heard)

    def statuses(self) -> list[str]:
        return [call.form["MessageStatus"] for call in self.heard if "MessageStatus" in call.form]

    def properly_signed(self, call: Heard, *, token: str) -> bool:
        url = "https://desk.example.com" + call.path
        signature = call.headers["x-twilio-signature"]
        return bool(RequestValidator(token).validate(url, call.form, signature))


@pytest.fixture
def desk() -> Iterator[ListeningDesk]:
    told = ListeningDesk()

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            form = dict(parse_qsl(body, keep_blank_values=True))
            self.send_response(told.take(Heard(self.path, headers, form)))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture
def standin(tmp_path: Path, desk: ListeningDesk) -> Iterator[StandIn]:
    with shared.build(tmp_path / "simulator.sqlite3", webhook_base=desk.url) as running:
        running.meet(JOAO, name="João Batista")
        yield running
