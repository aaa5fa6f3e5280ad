"""What a customer or a bot writes is text on every page: it adds no element and no attribute to any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from conversations import clock, handoffs
from conversations.bots.base import HandoffRequest
from conversations.models import Conversation, Delivery, InboundWebhook
from handoffflow.simulator import customers, phone
from operators import desk
from operators.models import Operator
from tests import builders
from tests.conftest import simulator_mounted
from tests.operators.test_markup import Reader

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simulator_enabled", "ledger")]


@pytest.fixture(scope="module")
def simulator_enabled() -> Iterator[None]:
    with simulator_mounted():
        yield


HARMLESS = "Helena"
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script src=//evil.example>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "' autofocus onfocus='alert(1)",
    '" hx-get="/operator/next/" hx-trigger="load',
    "</title><meta http-equiv=refresh content=0>",
    "</textarea><iframe srcdoc=x></iframe>",
    "</template><base href=//evil.example/>",
    "<!--><b>",
    "<hx-partial hx-target='#chat'>x</hx-partial>",
    "&lt;u&gt;&#60;u&#62;\u202e<u>",
    "{{ request.user.password }}{% csrf_token %}<u>",
]
LIVE = {"HX-Request": "true"}


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SIMULATOR_LEDGER", tmp_path / "simulator.sqlite3")


@pytest.fixture
def caio() -> Operator:
    return builders.make_operator("caio", staff=True)


def make_chat(text: str, ana: Operator) -> Conversation:
    """Everything in it that came from outside is ``text``; Ana holds it."""
    builders.says(text, ProfileName=text)
    builders.says(text, MessageType="button", ButtonText=text, ButtonPayload=text)
    place: dict[str, Any] = {"Latitude": "-23.5", "Longitude": "-46.6", "Label": text, "Address": text}
    builders.says("", MessageType="location", **place)
    file: dict[str, Any] = {
        "NumMedia": "1",
        "MediaUrl0": f"https://api.twilio.com/{text}",
        "MediaContentType0": text,
    }
    builders.says(text, MessageType="document", **file)
    asked = HandoffRequest(
        reason=text[:40], summary=text, intent=text, slots={text: text}, suggested_reply=text
    )
    chat = builders.thread()
    handoffs.request(chat, cause=builders.CUSTOMER, request=asked, now=clock.now())
    desk.claim(chat, operator=ana, door="panel", now=clock.now())
    return builders.fresh(chat)


def console(text: str, ana: Operator, caio: Operator) -> Iterator[tuple[str, Any]]:
    chat = make_chat(text, ana)
    client, other = Client(), Client()
    client.force_login(ana)
    other.force_login(caio)
    there = f"/operator/c/{chat.public_id}/"
    for path in ("/operator/", "/operator/list", there, f"{there}thread", f"{there}release"):
        name = path.removeprefix(there) if path != there else "chat"
        yield name, client.get(path)
        yield f"{name} live", client.get(path, headers=LIVE)
    yield "seen by another", other.get(there)
    for headers in ({}, LIVE):
        stale = {"body": text, "epoch": 0, "client_key": text}
        yield f"refused {headers}", client.post(f"{there}send", stale, headers=headers)
        finish = {"summary": text, "outcome": text, "epoch": chat.epoch, "last_seen_seq": 0}
        yield f"unfinished {headers}", client.post(f"{there}release", finish, headers=headers)
    end = {"summary": text, "outcome": "solved", "epoch": chat.epoch, "last_seen_seq": chat.seq}
    yield "finished", client.post(f"{there}release", end, follow=True)
    client.post(f"{there}claim")
    again = builders.fresh(chat)
    end |= {"epoch": again.epoch, "last_seen_seq": again.seq}
    yield "finished live", client.post(f"{there}release", end, headers=LIVE)
    yield "login", Client().get("/accounts/login/", {"demo": text, "next": text})


def supervision(text: str, ana: Operator, caio: Operator) -> Iterator[tuple[str, Any]]:
    chat = make_chat(text, ana)
    client = Client()
    client.force_login(caio)
    shown = {
        "conversation": chat.pk,
        "handoff": chat.handoff.pk if chat.handoff else 0,
        "inboundwebhook": InboundWebhook.objects.latest("pk").pk,
        "delivery": Delivery.objects.latest("pk").pk,
    }
    for thing, number in shown.items():
        yield thing, client.get(f"/admin/conversations/{thing}/")
        yield f"{thing} searched", client.get(f"/admin/conversations/{thing}/", {"q": text})
        yield f"{thing} page", client.get(f"/admin/conversations/{thing}/{number}/change/")
        yield f"{thing} history", client.get(f"/admin/conversations/{thing}/{number}/history/")


def simulator(text: str, ana: Operator, caio: Operator) -> Iterator[tuple[str, Any]]:
    customer = customers.invent(phone.own_ledger(), name=text)
    client = Client()
    said = client.post(f"/simulator/c/{customer.id}/say/", {"body": text}, headers=LIVE)
    yield "said", said
    yield "phone", client.get("/simulator/", {"as": customer.id})
    yield "split", client.get("/simulator/split/", {"as": customer.id})


def shapes(show: Any, text: str, ana: Operator, caio: Operator) -> dict[str, Counter[Any]]:
    """The elements of each page with the names of their attributes. Nothing of it stays."""
    with transaction.atomic():
        pages = {name: _shape(response) for name, response in show(text, ana, caio)}
        transaction.set_rollback(True)
    return pages


def _shape(response: Any) -> Counter[Any]:
    assert response.status_code in {200, 409, 422}
    return Counter((tag, *sorted(names)) for tag, names in Reader(response.content.decode()).elements)


@pytest.mark.parametrize("show", [console, supervision])
def test_changes_no_page(show: Any, ana: Operator, caio: Operator) -> None:
    harmless = shapes(show, HARMLESS, ana, caio)

    changed = {
        (text, name): (shape - harmless[name], harmless[name] - shape)
        for text in HOSTILE
        for name, shape in shapes(show, text, ana, caio).items()
        if shape != harmless[name]
    }

    assert changed == {}


@pytest.mark.parametrize("text", HOSTILE)
def test_changes_no_phone(
    text: str, ana: Operator, caio: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmless = shapes(simulator, HARMLESS, ana, caio)
    monkeypatch.setattr(settings, "SIMULATOR_LEDGER", tmp_path / "another.sqlite3")

    assert shapes(simulator, text, ana, caio) == harmless
