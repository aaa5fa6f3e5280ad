"""The whole loop, with a browser that knows links and forms only: bot, person, and back to the bot."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from conversations import clock, work
from conversations.models import Conversation, Event, Handoff, Message, Mode
from handoffflow.simulator.standin import StandIn
from tests.builders import form, make_operator
from tests.conversations.outbox import twilio as twilio
from tests.signed import post

pytestmark = pytest.mark.django_db(transaction=True)

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


class Browser:
    """Shows a page, fills in its forms as they are, and follows where they lead."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.page, self.path = "", ""

    def open(self, path: str) -> str:
        return self._show(self.client.get(path, follow=True), path)

    def send(self, action: str, *, expect: int = 200, **typed: str) -> str:
        """Post the form that leads to ``action`` (the page must have it) with its hidden fields."""
        found = [
            inside
            for attributes, inside in re.findall(r"<form\b([^>]*)>(.*?)</form>", self.page, re.DOTALL)
            if f'action="{action}"' in attributes or ("action=" not in attributes and action == self.path)
        ]
        assert found, f"no form leads to {action}"
        hidden = {name: html.unescape(value) for name, value in HIDDEN.findall(found[0])}
        return self._show(self.client.post(action, {**hidden, **typed}, follow=True), action, expect)

    def _show(self, response: Any, path: str, expect: int = 200) -> str:
        assert response.status_code == expect, (path, response.status_code)
        self.path = response.request["PATH_INFO"]
        self.page = response.content.decode()
        return html.unescape(self.page)


@pytest.fixture
def joao(client: Client) -> Any:
    """João writes; what follows from it has happened when it returns."""

    def write(body: str) -> None:
        assert post(client, form(body)).status_code == 200
        settle()

    return write


def settle() -> None:
    """The worker does what is due now and when the bot's short pause is over."""
    work.run_once(clock.now() + timedelta(seconds=5))


def log_in(name: str) -> Browser:
    browser = Browser()
    browser.open("/operator/")
    assert browser.path == "/accounts/login/"
    browser.send(browser.path, username=name, password="demo")
    assert browser.path == "/operator/"
    return browser


def test_from_the_bot_to_a_person_and_back(twilio: StandIn, joao: Any) -> None:
    make_operator("ana")
    ana = log_in("ana")
    for text in ("oi", "quero trocar o endereço da entrega", "atendente"):
        joao(text)
    greeting = twilio.sent()[0].body
    assert "assistente virtual" in greeting
    assert Conversation.objects.get().mode == Mode.QUEUED

    assert "João Silva" in ana.open("/operator/")
    page = ana.send("/operator/next/")
    place = f"/operator/c/{Conversation.objects.get().public_id}/"
    assert ana.path == place
    assert "quero trocar o endereço da entrega" in page
    assert greeting.splitlines()[0] in page

    assert "Qual o novo endereço?" in ana.send(f"{place}send", body="Oi, João! Qual o novo endereço?")
    settle()
    assert twilio.sent()[-1].body == "Oi, João! Qual o novo endereço?"

    _finish(ana, place, joao)
    assert ana.path == "/operator/"
    settle()
    assert "Endereço trocado." in twilio.sent()[-1].body
    _is_one_story(Conversation.objects.get())


def _finish(ana: Browser, place: str, joao: Any) -> None:
    """The first try is too early: the customer has just written."""
    ana.open(f"{place}release")
    joao("Rua das Flores, 10")
    page = ana.send(f"{place}release", expect=409, outcome="solved", resume="bot_now", summary="cedo demais")
    assert "Rua das Flores, 10" in page
    assert Conversation.objects.get().mode == Mode.HUMAN

    ana.open(place)
    ana.open(f"{place}release?seen={Conversation.objects.get().seq}")
    ana.send(f"{place}release", outcome="solved", resume="bot_now", summary="Endereço trocado.")


def test_two_operators_and_one_customer(twilio: StandIn, joao: Any) -> None:
    make_operator("ana")
    make_operator("bia")
    ana, bia = log_in("ana"), log_in("bia")
    joao("atendente")
    place = f"/operator/c/{Conversation.objects.get().public_id}/"
    for browser in (ana, bia):
        browser.open(place)

    ana.send("/operator/next/")
    bia.open("/operator/")
    page = bia.send("/operator/next/")

    assert ana.path == place
    assert bia.path != place
    assert "Ninguém" in page
    assert Handoff.objects.get().operator.username == "ana"  # type: ignore[union-attr]


def _is_one_story(conversation: Conversation) -> None:
    """One episode, and every bubble and every fact has a number of its own with none missing."""
    handoff = Handoff.objects.get()
    assert (conversation.mode, conversation.operator, conversation.epoch) == (Mode.BOT, None, 3)
    assert (handoff.outcome, handoff.reason, handoff.number) == ("solved", "customer_asked", 1)
    assert handoff.first_reply_at is not None
    numbers = [*Message.objects.values_list("seq", flat=True), *Event.objects.values_list("seq", flat=True)]
    assert sorted(numbers) == list(range(1, conversation.seq + 1))
    transitions = Event.objects.filter(kind__startswith="handoff.").order_by("seq")
    assert list(transitions.values_list("kind", flat=True)) == [
        "handoff.requested",
        "handoff.claimed",
        "handoff.released",
    ]
