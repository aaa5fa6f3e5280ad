from __future__ import annotations

import contextlib
import json
import threading
import time

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from handoffflow.simulator.standin import StandIn
from tests.simulator.conftest import CALLBACK, JOAO, ListeningDesk
from tests.standin import sdk

NUMBER = "whatsapp:+551150280000"


def create(standin: StandIn, *, timeout: float = 3) -> object:
    client = sdk(standin, timeout=timeout)
    return client.messages.create(to=JOAO, from_=NUMBER, body="Olá", status_callback=CALLBACK)


class TestAnswer:
    @pytest.mark.parametrize(
        ("fault", "status"), [("429", 429), ("500", 500), ("503", 503), ("html_500", 500), ("302", 302)]
    )
    def test_is_an_error_status_and_nothing_was_taken(
        self, standin: StandIn, fault: str, status: int
    ) -> None:
        standin.script(fault)

        with pytest.raises(TwilioRestException) as seen:
            create(standin)

        assert seen.value.status == status
        assert standin.sent() == []

    def test_of_429_says_when_to_come_back(self, standin: StandIn) -> None:
        standin.script("429", retry_after=3)
        account = standin.account
        url = f"{standin.url}{account.path}/Messages.json"

        answer = requests.post(url, data={"To": JOAO}, auth=(account.sid, account.token), timeout=3)

        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
        assert answer.json()["code"] == 20429

    def test_can_be_a_500_after_the_message_was_taken(self, standin: StandIn) -> None:
        standin.script("500", accepted=True)

        with pytest.raises(TwilioRestException):
            create(standin)

        assert len(standin.sent()) == 1

    @pytest.mark.parametrize("fault", ["empty_201", "no_sid_201"])
    def test_is_a_success_that_names_no_message(self, standin: StandIn, fault: str) -> None:
        standin.script(fault)

        message = create(standin)

        assert message.sid is None  # type: ignore[attr-defined]
        assert len(standin.sent()) == 1

    def test_is_a_success_that_is_not_json(self, standin: StandIn) -> None:
        standin.script("not_json_201")

        with pytest.raises(json.JSONDecodeError):
            create(standin)

        assert len(standin.sent()) == 1

    @pytest.mark.parametrize(
        ("fault", "seen", "taken"),
        [
            ("reset_before", requests.exceptions.ConnectionError, 0),
            ("reset_after_accept", requests.exceptions.ConnectionError, 1),
            ("fin_after_accept", requests.exceptions.ConnectionError, 1),
            ("truncated", requests.exceptions.ChunkedEncodingError, 1),
            ("accept_then_timeout", requests.exceptions.ReadTimeout, 1),
        ],
    )
    def test_is_a_broken_connection(
        self, standin: StandIn, fault: str, seen: type[Exception], taken: int
    ) -> None:
        standin.script(fault)

        with pytest.raises(seen):
            create(standin, timeout=0.5)

        assert len(standin.sent()) == taken

    def test_really_is_a_reset(self, standin: StandIn) -> None:
        standin.script("reset_after_accept")

        with pytest.raises(requests.exceptions.ConnectionError, match="reset"):
            create(standin)

    def test_drips_longer_than_the_time_out_of_a_read(self, standin: StandIn) -> None:
        standin.script("slow_drip")
        done = threading.Event()
        threading.Thread(target=swallow, args=(standin, done), daemon=True).start()

        assert standin.ledger.wait_for(lambda: len(standin.sent()) == 1)
        assert not done.wait(1.0)
        standin.stop()
        assert done.wait(5)

    def test_is_refused_when_the_stand_in_is_stopped_and_comes_back_at_the_same_url(
        self, standin: StandIn
    ) -> None:
        standin.stop()
        with pytest.raises(requests.exceptions.ConnectionError, match="refused"):
            create(standin)

        standin.start()
        create(standin)

        assert len(standin.sent()) == 1

    def test_is_damaged_as_often_as_scripted(self, standin: StandIn) -> None:
        standin.script("503", times=2)

        outcomes = []
        for _ in range(3):
            try:
                create(standin)
                outcomes.append("taken")
            except TwilioRestException:
                outcomes.append("refused")

        assert outcomes == ["refused", "refused", "taken"]

    def test_is_damaged_only_for_the_customer_named(self, standin: StandIn) -> None:
        standin.script("500", customer="whatsapp:+5511900000000")

        create(standin)

        assert len(standin.sent()) == 1


