"""/api/twilio/handoff: only what Twilio signed, each wish once, and an answer the flow can go on with."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.test import Client
from twilio.request_validator import RequestValidator

from conversations.models import (
    BotEngineName,
    BotTurn,
    Conversation,
    Handoff,
    InboundWebhook,
    Message,
    Mode,
    Sender,
    StudioCall,
)
from tests import builders
from tests.builders import JOAO, form, kinds, make_operator, says, thread
from tests.conversations.studio import FLOW, finishes, make_studio_sender, takes
from tests.signed import post

pytestmark = pytest.mark.django_db
DOOR = "/api/twilio/handoff"
NUMBER = "whatsapp:+551150280000"
IDS = f"&execution_sid=FN{'3' * 32}&flow_sid={FLOW}"


@pytest.fixture(autouse=True)
def sender() -> Sender:
    return make_studio_sender()


def wished(**more: Any) -> dict[str, Any]:
    return {"event": "handoff_request", "customer": JOAO, "sender": NUMBER, "reason": "troca", **more}


def calls(**more: Any) -> Any:
    """The HTTP Request widget, with a form."""
    return post(Client(), wished(**more), path=DOOR)


def posts_json(
    body: bytes, *, query: str = "", signed_body: bytes | None = None, token: str = "", hashed: bool = True
) -> Any:
    digest = hashlib.sha256(body if signed_body is None else signed_body).hexdigest()
    path = f"{DOOR}?{query}bodySHA256={digest}" if hashed else DOOR
    validator = RequestValidator(token or settings.TWILIO_AUTH_TOKEN)
    return Client().generic(
        "POST",
        path,
        body,
        content_type="application/json",
        HTTP_X_TWILIO_SIGNATURE=validator.compute_signature(settings.APP_URL + path, {}),
    )


def redirected(query: str, given: dict[str, str] | None = None) -> Any:
    """The TwiML Redirect widget: Twilio posts the customer's last message to our address."""
    return post(Client(), given or form("3"), path=f"{DOOR}?{query}")


def returned(answer: Any) -> dict[str, str]:
    """The values with which the flow goes on."""
    assert answer.status_code == 200
    led = ElementTree.fromstring(answer.content).find("Redirect")  # noqa: S314
    assert led is not None
    parts = urlsplit(led.text or "")
    assert parts.hostname == "webhooks.twilio.com"
    assert parts.path == f"/v1/Accounts/{settings.TWILIO_SID}/Flows/{FLOW}"
    values = {name: value[0] for name, value in parse_qs(parts.query).items()}
    assert values.pop("FlowEvent") == "return"
    return values


class TestAnHttpRequest:
    def test_opens_the_handoff_with_what_the_flow_knows(self) -> None:
        says("oi")

        answer = calls(
            summary="Quer trocar.",
            intent="troca",
            priority="2",
            confidence="0.4",
            pedido="A-1027",
            suggested_reply="Oi!",
        )

        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/json"
        handoff = Handoff.objects.get()
        assert answer.json() == {
            "outcome": "queued",
            "mode": "queued",
            "conversation": str(thread().public_id),
            "handoff": 1,
            "opened": True,
        }
        assert (handoff.reason, handoff.summary, handoff.intent) == ("troca", "Quer trocar.", "troca")
        assert (handoff.slots, handoff.confidence, handoff.suggested_reply) == (
            {"pedido": "A-1027"},
            0.4,
            "Oi!",
        )
        assert (thread().mode, thread().priority) == (Mode.QUEUED, 2)
        assert handoff.requested_by_kind == "bot"

    def test_may_be_json(self) -> None:
        says("oi")

        answer = posts_json(json.dumps(wished(slots={"pedido": 1027}, priority=3)).encode())

        assert answer.status_code == 200
        assert Handoff.objects.get().slots == {"pedido": "1027"}
        assert thread().priority == 3

    def test_again_is_the_same_handoff(self) -> None:
        says("oi")
        calls()

        again = calls(reason="outra", priority="3")

        assert again.json()["opened"] is False
        assert (Handoff.objects.get().reason, thread().priority) == ("troca", 3)
        assert kinds(thread()).count("handoff.requested") == 1

    def test_with_no_reason_is_the_bots_wish(self) -> None:
        says("oi")
        calls(reason="  ")

        assert Handoff.objects.get().reason == "bot_asked"

    def test_about_somebody_new_brings_their_message(self) -> None:
        sid = "SM" + "4" * 32

        calls(message_sid=sid, last_message="quero trocar")

        message = Message.objects.get(author="customer")
        assert (message.provider_sid, message.body, thread().mode) == (sid, "quero trocar", Mode.QUEUED)
        assert thread().window_expires_at is not None
        assert not BotTurn.objects.exclude(open_for=None).exists()

    def test_about_somebody_new_without_a_message_opens_their_thread(self) -> None:
        assert calls().status_code == 200

        assert thread().mode == Mode.QUEUED
        assert not Message.objects.filter(author="customer").exists()

    def test_keeps_within_bounds_what_a_flow_makes_up(self) -> None:
        says("oi")
        many = {f"campo{number}": "x" * 2000 for number in range(60)}

        calls(reason="r" * 90, summary="s" * 9000, intent="i" * 300, priority="9", confidence="NaN", **many)

        handoff = Handoff.objects.get()
        assert (len(handoff.reason), len(handoff.summary), len(handoff.intent)) == (40, 4096, 120)
        assert (handoff.confidence, thread().priority) == (None, 0)
        assert len(handoff.slots) == 30
        assert {len(value) for value in handoff.slots.values()} == {500}

    def test_stores_any_character(self) -> None:
        says("oi")
        calls(summary="a\x00b", nome="\U0001f600 \x00")

        assert Handoff.objects.get().summary == "a\u2400b"

    def test_owes_the_end_of_what_runs(self) -> None:
        says("oi")
        calls()

        assert StudioCall.objects.get().due_at is not None


