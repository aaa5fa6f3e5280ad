"""Who gets what from every address of the product. An address without a row here fails."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver

from conversations import audit, clock, media, notes
from conversations.models import (
    Attachment,
    BotAnswer,
    Conversation,
    Delivery,
    InboundWebhook,
    KnowledgeArticle,
    Message,
    Queue,
)
from handoffflow.models import ApiKey
from handoffflow.simulator import attachments, customers, phone
from operators import desk
from operators.models import AttributeDefinition, CannedReply, ContactLink, Operator, Reason, Tag
from tests import addresses, builders
from tests.admin.cast import make_webhook
from tests.conftest import simulator_mounted
from tests.templates import make_template

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simulator_enabled", "ledger")]


@pytest.fixture(scope="module")
def simulator_enabled() -> Iterator[None]:
    with simulator_mounted():
        yield


class World(NamedTuple):
    people: dict[str, Operator | None]
    held: Conversation
    said: Message
    shown: dict[str, Any]
    """One row of each model in the admin."""
    sent: Attachment
    other: Conversation
    """João by another spelling of his number, perhaps."""


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in's book with one customer in it."""
    monkeypatch.setattr(settings, "SIMULATOR_LEDGER", tmp_path / "simulator.sqlite3")
    customers.invent(phone.own_ledger(), name="João")


@pytest.fixture
def world() -> World:
    """Ana holds João's chat and has answered. Bia serves another queue."""
    ana, bia = builders.make_operator("ana"), builders.make_operator("bia")
    caio = builders.make_operator("caio", staff=True)
    spare = Queue.objects.create(organization=bia.organization, name="Trocas")
    bia.queues.set([spare])
    held = builders.make_held(ana)
    said = says(held, ana)
    other = builders.make_with_bot(address="whatsapp:+551187654321")
    company = ana.organization
    shown = {
        "conversation": held,
        "handoff": held.handoff,
        "message": said,
        "auditentry": audit.note(
            "export.made", cause=desk.cause(caio, "panel"), organization=company.pk, now=clock.now()
        ),
        "delivery": Delivery.objects.get(message=said),
        "inboundwebhook": InboundWebhook.objects.first(),
        "queue": spare,
        "sender": held.sender,
        "botanswer": BotAnswer.objects.create(sender=held.sender, label="Preço"),
        "knowledgearticle": KnowledgeArticle.objects.create(
            organization=company, title="Prazo", body="5 dias."
        ),
        "apikey": ApiKey.objects.issue(organization=company, name="Robô", scopes=["read"])[0],
        "operator": ana,
        "reason": Reason.objects.first(),
        "tag": Tag.objects.create(organization=company, name="Entrega"),
        "attributedefinition": AttributeDefinition.objects.create(
            organization=company, key="cpf", name="CPF"
        ),
        "contactlink": ContactLink.objects.create(
            organization=company, label="CRM", url="https://crm.example.com/"
        ),
        "note": notes.add(
            held, author=ana, body="Liga depois.", cause=desk.cause(ana, "panel"), now=clock.now()
        ),
        "cannedreply": CannedReply.objects.create(organization=company, code="oi", title="Oi", body="Oi!"),
        "template": make_template(held.sender),
        **make_webhook(company, "CRM"),
    }
    people = {"anonymous": None, "ana": ana, "bia": bia, "davi": builders.make_stranger(), "caio": caio}
    return World(people, held, said, shown, a_file(held), other)


def a_file(held: Conversation) -> Attachment:
    """João has sent a picture, and it is stored."""
    message = Message.objects.filter(conversation=held).in_order()[0]
    row = Attachment.objects.create(message=message, content_type="image/png")
    media.keep(row, BytesIO(attachments.photo()[1]), now=clock.now())
    return Attachment.objects.get(pk=row.pk)


def says(conversation: Conversation, operator: Operator) -> Message:
    [message] = desk.reply(
        conversation,
        operator=operator,
        door="panel",
        body="Bom dia!",
        epoch=conversation.epoch,
        client_key=None,
        now=clock.now(),
    )
    return message


