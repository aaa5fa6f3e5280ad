"""What Twilio is answered where a Studio flow is the bot: the message is handed on, or nothing is said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client

from conversations import clock, handoffs, intake
from conversations.bots.base import HandoffRequest
from conversations.models import BotEngineName, BotTurn, Handoff, InboundWebhook, Message, Mode, Sender
from tests import builders
from tests.builders import form, make_operator, make_sender, thread
from tests.conversations.studio import FLOW, finishes, make_studio_sender, takes
from tests.signed import post

pytestmark = pytest.mark.django_db
URL = f"https://webhooks.twilio.com/v1/Accounts/AC00000000000000000000000000000001/Flows/{FLOW}"


@pytest.fixture(autouse=True)
def sender() -> Sender:
    return make_studio_sender()


def writes(body: str = "oi", **params: Any) -> str:
    """Where Twilio is told to take it; "" for nowhere."""
    return answer_to(form(body, **params))


def answer_to(given: dict[str, str]) -> str:
    answer = post(Client(), given)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/xml"
    found = ElementTree.fromstring(answer.content)  # noqa: S314
    assert found.tag == "Response"
    led = found.findall("Redirect")
    assert [one.get("method") for one in led] == ["POST"] * len(led)
    return (led[0].text or "") if led else ""


class TestAMessageOfACustomer:
    def test_is_stored_and_handed_to_the_flow_and_no_turn_of_ours_is_opened(self) -> None:
        assert writes("oi") == URL

        assert Message.objects.get().body == "oi"
        assert not BotTurn.objects.exists()

    @pytest.mark.parametrize("mode", [Mode.QUEUED, Mode.HUMAN])
    def test_is_not_the_flows_while_a_person_is_wanted_or_there(self, mode: Mode) -> None:
        builders.make_waiting()
        if mode == Mode.HUMAN:
            takes(make_operator("ana"))
        assert thread().mode == mode

        assert writes("alguém?") == ""

    def test_that_calls_a_person_is_not_handed_on(self) -> None:
        assert writes("quero falar com um atendente") == ""

        assert Handoff.objects.get().reason == "customer_asked"

    def test_that_asks_for_silence_is_not_handed_on(self) -> None:
        writes("oi")

        assert writes("parar") == ""

    def test_of_our_own_number_is_not_handed_on(self, sender: Sender) -> None:
        assert writes("oi", address=sender.address) == ""
        assert InboundWebhook.objects.get().reason == "own_echo"

    def test_that_came_late_is_the_bots_to_be_started_with(self) -> None:
        now = clock.now()
        raw = intake.receive(form("oi"), sender=Sender.objects.get(), now=now, at=now - timedelta(minutes=5))

        assert raw.reason == ""
        assert BotTurn.objects.get().open_for is not None

    def test_that_comes_while_others_wait_for_a_start_waits_with_them(self) -> None:
        now = clock.now()
        intake.receive(form("oi"), sender=Sender.objects.get(), now=now, at=now - timedelta(minutes=5))

        assert writes("e mais") == ""
        assert BotTurn.objects.get().cause_seq == thread().last_inbound_seq

    def test_after_a_service_is_told_to_the_flow_with_how_it_ended(self) -> None:
        ana = make_operator("ana")
        builders.make_waiting()
        takes(ana)
        finishes(ana, resume="wait")

        assert writes("e agora?") == ""
        assert BotTurn.objects.get().open_for is not None
        assert writes("oi?") == ""
        assert BotTurn.objects.count() == 1

    def test_after_one_that_ended_without_the_bot_begins_afresh(self) -> None:
        ana = make_operator("ana")
        builders.make_waiting()
        takes(ana)
        finishes(ana, resume="close")

        assert writes("oi de novo") == URL

    def test_goes_to_people_while_no_flow_is_named(self) -> None:
        Sender.objects.update(flow_sid="")

        assert writes("oi") == ""
        assert Handoff.objects.get().reason == "bot_failure"

    def test_is_another_bots_where_studio_is_not_the_bot(self) -> None:
        Sender.objects.update(bot_engine=BotEngineName.RULES)

        assert writes("oi") == ""
        assert BotTurn.objects.get().open_for is not None


class TestACopy:
    """Twilio posts a message again when our answer was lost: then only the second one counts."""

    def test_has_the_same_answer(self) -> None:
        given = form("oi")

        assert [answer_to(given), answer_to(given)] == [URL, URL]
        assert Message.objects.count() == 1

    def test_of_one_that_was_not_the_flows_says_nothing(self) -> None:
        given = form("atendente")

        assert [answer_to(given), answer_to(given)] == ["", ""]

    def test_says_nothing_once_more_was_said(self) -> None:
        given = form("oi")
        answer_to(given)
        assert writes("mais uma coisa") == URL

        assert answer_to(given) == ""

    def test_says_nothing_once_a_person_was_called(self) -> None:
        given = form("oi")
        answer_to(given)
        handoffs.request(
            thread(),
            cause=builders.CUSTOMER,
            request=HandoffRequest(reason="api"),
            now=clock.now(),
        )

        assert answer_to(given) == ""

    def test_says_nothing_when_twilio_has_long_given_up(self) -> None:
        given = form("oi")
        answer_to(given)
        InboundWebhook.objects.update(received_at=clock.now() - timedelta(seconds=21))

        assert answer_to(given) == ""


class TestTheEnvironmentsFlow:
    def test_is_that_of_its_own_senders(self, settings: Any, sender: Sender) -> None:
        settings.TWILIO_FLOW_SID = "FW" + "2" * 32
        Sender.objects.update(flow_sid="")

        assert writes("oi") == URL.replace(FLOW, settings.TWILIO_FLOW_SID)
        assert Sender(bot_engine="studio", account_sid="AC" + "9" * 32).flow == ""

    def test_makes_studio_the_bot_of_the_first_sender(self, settings: Any) -> None:
        Sender.objects.all().delete()
        settings.TWILIO_FLOW_SID = FLOW

        assert make_sender().flow == FLOW
