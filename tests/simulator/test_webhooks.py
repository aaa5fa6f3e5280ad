from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from handoffflow.simulator.standin import StandIn, free_port
from tests.simulator.conftest import CALLBACK, JOAO, ListeningDesk
from tests.standin import build, sdk


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

    def test_outlives_a_kill_in_the_middle_of_its_callbacks(
        self, tmp_path: Path, desk: ListeningDesk
    ) -> None:
        ledger, port = tmp_path / "ledger.sqlite3", free_port()
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(ledger), str(port), desk.url], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        after = build(ledger, webhook_base=desk.url, port=port)
        after.meet(JOAO)
        taken = sdk(after).messages.create(
            to=JOAO, from_=after.account.number, body="Olá", status_callback=CALLBACK
        )

        process.kill()
        process.wait()
        process.stdout.close()
        assert desk.heard == []
        with after:
            desk.wait(2)
            after.settle()

            assert [message.sid for message in after.sent()] == [taken.sid]
            assert desk.statuses() == ["sent", "delivered"]


PROGRAM = """
import sys, threading
from pathlib import Path
from handoffflow.simulator.shapes import Timing
from handoffflow.simulator.standin import StandIn

StandIn(
    ledger=Path(sys.argv[1]), port=int(sys.argv[2]), webhook_base=sys.argv[3],
    account_sid="AC00000000000000000000000000000001", auth_token="0123456789abcdef0123456789abcdef",
    number="whatsapp:+551150280000", app_url="https://desk.example.com", timing=Timing(sent=1.5, delivered=1.6),
).start()
print("ready", flush=True)
threading.Event().wait()
"""
