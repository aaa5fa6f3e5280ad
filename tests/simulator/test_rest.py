from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from handoffflow.simulator.standin import StandIn
from tests.simulator.conftest import CALLBACK, JOAO, ListeningDesk
from tests.standin import sdk

NUMBER = "whatsapp:+551150280000"


def create(standin: StandIn, **changes: object) -> object:
    fields = {"to": JOAO, "from_": NUMBER, "body": "Olá"} | changes
    return sdk(standin).messages.create(**fields)


class TestCreate:
    def test_answers_like_twilio_and_keeps_the_message(self, standin: StandIn) -> None:
        message = sdk(standin).messages.create(
            to=JOAO, from_=NUMBER, body="Olá, João", status_callback=CALLBACK
        )

        assert message.status == "queued"
        assert message.direction == "outbound-api"
        assert message.date_sent is None
        assert [(kept.sid, kept.body, kept.customer) for kept in standin.sent()] == [
            (message.sid, "Olá, João", JOAO)
        ]

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"to": None}, 21604),
            ({"to": "whatsapp:0800"}, 21211),
            ({"to": "+5511987654321"}, 21910),
            ({"from_": None}, 21603),
            ({"from_": "whatsapp:+15005550006"}, 63007),
            ({"body": None}, 21619),
            ({"body": "x" * 1601}, 21617),
            ({"body": "🙏" * 801}, 21617),
            ({"status_callback": "https://my_desk.example.com/x"}, 21609),
            ({"status_callback": "/api/twilio/status"}, 21609),
        ],
    )
    def test_refuses_what_twilio_refuses(self, standin: StandIn, changes: dict[str, str], code: int) -> None:
        with pytest.raises(TwilioRestException) as refused:
            create(standin, **changes)

        assert (refused.value.status, refused.value.code) == (400, code)
        assert standin.sent() == []

    def test_takes_what_is_just_allowed(self, standin: StandIn) -> None:
        create(standin, body="x" * 1600)
        create(standin, to="whatsapp:BR.1502576394655843", body="🙏" * 800)

        assert len(standin.sent()) == 2

    def test_refuses_a_misspelt_field(self, standin: StandIn) -> None:
        account = standin.account
        url = f"{standin.url}{account.path}/Messages.json"

        answer = requests.post(
            url, data={"To": JOAO, "Boddy": "Oi"}, auth=(account.sid, account.token), timeout=3
        )

        assert (answer.status_code, answer.json()["code"]) == (400, 20001)
        assert standin.sent() == []

    def test_refuses_a_customer_who_opted_out(self, standin: StandIn) -> None:
        standin.meet(JOAO, refuses=21610)

        with pytest.raises(TwilioRestException) as refused:
            create(standin)

        assert refused.value.code == 21610

    def test_refuses_a_wrong_token(self, standin: StandIn) -> None:
        client = sdk(standin)
        client.auth = (standin.account.sid, "f" * 32)

        with pytest.raises(TwilioRestException) as refused:
            client.messages.create(to=JOAO, from_=NUMBER, body="Olá")

        assert (refused.value.status, refused.value.code) == (401, 20003)

    def test_writes_a_refused_call_down_too(self, standin: StandIn) -> None:
        with pytest.raises(TwilioRestException):
            create(standin, body=None)

        (call,) = standin.requests()
        assert (call["method"], call["status"], call["form"]["To"]) == ("POST", 400, [JOAO])


class TestRead:
    def test_lists_both_directions_page_by_page(self, standin: StandIn, desk: ListeningDesk) -> None:
        sids = [standin.receive(JOAO, f"mensagem {number}") for number in range(5)]
        answer = sdk(standin).messages.create(to=JOAO, from_=NUMBER, body="Olá")

        listed = sdk(standin).messages.list(to=NUMBER, page_size=2)

        assert [message.sid for message in listed] == list(reversed(sids))
        assert {message.direction for message in listed} == {"inbound"}
        assert [message.sid for message in sdk(standin).messages.list(to=JOAO, from_=NUMBER)] == [answer.sid]

    def test_compares_sending_days(self, standin: StandIn) -> None:
        sid = standin.receive(JOAO, "Oi")
        today = datetime.now(UTC)

        def listed(**days: datetime) -> list[str]:
            return [message.sid for message in sdk(standin).messages.list(**days)]

        assert listed(date_sent_after=today - timedelta(hours=1)) == [sid]
        assert listed(date_sent=today) == [sid]
        assert listed(date_sent_after=today + timedelta(days=1)) == []
        assert listed(date_sent_before=today - timedelta(days=1)) == []

    def test_fetches_redacts_and_deletes_one(self, standin: StandIn) -> None:
        sid = standin.receive(JOAO, "meu CPF é 000.000.000-00")
        message = sdk(standin).messages(sid)

        assert message.fetch().from_ == JOAO
        assert message.update(body="").body == ""
        assert message.fetch().body == ""
        assert message.delete()
        with pytest.raises(TwilioRestException) as gone:
            message.fetch()
        assert gone.value.status == 404

    def test_knows_its_account(self, standin: StandIn) -> None:
        account = sdk(standin).api.accounts(standin.account.sid).fetch()

        assert (account.sid, account.status) == (standin.account.sid, "active")

    def test_gives_a_file_only_with_credentials(self, standin: StandIn, desk: ListeningDesk) -> None:
        standin.receive(JOAO, media=[("image/png", b"\x89PNG picture")])
        form = desk.wait(1)[0].form
        url = form["MediaUrl0"]

        assert requests.get(url, timeout=3).status_code == 401
        answer = requests.get(url, auth=(standin.account.sid, standin.account.token), timeout=3)
        assert answer.content == b"\x89PNG picture"
        assert answer.headers["Content-Type"] == form["MediaContentType0"] == "image/png"
        assert form["MessageType"] == "image"
