from __future__ import annotations

import json
from pathlib import Path

from handoffflow.simulator.standin import StandIn, free_port
from tests.simulator.conftest import JOAO, ListeningDesk
from tests.standin import build


class TestReceive:
    def test_posts_a_signed_form_with_what_twilio_sends(self, standin: StandIn, desk: ListeningDesk) -> None:
        sid = standin.receive(JOAO, "  Olá 👋\nquero falar com alguém  ", ProfileName="João")

        call = desk.wait(1)[0]

        assert call.path == "/api/twilio/webhook"
        assert desk.properly_signed(call, token=standin.account.token)
        assert call.form["Body"] == "  Olá 👋\nquero falar com alguém  "
        assert call.form["MessageSid"] == call.form["SmsSid"] == sid
        assert (call.form["From"], call.form["To"]) == (JOAO, standin.account.number)
        assert (call.form["WaId"], call.form["ProfileName"]) == ("5511987654321", "João")
        context = json.loads(call.form["ChannelMetadata"])["data"]["context"]
        assert context == {"ProfileName": "João", "WaId": "5511987654321"}

    def test_has_no_phone_for_a_hidden_number(self, standin: StandIn, desk: ListeningDesk) -> None:
        standin.receive("whatsapp:BR.1502576394655843", "Oi")

        form = desk.wait(1)[0].form

        assert form["From"] == "whatsapp:BR.1502576394655843"
        assert "WaId" not in form

    def test_keeps_the_order_in_which_a_customer_writes(self, standin: StandIn, desk: ListeningDesk) -> None:
        for number in range(10):
            standin.receive(JOAO, str(number))

        desk.wait(10)

        assert [call.form["Body"] for call in desk.heard] == [str(number) for number in range(10)]

    def test_is_not_repeated_after_an_error_status(self, standin: StandIn, desk: ListeningDesk) -> None:
        desk.status = 503
        sid = standin.receive(JOAO, "Oi")

        standin.settle()

        (job,) = standin.ledger.jobs(sid=sid)
        assert (job.result, job.tries, len(desk.heard)) == ("503", 1, 1)
        assert job.ms is not None

    def test_is_repeated_once_when_the_desk_cannot_be_reached(self, tmp_path: Path) -> None:
        nowhere = f"http://127.0.0.1:{free_port()}"
        with build(tmp_path / "ledger.sqlite3", webhook_base=nowhere) as standin:
            sid = standin.receive(JOAO, "Oi")
            standin.settle()

            (job,) = standin.ledger.jobs(sid=sid)
            assert (job.result, job.tries) == ("ConnectionRefusedError", 2)

    def test_can_lose_its_webhook_and_still_be_listed(self, standin: StandIn, desk: ListeningDesk) -> None:
        sid = standin.receive(JOAO, "Oi", deliver=False)

        standin.settle()

        assert desk.heard == []
        assert standin.ledger.message(sid) is not None

    def test_can_be_delivered_again(self, standin: StandIn, desk: ListeningDesk) -> None:
        sid = standin.receive(JOAO, "Oi")
        standin.redeliver(sid, times=2)

        desk.wait(3)

        assert {call.form["MessageSid"] for call in desk.heard} == {sid}


class TestLedger:
    def test_outlives_the_stand_in_with_what_was_planned(self, tmp_path: Path, desk: ListeningDesk) -> None:
        ledger = tmp_path / "ledger.sqlite3"
        before = build(ledger, webhook_base=desk.url)
        sid = before.receive(JOAO, "escrita antes da queda")

        with build(ledger, webhook_base=desk.url) as after:
            (call,) = desk.wait(1)
            after.settle()

            assert call.form["MessageSid"] == sid
            assert [job.result for job in after.ledger.jobs()] == ["200"]