class TestARefusedCall:
    def test_stores_nothing_without_a_signature(self) -> None:
        for signed in (None, "", "x", "é"):
            answer = post(Client(), wished(), path=DOOR, signed=signed or None)
            assert (answer.status_code, answer.content) == (403, b"")
        assert post(Client(), wished(), path=DOOR, token="another").status_code == 403
        assert post(Client(), wished(), path=DOOR, signed="AAAA").status_code == 403
        assert not Conversation.objects.exists()

    def test_is_one_whose_json_was_altered_or_is_not_tied_to_its_signature(self) -> None:
        body = json.dumps(wished()).encode()

        assert posts_json(body, signed_body=b"{}").status_code == 403
        assert posts_json(body, hashed=False).status_code == 403
        assert posts_json(body, token="another").status_code == 403
        assert posts_json(body).status_code == 200

    @pytest.mark.parametrize(
        "body", [b" ", b"[]", b"{", b'"a"', b"\xff", b'{"a": NaN}', b"[" * 100_000, b'{"sender": 1}', b"null"]
    )
    def test_is_json_that_is_none_of_ours(self, body: bytes) -> None:
        assert posts_json(body).status_code == 403

    @pytest.mark.parametrize(
        "more",
        [
            {"customer": ""},
            {"customer": "+5511987654321"},
            {"customer": NUMBER},
            {"customer": "whatsapp:" + "1" * 300},
            {"sender": "whatsapp:+10000000000"},
            {"sender": ""},
            {"sender": "whatsapp:\x00"},
            {"AccountSid": "AC" + "9" * 32},
        ],
    )
    def test_is_about_nobody_we_know(self, more: dict[str, str]) -> None:
        assert calls(**more).status_code == 403
        assert not Handoff.objects.exists()

    def test_is_never_another_method_or_kind(self) -> None:
        for method in ("get", "put", "delete", "head"):
            assert getattr(Client(), method)(DOOR).status_code == 405
        for kind in ("text/plain", "multipart/form-data; boundary=x", ""):
            assert Client().generic("POST", DOOR, b"a=b", content_type=kind).status_code == 415

    def test_leads_nowhere_with_a_slash_at_its_end(self) -> None:
        assert Client().post(DOOR + "/").status_code == 404

    def test_is_a_redirect_whose_message_is_our_own(self) -> None:
        assert redirected(f"step=gate{IDS}", form("oi", address=NUMBER)).status_code == 403

    def test_is_one_whose_sid_has_swallowed_what_follows(self) -> None:
        given = form("oi")
        given["MessageSid"] += "NumMedia0"
        assert redirected(f"step=gate{IDS}", given).status_code == 403