def routes(patterns: Any = None, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern
        else:
            yield from routes(pattern.url_patterns, route)


def served() -> set[str]:
    return {route for route, _pattern in routes()}


def address(route: str, world: World) -> str:
    parts = route.split("/")
    thing = world.shown.get(parts[2]) if parts[0] == "admin" and len(parts) > 3 else None
    number = str(thing.pk) if thing else "1"
    path = fill("/" + route, world)
    return re.sub(r"<[^>]+>", number, path)


def fill(text: str, world: World) -> str:
    """With the ids of what there is in it, for what is named."""
    filled = {
        "<uuid:public_id>": str(world.held.public_id),
        "<conv_id>": str(world.held.public_id),
        "<media_id>": str(world.sent.public_id),
        "<message_id>": str(world.said.public_id),
        "<note_id>": str(world.shown["note"].public_id),
        "<tag_id>": str(world.shown["tag"].public_id),
        "<contact_id>": str(world.held.contact.public_id),
        "<agent_id>": str(world.shown["operator"].public_id),
        "<sender_id>": str(world.held.sender.public_id),
        "<webhook_id>": str(world.shown["inboundwebhook"].public_id),
        "<other_id>": str(world.other.public_id),
        "<uuid:sender_id>": str(world.held.sender.public_id),
        "<uuid:message_id>": str(world.said.public_id),
        "<uuid:attachment_id>": str(world.sent.public_id),
        "<uuid:operator_id>": str(world.shown["operator"].public_id),
        "<uuid:template_id>": str(world.shown["template"].public_id),
        "<uuid:note_id>": str(world.shown["note"].public_id),
        "<uuid:tag_id>": str(world.shown["tag"].public_id),
        "<uuid:other_id>": str(world.other.public_id),
        "<uuid:webhook_id>": str(world.shown["inboundwebhook"].public_id),
        "(?P<app_label>conversations|handoffflow|operators)": "conversations",
        "(?P<url>.*)": "nowhere",
        "^": "",
        "$": "",
    }
    for name, value in filled.items():
        text = text.replace(name, value)
    return text


def visitor(world: World, name: str, **options: Any) -> Client:
    client = Client(raise_request_exception=False, **options)
    person = world.people[name]
    if person is not None:
        client.force_login(person)
    return client


def answers(table: addresses.Table, world: World) -> addresses.Table:
    """What everybody gets from these addresses. Nothing that one request changes is there for the next."""
    clients = [visitor(world, name) for name in addresses.PEOPLE]
    return {
        route: {
            method: " ".join(str(status(client, method, route, world)) for client in clients)
            for method in addresses.METHODS
        }
        for route in served() & set(table)
    }


NO_FORM = "302 405 405 405 405"


def status(client: Client, method: str, route: str, world: World) -> int:
    content: dict[str, Any] = {}
    if route.startswith("api/v1/") and method == "POST":
        document = fill(json.dumps(addresses.DOCUMENTS.get(route, {})), world)
        document = document.replace('"own"', f'"{own_id(client, world)}"')
        content = {"data": document, "content_type": "application/json"}
    cookies = SimpleCookie({name: morsel.value for name, morsel in client.cookies.items()})
    with transaction.atomic():
        response = client.generic(method, address(route, world), **content)
        transaction.set_rollback(True)
    client.cookies = cookies
    return int(response.status_code)


def own_id(client: Client, world: World) -> str:
    person = next(
        (p for p in world.people.values() if p and str(p.pk) == client.session.get("_auth_user_id")), None
    )
    return str(person.public_id if person else uuid4())


def differing(table: addresses.Table, world: World) -> dict[str, tuple[addresses.Row, addresses.Row]]:
    """Got and expected, where they are not the same."""
    got = answers(table, world)
    return {route: (got[route], table[route]) for route in got if got[route] != table[route]}


def test_every_address_has_its_row() -> None:
    assert served() - set(addresses.EVERYTHING) == set()


@pytest.mark.parametrize("table", addresses.TABLES.values(), ids=addresses.TABLES)
def test_everybody_gets_what_is_theirs(table: addresses.Table, world: World) -> None:
    assert differing(table, world) == {}


class TestFormsWithoutTheirToken:
    def test_have_three_doors_besides_the_api(self) -> None:
        exempt = {route for route, pattern in routes() if getattr(pattern.callback, "csrf_exempt", False)}

        assert {route for route in exempt if not route.startswith("api/v1/")} == {
            "api/twilio/webhook",
            "api/twilio/status",
            "api/twilio/handoff",
        }

    @pytest.mark.parametrize("name", ["ana", "caio"])
    def test_are_refused_everywhere_else(self, name: str, world: World) -> None:
        client = visitor(world, name, enforce_csrf_checks=True)
        let_in = {
            route
            for route in addresses.EVERYTHING
            if not route.startswith("api/twilio/") and addresses.EVERYTHING[route]["POST"] != addresses.ABSENT
            if status(client, "POST", route, world) not in {403, 404, 405}
        }

        assert let_in == set()


class TestAConversationOfOthers:
    @pytest.mark.parametrize("name", ["bia", "davi"])
    @pytest.mark.parametrize(
        "route", [route for route in addresses.CONSOLE if route.startswith(addresses.CHAT)]
    )
    def test_looks_exactly_like_none(self, name: str, route: str, world: World) -> None:
        there = address(route, world)
        nowhere = there.replace(str(world.held.public_id), str(uuid4()))
        client = visitor(world, name)
        method = "GET" if addresses.CONSOLE[route]["POST"] == NO_FORM else "POST"

        theirs, nobodys = client.generic(method, there), client.generic(method, nowhere)

        assert (theirs.status_code, shape(theirs)) == (404, shape(nobodys))

    @pytest.mark.parametrize("action", ["retry", "discard"])
    def test_lends_no_message_to_mine(self, action: str, world: World) -> None:
        """The message is Ana's own and the conversation is hers: they just do not belong together."""
        ana = world.people["ana"]
        assert ana is not None
        other = says(builders.make_held(ana, address="whatsapp:+5511900000002"), ana)

        response = visitor(world, "ana").post(place_of(world.held, action, other))

        assert response.status_code == 404


def place_of(conversation: Conversation, action: str, message: Message) -> str:
    return f"/operator/c/{conversation.public_id}/{action}/{message.public_id}"


def shape(response: Any) -> str:
    """A page without what differs between two askings of the very same address."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", response.content.decode())
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", text)


class TestEveryPage:
    """As the supervisor sees it, whom everything answers, and as anybody does."""

    @pytest.mark.parametrize("name", ["anonymous", "caio"])
    @pytest.mark.parametrize("table", addresses.TABLES.values(), ids=addresses.TABLES)
    def test_is_guarded(self, table: addresses.Table, name: str, world: World) -> None:
        client = visitor(world, name)
        wrong = {
            (route, fault)
            for route in served() & set(table)
            for fault in faults(client.get(address(route, world)))
        }

        assert wrong == set()


def faults(response: Any) -> Iterator[str]:
    policy = response.get("Content-Security-Policy", "")
    if (
        "default-src 'none'" not in policy
        or "unsafe" in policy
        or not re.search("frame-ancestors '(self|none)'", policy)
    ):
        yield "policy"
    if response.get("X-Content-Type-Options") != "nosniff":
        yield "sniffed"
    if response.get("Referrer-Policy") != "same-origin":
        yield "referrer"
    # The simulator, on in these tests, frames the console.
    if response.get("X-Frame-Options") != "SAMEORIGIN":
        yield "framed"
    path = response.wsgi_request.path
    private = path.startswith(("/operator", "/admin", "/accounts", "/api", "/simulator"))
    if private and "no-store" not in response.get("Cache-Control", ""):
        yield "kept"
    if response.has_header("Server") or response.has_header("X-Powered-By"):
        yield "boasts"
