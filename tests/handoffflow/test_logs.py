"""Logs carry no phone, no address, no token and no text, whatever ends up in a line."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path

from conversations import clock, trace, turns, work
from conversations.models import BotTurn, Queue
from conversations.worker import Worker
from handoffflow import logs
from tests.builders import make_with_bot

CANARIES = [
    "5511987654321",
    "98765-4321",
    "canary-token-4711",
    "0123456789abcdef0123456789abcdef",
    "BR.AbCdEf123456",
]


def record(message: str, *args: object, exc_info: bool = False) -> logging.LogRecord:
    return logging.LogRecord(
        "conversations.delivery",
        logging.WARNING,
        __file__,
        1,
        message,
        args,
        sys.exc_info() if exc_info else None,
    )


class TestMasked:
    @pytest.mark.parametrize(
        "line",
        [
            "from whatsapp:+5511987654321 to whatsapp:+551150280000",
            "From=whatsapp%3A%2B5511987654321&Body=canary-token-4711",
            "{'From': 'whatsapp:+5511987654321', 'Body': 'canary-token-4711 and more'}",
            '{"From": "whatsapp:+5511987654321", "Body": "canary-token-4711"}',
            "WaId 5511987654321",
            "+55 11 98765-4321",
            "(11) 98765-4321",
            "11 98765-4321",
            "rang +55 (11) 98765-4321 twice",
            "user whatsapp:BR.AbCdEf123456 wrote",
            "user BR.AbCdEf123456 wrote",
            "Authorization: Basic canary-token-4711",
            "headers={'Authorization': 'Bearer canary-token-4711'}",
            "AUTH_TOKEN=canary-token-4711",
            "auth token 0123456789abcdef0123456789abcdef",
            "https://AC1:canary-token-4711@api.example.com/",
            "postgres://desk:canary-token-4711@db/desk",
            "key hf_abc123_canary-token-4711",
            "X-Twilio-Signature: canary-token-4711",
            "password='canary-token-4711'",
        ],
    )
    def test_leaves_no_canary(self, line: str) -> None:
        masked = logs.masked(line)

        assert [canary for canary in CANARIES if canary in masked] == []
        assert "551198765" not in masked

    @pytest.mark.parametrize(
        "line",
        [
            "delivery 7b1f3f0e-3c1c-4c0e-9d1b-0f6c1f7b7a55 is unknown after 3 attempts",
            "SM0123456789abcdef0123456789abcdef answered 429, again in 30 s",
            "listening on 127.0.0.1:8000, 2026-11-22T10:14:03.123+00:00",
            "applied conversations.0002_relations in 1234567 us",
            "error 63016 in queue 12",
        ],
    )
    def test_keeps_what_operations_need(self, line: str) -> None:
        assert logs.masked(line) == line


class TestALine:
    def test_of_production_is_one_json_object(self) -> None:
        token = logs.request_id.set("request-1")
        try:
            line = logs.JsonFormatter().format(record("wrote %s", "a\nforged: +5511987654321"))
        finally:
            logs.request_id.reset(token)

        entry = json.loads(line)
        assert entry["message"] == "wrote a\\nforged: +***"
        assert entry["level"] == "warning"
        assert entry["request_id"] == "request-1"
        assert entry["time"].endswith("+00:00")

    @pytest.mark.parametrize("formatter", [logs.JsonFormatter(), logs.ReadableFormatter()])
    def test_masks_exceptions(self, formatter: logging.Formatter) -> None:
        try:
            raise ValueError("no such customer: whatsapp:+5511987654321")
        except ValueError:
            line = formatter.format(record("failed", exc_info=True))

        assert "ValueError" in line
        assert "5511987654321" not in line


async def listened(handler: Any, place: str) -> str:
    """Ask for a stream as the server does, hear it to its end; the id of the answer."""
    headers = [(b"host", b"testserver")]
    scope = {"type": "http", "method": "GET", "path": place, "query_string": b"", "headers": headers}
    asked = [{"type": "http.request"}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, str]:
        return asked.pop() if asked else await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await handler(scope, receive, send)
    return str(dict(sent[0]["headers"])[b"X-Request-Id"].decode())


def look_up(request: HttpRequest) -> HttpResponse:
    logging.getLogger("conversations.intake").error("looking")
    Queue.objects.count()
    logging.getLogger("somebody.else").error("looked")
    raise RuntimeError


async def tick(request: HttpRequest) -> StreamingHttpResponse:
    async def ticks() -> AsyncIterator[str]:
        for number in range(2):
            await asyncio.sleep(0.01)
            logging.getLogger("operators.stream").error("tick %d", number)
            yield "tick"

    return StreamingHttpResponse(ticks())


def give_up(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=503)


urlpatterns = [path("look-up", look_up), path("tick", tick), path("give-up", give_up)]


@pytest.fixture
def entries() -> Iterator[list[dict[str, Any]]]:
    """What is logged, as production writes it, with SQL logging turned up."""
    found: list[dict[str, Any]] = []
    formatter = logs.JsonFormatter()

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(json.loads(formatter.format(record)))

    kept, sql = Kept(), logging.getLogger("django.db.backends")
    level = sql.level
    logging.getLogger().addHandler(kept)
    sql.setLevel(logging.DEBUG)
    yield found
    sql.setLevel(level)
    logging.getLogger().removeHandler(kept)


class TestTheLines:
    @pytest.mark.django_db
    def test_of_a_request_carry_the_id_of_its_answer(
        self, entries: list[dict[str, Any]], settings: Any
    ) -> None:
        settings.ROOT_URLCONF = __name__
        client = Client(raise_request_exception=False)

        with CaptureQueriesContext(connection):
            first, second = client.get("/look-up"), client.get("/look-up")

        assert first.status_code == 500
        half = len(entries) // 2
        assert {entry["logger"] for entry in entries[:half]} == {
            "conversations.intake", "django.db.backends", "somebody.else", "django.request",
        }  # fmt: skip
        assert {entry.get("request_id") for entry in entries[:half]} == {first["X-Request-Id"]}
        assert {entry.get("request_id") for entry in entries[half:]} == {second["X-Request-Id"]}

    @pytest.mark.django_db
    def test_about_an_answer_carry_its_id_though_the_request_is_over(
        self, entries: list[dict[str, Any]], settings: Any
    ) -> None:
        settings.ROOT_URLCONF = __name__

        response = Client().get("/give-up")

        assert [entry["message"] for entry in entries] == ["Service Unavailable: /give-up"]
        assert entries[0]["request_id"] == response["X-Request-Id"]

    def test_of_a_stream_carry_the_id_of_its_answer_to_the_end(
        self, entries: list[dict[str, Any]], settings: Any
    ) -> None:
        settings.ROOT_URLCONF = __name__

        async def both() -> list[str]:
            handler = ASGIHandler()
            return [*await asyncio.gather(listened(handler, "/tick"), listened(handler, "/tick"))]

        ids = asyncio.run(both())

        assert sorted(entry["request_id"] for entry in entries) == sorted(ids * 2)
        assert ids[0] != ids[1]

    @pytest.mark.django_db
    def test_outside_a_request_carry_none(self, entries: list[dict[str, Any]], client: Client) -> None:
        client.get("/healthz")

        logging.getLogger("somebody.else").error("later")

        assert "request_id" not in entries[-1]

    @pytest.mark.django_db(transaction=True)
    def test_of_the_worker_name_the_row_they_are_about(
        self, entries: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With the worker's own threads: there the engine is asked, and the row pushed away."""

        asked = threading.Semaphore(0)

        def fail(*args: Any, **kwargs: Any) -> None:
            asked.release()
            raise ValueError

        monkeypatch.setattr(turns, "sound", fail)
        work.load_handlers()
        monkeypatch.setattr(work, "handlers", {"turn": work.handlers["turn"]})
        for number in (1, 2):
            make_with_bot(address=f"whatsapp:+551198765432{number}")
        BotTurn.objects.update(due_at=clock.now())
        rows = {f"turn {turn.public_id}" for turn in BotTurn.objects.all()}

        worker = Worker("lines")
        worker.start()
        assert asked.acquire(timeout=20)
        assert asked.acquire(timeout=20)
        assert worker.stop()

        broken = [entry for entry in entries if entry["message"].startswith("bot engine failed")]
        assert {entry["work"] for entry in broken} == rows
        assert len(broken) == 2

    def test_are_readable_with_both(self) -> None:
        token = logs.request_id.set("request-1")
        try:
            with trace.about("delivery 7b1f3f0e-3c1c-4c0e-9d1b-0f6c1f7b7a55"):
                line = logs.ReadableFormatter().format(record("sent"))
        finally:
            logs.request_id.reset(token)

        assert line.endswith("sent [request-1] [delivery 7b1f3f0e-3c1c-4c0e-9d1b-0f6c1f7b7a55]")