class TestTheGate:
    def test_keeps_the_message_and_leaves_it_to_the_flow(self) -> None:
        assert returned(redirected(f"step=gate{IDS}", form("oi"))) == {"owner": "bot"}

        assert Message.objects.get().body == "oi"
        assert not BotTurn.objects.exclude(open_for=None).exists()

    def test_is_shut_while_the_customer_wants_silence(self) -> None:
        assert returned(redirected(f"step=gate{IDS}", form("parar"))) == {"owner": "human"}
        assert returned(redirected(f"step=gate{IDS}", form("oi"))) == {"owner": "bot"}

    def test_is_noted_until_messages_come_to_us_first(self) -> None:
        redirected(f"step=gate{IDS}", form("oi"))
        assert Sender.objects.get().gated

        post(Client(), form("oi"))
        assert not Sender.objects.get().gated

    def test_has_the_same_answer_again(self) -> None:
        given = form("oi")

        answers = [returned(redirected(f"step=gate{IDS}", given)) for _copy in range(3)]

        assert answers == [{"owner": "bot"}] * 3
        assert Message.objects.count() == 1

    def test_keeps_the_customer_while_a_person_is_wanted(self) -> None:
        builders.make_waiting()

        assert returned(redirected(f"step=gate{IDS}", form("oi?"))) == {"owner": "human"}
        assert Message.objects.filter(body="oi?").exists()

    def test_keeps_whoever_calls_a_person_there(self) -> None:
        assert returned(redirected(f"step=gate{IDS}", form("atendente"))) == {"owner": "human"}

    def test_keeps_the_customer_where_another_bot_answers(self) -> None:
        Sender.objects.update(bot_engine=BotEngineName.RULES)

        assert returned(redirected(f"step=gate{IDS}", form("oi"))) == {"owner": "human"}

    def test_tells_the_flow_once_how_a_service_ended(self) -> None:
        ana = make_operator("ana")
        builders.make_waiting()
        takes(ana)
        finishes(ana, resume="wait", summary="Tudo & mais = certo?")
        given = form("e agora?")

        first, copy = (returned(redirected(f"step=gate{IDS}", given)) for _copy in range(2))
        next_one = returned(redirected(f"step=gate{IDS}", form("1")))

        assert (first["owner"], first["released"], first["outcome"]) == ("bot", "true", "solved")
        assert (first["summary"], first["promises"], first["resume"]) == (
            "Tudo & mais = certo?",
            "Ligar amanhã",
            "wait",
        )
        assert first["human_ended_at"]
        assert copy == first
        assert next_one == {"owner": "bot"}
        assert not BotTurn.objects.exclude(open_for=None).exists()

    def test_answers_nothing_where_no_flow_can_be_told(self) -> None:
        Sender.objects.update(flow_sid="")

        answer = redirected("step=gate&flow_sid=https://evil.example.com", form("oi"))

        assert answer.status_code == 200
        assert b"Redirect" not in answer.content


class TestARequestByRedirect:
    def test_opens_the_handoff_and_leads_the_flow_back(self) -> None:
        says("oi")

        answer = redirected(f"step=request&reason=troca&pedido=A-1{IDS}", form("3"))

        assert returned(answer) == {"outcome": "queued"}
        handoff = Handoff.objects.get()
        assert (handoff.reason, handoff.slots) == ("troca", {"pedido": "A-1"})
        assert Message.objects.filter(author="customer").count() == 2

    def test_of_somebody_new_works_as_well(self) -> None:
        assert returned(redirected(f"reason=troca{IDS}", form("oi"))) == {"outcome": "queued"}

        assert (thread().mode, Message.objects.filter(author="customer").count()) == (Mode.QUEUED, 1)

    def test_with_a_message_we_have_is_no_duplicate_of_it(self) -> None:
        given = form("3")
        redirected(f"step=gate{IDS}", given)

        redirected(f"step=request&reason=troca{IDS}", given)
        redirected(f"step=request&reason=troca{IDS}", given)

        assert Handoff.objects.get().reason == "troca"
        assert Message.objects.filter(author="customer").count() == 1
        assert InboundWebhook.objects.count() == 3

    def test_whose_word_calls_a_person_keeps_what_the_flow_knows(self) -> None:
        redirected(f"step=request&summary=Quer+trocar&pedido=A-1{IDS}", form("atendente"))

        handoff = Handoff.objects.get()
        assert (handoff.reason, handoff.summary, handoff.slots) == (
            "customer_asked",
            "Quer trocar",
            {"pedido": "A-1"},
        )

    def test_finds_its_way_back_before_anything_is_ended(self) -> None:
        redirected(f"step=request{IDS}", form("3"))

        owed = StudioCall.objects.get()
        assert owed.due_at is not None
        assert (owed.due_at - owed.asked_at).total_seconds() == 5


def test_twilios_own_examples_are_taken() -> None:
    """Form, JSON and redirect as Twilio's pages describe them."""
    gate = {
        "MessageSid": "SM" + "0" * 31 + "e",
        "SmsStatus": "received",
        **form("Oi", sid="SM" + "0" * 31 + "e"),
    }
    assert returned(redirected(f"step=gate{IDS}", gate)) == {"owner": "bot"}
    asked = wished(
        execution_sid="FN" + "0" * 32, flow_sid=FLOW, message_sid="SM" + "0" * 31 + "f", last_message="3"
    )
    assert post(Client(), asked, path=DOOR).status_code == 200
    assert (
        posts_json(json.dumps(asked).encode(), query=urlencode({"step": "request"}) + "&").status_code == 200
    )
