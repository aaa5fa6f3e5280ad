"""The customer is shown that somebody types: where the number wants it, now and then, and nothing hangs on it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from conversations import clock, typing_signs, work
from conversations.models import Conversation, Delivery, Message, Sender, TypingSign
from conversations.twilio import client as gateway
from handoffflow.simulator.standin import StandIn
from operators.models import Operator
from tests.builders import JOAO, fresh, make_held, make_operator
from tests.conversations.outbox import twilio as twilio

pytestmark = pytest.mark.django_db

TYPING = "/v2/Indicators/Typing.json"


@pytest.fixture(autouse=True)
def _only_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    work.load_handlers()
    monkeypatch.setattr(work, "handlers", {"typing": work.handlers["typing"]})


@pytest.fixture
def held(ana: Operator, twilio: StandIn) -> Conversation:
    conversation = make_held(ana)
    Delivery.objects.all().delete()
    Sender.objects.update(shows_typing=True)
    sid = twilio.receive(JOAO, "oi", deliver=False)
    Message.objects.filter(conversation=conversation, author="customer").update(provider_sid=sid)
    return fresh(conversation)


def asked(twilio: StandIn) -> list[dict[str, Any]]:
    return [call["form"] for call in twilio.requests() if call["path"] == TYPING]


class TestASign:
    def test_is_given_under_the_customers_last_message(self, held: Conversation, twilio: StandIn) -> None:
        assert typing_signs.show(held, clock.now())
        work.run_once()

        last = Message.objects.filter(conversation=held, author="customer").latest("seq")
        assert asked(twilio) == [{"channel": ["whatsapp"], "messageId": [last.provider_sid]}]
        assert TypingSign.objects.get().due_at is None

    def test_is_given_every_twenty_seconds_at_most(self, held: Conversation, twilio: StandIn) -> None:
        now = clock.now()

        shown = [typing_signs.show(held, now + timedelta(seconds=seconds)) for seconds in (0, 5, 19, 20, 25)]

        assert shown == [True, False, False, True, False]

    @pytest.mark.parametrize(
        "changes", [{"shows_typing": False}, {"paused": "number_locked"}], ids=["not wanted", "paused"]
    )
    def test_is_not_given(self, held: Conversation, changes: dict[str, Any]) -> None:
        Sender.objects.update(**changes)

        assert not typing_signs.show(fresh(held), clock.now())
        assert not TypingSign.objects.exists()

    def test_is_not_given_outside_the_window(self, held: Conversation) -> None:
        assert not typing_signs.show(held, clock.now() + timedelta(hours=25))

    def test_that_comes_late_is_given_up(self, held: Conversation, twilio: StandIn) -> None:
        typing_signs.show(held, clock.now())

        work.run_once(clock.now() + timedelta(seconds=30))

        assert (asked(twilio), TypingSign.objects.get().due_at) == ([], None)

    def test_that_fails_is_nobodys_loss(
        self, held: Conversation, twilio: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gateway, "_client", lambda _account: 1 / 0)
        typing_signs.show(held, clock.now())

        assert work.run_once() == 1
        assert TypingSign.objects.get().due_at is None


class TestThePanel:
    def beats(self, client: Client, held: Conversation, **said: str) -> bool:
        """Whether the customer is to be shown something after this beat."""
        answer = client.post("/operator/presence", {"conversation": str(held.public_id), "idle": "0", **said})
        assert answer.status_code == 204
        return TypingSign.objects.exists()

    def test_asks_for_it_while_the_owner_types_a_reply(
        self, client: Client, held: Conversation, ana: Operator
    ) -> None:
        client.force_login(ana)

        assert not self.beats(client, held)
        assert not self.beats(client, held, typing="1")  # a note
        assert self.beats(client, held, typing="1", reply="1")

    def test_asks_for_nothing_while_somebody_else_types(self, client: Client, held: Conversation) -> None:
        client.force_login(make_operator("bia"))

        assert not self.beats(client, held, typing="1", reply="1")
