"""The hot paths, and beside each the least code that does its job: check the signature, store, answer."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from twilio.request_validator import RequestValidator

from conversations.models import Conversation, Mode
from operators import desk
from operators.models import Operator
from tests import builders

Scenario = tuple[str, Callable[[], object], Callable[[], object], int]

URL = "https://desk.example.com/api/twilio/webhook"
FORM = "application/x-www-form-urlencoded"
_TRANSACTION = re.compile(r"^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET)", re.IGNORECASE)
_people = itertools.count(1)


def all_of_them() -> Iterator[Scenario]:
    validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])
    client = Client(headers={"host": "desk.example.com"})
    builders.make_sender()
    held = builders.make_held(builders.make_operator("ana", capacity=500))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_floor (sid VARCHAR(64) PRIMARY KEY, body TEXT, told TEXT)")

    def floor(address: str) -> Callable[[], object]:
        return lambda: _store(*_signed(validator, address), validator)

    def product(address: Callable[[], str]) -> Callable[[], object]:
        return lambda: _post(client, *_signed(validator, address()))

    known = builders.JOAO
    yield _scenario("webhook, known customer, human", floor(known), product(lambda: known))
    yield _scenario("webhook, known customer, bot", floor(known), product(lambda: _with_bot()))
    yield _scenario("webhook, first contact", floor(known), product(_somebody_new))
    for number in range(50):
        builders.make_waiting(address=f"whatsapp:+55219{number:08d}")
    for number in range(50):
        builders.says(f"mensagem {number}", address=known)
    ana = Operator.objects.get(username="ana")
    client.force_login(ana, backend="django.contrib.auth.backends.ModelBackend")
    rows = "SELECT * FROM conversations_conversation ORDER BY id DESC LIMIT 50"
    bubbles = "SELECT * FROM conversations_message ORDER BY id DESC LIMIT 50"
    yield _scenario("queue page, 50 rows", lambda: _read(rows), lambda: _get(client, "/operator/"))
    chat = f"/operator/c/{held.public_id}/"
    yield _scenario("chat page, 50 bubbles", lambda: _read(bubbles), lambda: _get(client, chat))
    yield _scenario("thread fragment", lambda: _read(bubbles), lambda: _get(client, f"{chat}thread"))
    yield _scenario("claim", lambda: _read(rows), lambda: _claim(ana))


def _scenario(name: str, floor: Callable[[], object], product: Callable[[], object]) -> Scenario:
    product()
    with CaptureQueriesContext(connection) as queries:
        product()
    data = [query for query in queries.captured_queries if not _TRANSACTION.match(query["sql"])]
    return name, floor, product, len(data)


def _signed(validator: RequestValidator, address: str) -> tuple[str, str]:
    params = builders.form("Tudo certo com o pedido?", sid=f"SM{uuid4().hex}", address=address)
    return urlencode(params), validator.compute_signature(URL, params)


def _post(client: Client, body: str, signature: str) -> None:
    headers = {"X-Twilio-Signature": signature}
    response = client.post("/api/twilio/webhook", body, content_type=FORM, headers=headers)
    if response.status_code != 200:
        raise RuntimeError(response.status_code)


def _get(client: Client, page: str) -> None:
    response = client.get(page, secure=True)
    if response.status_code != 200:
        raise RuntimeError(response.status_code)


def _store(body: str, signature: str, validator: RequestValidator) -> None:
    """The floor of a webhook: check what was signed, and one durable row."""
    params = dict(parse_qsl(body, keep_blank_values=True))
    if not validator.validate(URL, params, signature):
        raise RuntimeError("not signed")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bench_floor (sid, body, told) VALUES (%s, %s, %s)",
            [params["MessageSid"], params["Body"], json.dumps(params)],
        )


def _read(sql: str) -> str:
    """The floor of a page: the rows as they are, as text."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return "".join(f"<li>{row}</li>" for row in cursor.fetchall())


def _somebody_new() -> str:
    return f"whatsapp:+55319{next(_people):08d}"


def _with_bot() -> str:
    address = "whatsapp:+5541900000000"
    if not Conversation.objects.filter(contact__addresses__value=address).exists():
        builders.says("oi", address=address)
    return address


def _claim(ana: Operator) -> Any:
    waiting = Conversation.objects.queued().with_parties().first()
    if waiting is None:
        Conversation.objects.held_by(ana).filter(unread=0).update(mode=Mode.QUEUED, operator=None)
        waiting = Conversation.objects.queued().with_parties().first()
    return waiting and desk.claim(waiting, operator=ana, door="panel", now=timezone.now())