class TestCallbacks:
    def test_tell_sent_then_delivered(self, standin: StandIn, desk: ListeningDesk) -> None:
        create(standin)

        desk.wait(2)

        assert desk.statuses() == ["sent", "delivered"]

    def test_are_signed_for_the_public_address(self, standin: StandIn, desk: ListeningDesk) -> None:
        create(standin)

        call = desk.wait(1)[0]

        assert call.path == "/api/twilio/status?mid=7d0d3a3e-0000-4000-8000-000000000001"
        assert call.headers["host"] == "desk.example.com"
        assert desk.properly_signed(call, token=standin.account.token)
        assert not desk.properly_signed(call, token="f" * 32)

    def test_can_be_lost_while_the_message_fares_well(self, standin: StandIn, desk: ListeningDesk) -> None:
        standin.script("lost")
        create(standin)

        standin.settle()

        assert desk.statuses() == []
        assert standin.sent()[0].status == "delivered"

    def test_can_come_before_the_answer(self, standin: StandIn, desk: ListeningDesk) -> None:
        standin.script("early")

        create(standin)

        assert desk.statuses() == ["sent", "delivered"]

    def test_can_come_in_the_wrong_order(self, standin: StandIn, desk: ListeningDesk) -> None:
        standin.script("reordered")
        create(standin)

        desk.wait(2)
        standin.settle()

        assert desk.statuses() == ["delivered", "sent"]
        assert standin.sent()[0].status == "delivered"

    def test_can_come_twice(self, standin: StandIn, desk: ListeningDesk) -> None:
        standin.script("duplicate")
        create(standin)

        desk.wait(4)

        assert desk.statuses() == ["sent", "sent", "delivered", "delivered"]

    def test_can_come_late(self, standin: StandIn, desk: ListeningDesk) -> None:
        standin.script("late", seconds=60)
        create(standin)

        assert [job.due - time.time() > 50 for job in standin.ledger.jobs()] == [True, True]

    def test_tell_a_failure_with_its_code(self, standin: StandIn, desk: ListeningDesk) -> None:
        standin.script("failed", code=63018)
        create(standin)

        form = desk.wait(1)[0].form

        assert (form["MessageStatus"], form["ErrorCode"]) == ("undelivered", "63018")
        assert standin.sent()[0].error == 63018

    def test_tell_that_the_customer_cannot_be_reached(self, standin: StandIn, desk: ListeningDesk) -> None:
        standin.meet(JOAO, refuses=63024)
        create(standin)

        desk.wait(2)

        assert desk.statuses() == ["sent", "undelivered"]
        assert desk.heard[-1].form["ErrorCode"] == "63024"

    def test_tell_that_the_window_is_closed(self, standin: StandIn, desk: ListeningDesk) -> None:
        standin.advance(JOAO, hours=24.1)

        message = create(standin)
        form = desk.wait(1)[0].form

        assert message.status == "queued"  # type: ignore[attr-defined]
        assert (form["MessageStatus"], form["ErrorCode"]) == ("failed", "63016")

    def test_tell_that_it_was_read_once_the_customer_looks(
        self, standin: StandIn, desk: ListeningDesk
    ) -> None:
        create(standin)
        standin.settle()

        standin.open_chat(JOAO)
        standin.open_chat(JOAO)
        standin.settle()

        assert desk.statuses() == ["sent", "delivered", "read"]

    def test_never_leave_the_machine(self, standin: StandIn, desk: ListeningDesk) -> None:
        client = sdk(standin)
        elsewhere = "https://desk.example.com.attacker.example/x"
        client.messages.create(to=JOAO, from_=NUMBER, body="Olá", status_callback=elsewhere)

        standin.settle()

        assert {job.result for job in standin.ledger.jobs()} == {"foreign address, not called"}


def swallow(standin: StandIn, done: threading.Event) -> None:
    with contextlib.suppress(requests.exceptions.RequestException, TwilioRestException):
        create(standin)
    done.set()
