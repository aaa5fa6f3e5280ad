from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from handoffflow.simulator import attachments, books, customers, faults, screen
from handoffflow.simulator.books import Draft
from handoffflow.simulator.customers import Customer
from handoffflow.simulator.ledger import Ledger
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.simulator.urls")]
NUMBER = "whatsapp:+551150280000"


@pytest.fixture
def ledger(tmp_path: Path, settings: Any) -> Ledger:
    settings.SIMULATOR_LEDGER = tmp_path / "simulator.sqlite3"
    settings.SIMULATOR_ENABLED = True
    return Ledger(settings.SIMULATOR_LEDGER)


@pytest.fixture
def joao(ledger: Ledger) -> Customer:
    return customers.invent(ledger, name="João Batista")


@pytest.fixture
def web() -> Client:
    return Client(headers={"accept-language": "pt-BR"})


def post(web: Client, url: str, *, live: bool = False, **fields: str) -> HttpResponse:
    headers = {"HX-Request": "true"} if live else {}
    response = web.post(url, fields, headers=headers)
    return HttpResponse(response.content, status=response.status_code, headers=dict(response.items()))


class TestPage:
    def test_has_somebody_to_pick_on_the_first_visit(self, web: Client, ledger: Ledger) -> None:
        page = web.get("/simulator/").content.decode()
        web.get("/simulator/split/")

        people = customers.everybody(ledger)
        assert [person.phone is None for person in people] == [True, False, False]
        assert all(f">{person.short_name}</b>" in page for person in people)
        assert f"{people[-1].name}" in page

    def test_frames_the_console_only_when_split(self, web: Client, joao: Customer) -> None:
        assert b"<iframe" in web.get(f"/simulator/split/?as={joao.id}").content
        assert b"<iframe" not in web.get(f"/simulator/?as={joao.id}").content

    def test_survives_an_unknown_customer(self, web: Client, joao: Customer) -> None:
        assert web.get("/simulator/?as=999").status_code == 200
        assert web.get("/simulator/?as=x").status_code == 200
        assert web.get("/simulator/c/999/").status_code == 404

    @pytest.mark.parametrize("number", ["0", "99", "9" * 40])
    def test_does_not_exist_for_a_number_of_nobody(self, web: Client, joao: Customer, number: str) -> None:
        assert web.get(f"/simulator/c/{number}/").status_code == 404
        assert post(web, f"/simulator/c/{number}/say/", body="oi").status_code == 404
        assert post(web, "/simulator/advance/", customer=number).status_code == 404

    def test_shows_what_was_written_as_text(self, web: Client, joao: Customer) -> None:
        post(web, f"/simulator/c/{joao.id}/say/", body="<script>alert(1)</script>")

        page = web.get(f"/simulator/?as={joao.id}").content.decode()

        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "<script>alert" not in page


class TestCustomers:
    def test_are_invented_with_a_name_and_a_number_of_nobody(self, web: Client, ledger: Ledger) -> None:
        answer = post(web, "/simulator/customers/", name="  Iara Lima ", page="split")

        (customer,) = customers.everybody(ledger)
        assert (answer.status_code, answer["Location"]) == (303, f"/simulator/split/?as={customer.id}")
        assert customer.name == "Iara Lima"
        assert customer.address.startswith("whatsapp:+5500")
        assert customer.user_id.startswith("whatsapp:BR.")

    def test_can_hide_their_number(self, web: Client, ledger: Ledger) -> None:
        post(web, "/simulator/customers/", hidden_number="on")

        (customer,) = customers.everybody(ledger)
        assert customer.phone is None
        assert customer.address == customer.user_id


class TestSay:
    def test_sends_the_message_and_comes_back(self, web: Client, ledger: Ledger, joao: Customer) -> None:
        answer = post(web, f"/simulator/c/{joao.id}/say/", body="Oi, tudo bem?")

        (message,) = ledger.thread(joao.address)
        assert answer.status_code == 303
        assert (message.body, message.inbound, message.number) == ("Oi, tudo bem?", True, NUMBER)
        assert [job.kind for job in ledger.jobs(sid=message.sid)] == ["webhook"]

    def test_redraws_only_what_changed_for_a_live_page(self, web: Client, joao: Customer) -> None:
        answer = post(web, f"/simulator/c/{joao.id}/say/", live=True, body="Oi")

        assert answer.status_code == 200
        assert answer.content.startswith(b"<hx-partial")

    def test_sends_nothing_for_nothing(self, web: Client, ledger: Ledger, joao: Customer) -> None:
        post(web, f"/simulator/c/{joao.id}/say/", body="   ")

        assert ledger.thread(joao.address) == []

    def test_needs_the_form_token(self, joao: Customer) -> None:
        strict = Client(enforce_csrf_checks=True)

        assert strict.post(f"/simulator/c/{joao.id}/say/", {"body": "Oi"}).status_code == 403


class TestScript:
    def test_asks_for_a_person(self, web: Client, ledger: Ledger, joao: Customer) -> None:
        post(web, f"/simulator/c/{joao.id}/act/ask/")

        (message,) = ledger.thread(joao.address)
        assert message.body == "Quero falar com um atendente"

    @pytest.mark.parametrize(
        ("name", "kind", "magic"), [("photo", "image/png", b"\x89PNG"), ("audio", "audio/ogg", b"OggS")]
    )
    def test_sends_a_real_file(
        self, web: Client, ledger: Ledger, joao: Customer, name: str, kind: str, magic: bytes
    ) -> None:
        post(web, f"/simulator/c/{joao.id}/act/{name}/")

        (message,) = ledger.thread(joao.address)
        (file,) = ledger.media(message.sid)
        served = web.get(f"/simulator/files/{file.sid}/")
        assert (file.type, served["Content-Type"]) == (kind, kind)
        assert served.content.startswith(magic)

    def test_arms_a_failure_and_disarms_it(self, web: Client, ledger: Ledger, joao: Customer) -> None:
        url = f"/simulator/c/{joao.id}/act/fail/"

        post(web, url)
        assert b'aria-pressed="true"' in web.get(f"/simulator/c/{joao.id}/").content
        post(web, url)

        assert not faults.armed(ledger, customer=joao.address)

    def test_disarms_itself_after_use(self, web: Client, ledger: Ledger, joao: Customer) -> None:
        post(web, f"/simulator/c/{joao.id}/act/fail/")

        fault = faults.take(ledger, "callback", joao.address)

        assert fault is not None
        assert fault.options["code"] == 63018
        assert b'aria-pressed="true"' not in web.get(f"/simulator/c/{joao.id}/").content


class TestPulse:
    def test_says_nothing_when_nothing_changed(self, web: Client, joao: Customer) -> None:
        page = web.get(f"/simulator/?as={joao.id}").content.decode()
        seen = page.partition('id="seen" name="seen" value="')[2].partition('"')[0]

        assert web.get(f"/simulator/c/{joao.id}/", {"seen": seen}).status_code == 204
        post(web, f"/simulator/c/{joao.id}/say/", body="Oi")
        assert web.get(f"/simulator/c/{joao.id}/", {"seen": seen}).status_code == 200


class TestAdvance:
    def test_moves_the_customer_and_the_desk_a_day_back(
        self, web: Client, ledger: Ledger, joao: Customer
    ) -> None:
        now = timezone.now()
        builders.says("Oi", address=joao.address, now=now)
        post(web, f"/simulator/c/{joao.id}/say/", body="Oi")

        answer = post(web, "/simulator/advance/", customer=str(joao.id), page="split")

        assert answer.status_code == 303
        assert builders.thread(joao.address).last_inbound_at == now - timedelta(hours=24)
        last = ledger.last_inbound(joao.address)
        assert last is not None
        assert ledger.clock() - last > 24 * 3600
        assert "Ontem" in web.get(f"/simulator/?as={joao.id}").content.decode()

    def test_needs_a_known_customer(self, web: Client, ledger: Ledger) -> None:
        assert web.post("/simulator/advance/", {"customer": "7"}).status_code == 404
        assert web.post("/simulator/advance/", {"customer": "x"}).status_code == 404


class TestTicks:
    def test_rise_with_what_the_desk_did(self, web: Client, ledger: Ledger, joao: Customer) -> None:
        post(web, f"/simulator/c/{joao.id}/say/", body="Oi")
        assert ticks(ledger, joao) == ["waiting"]

        settle(ledger, result="200")
        assert ticks(ledger, joao) == ["delivered"]

        books.accept(ledger, Draft(joao.address, NUMBER, "Olá!"), steps=[])
        books.rise(ledger, ledger.sent()[0].sid, status="delivered", error=None)
        assert ticks(ledger, joao) == ["read", ""]

    def test_tell_that_the_desk_refused(self, web: Client, ledger: Ledger, joao: Customer) -> None:
        post(web, f"/simulator/c/{joao.id}/say/", body="Oi")

        settle(ledger, result="503")

        assert ticks(ledger, joao) == ["lost"]
        assert "Webhook recusado" in web.get(f"/simulator/?as={joao.id}").content.decode()

    def test_leave_out_what_never_reached_the_phone(self, ledger: Ledger, joao: Customer) -> None:
        books.accept(ledger, Draft(joao.address, NUMBER, "Olá!"), steps=[])

        books.rise(ledger, ledger.sent()[0].sid, status="failed", error=63016)

        assert screen.bubbles(ledger, joao) == []

    def test_show_bold_words_as_whatsapp_does(self, ledger: Ledger, joao: Customer) -> None:
        books.receive(ledger, customer=joao.address, number=NUMBER, body="escreva *voltar* ou 2*3*4")

        (bubble,) = screen.bubbles(ledger, joao)

        assert [(run.text, run.bold) for run in bubble.runs] == [
            ("escreva ", False),
            ("voltar", True),
            (" ou 2*3*4", False),
        ]


def ticks(ledger: Ledger, customer: Customer) -> list[str]:
    return [bubble.tick for bubble in screen.bubbles(ledger, customer)]


def settle(ledger: Ledger, *, result: str) -> None:
    for _lane, job in books.due(ledger):
        books.finish(ledger, job, result=result, ms=12)


class TestAttachments:
    def test_photo_is_a_picture_that_a_decoder_takes(self) -> None:
        kind, content = attachments.photo()

        assert kind == "image/png"
        assert content.endswith(b"IEND\xaeB`\x82")


class TestTyping:
    def test_shows_that_the_desk_types_and_has_read(self, web: Client, ledger: Ledger) -> None:
        customer = customers.meet(ledger, "whatsapp:+5500900000001", name="Iara")
        sid = books.receive(ledger, customer=customer.address, number="whatsapp:+551150280000", body="oi")
        message = ledger.message(sid)
        assert message is not None

        books.type(ledger, message)

        current = customers.get(ledger, customer.id)
        assert current is not None
        assert screen.typing(ledger, current)
        assert 'id="typing"' in web.get(f"/simulator/?as={customer.id}").content.decode()
        assert (ledger.message(sid) or message).seen is not None

    def test_ends_with_the_reply_or_by_itself(self, ledger: Ledger) -> None:
        customer = customers.meet(ledger, "whatsapp:+5500900000001", name="Iara")
        sid = books.receive(ledger, customer=customer.address, number="whatsapp:+551150280000", body="oi")
        message = ledger.message(sid)
        assert message is not None
        books.type(ledger, message)
        at, current = ledger.clock(), customers.get(ledger, customer.id)
        assert current is not None

        ledger.clock = lambda: at + 26
        assert not screen.typing(ledger, current)

        ledger.clock = lambda: at + 5
        draft = books.Draft(customer=customer.address, number="whatsapp:+551150280000", body="Olá")
        books.accept(ledger, draft, steps=[])
        assert not screen.typing(ledger, current)


class TestWhatGoesWrong:
    @pytest.mark.parametrize(
        ("code", "armed"),
        [
            ("63051", ("failed", 63051)),
            ("20003", ("refused", 20003)),
            ("", ("failed", 63018)),
            ("x", ("failed", 63018)),
        ],
    )
    def test_is_chosen_by_its_code(
        self, web: Client, ledger: Ledger, joao: Customer, code: str, armed: tuple[str, int]
    ) -> None:
        post(web, f"/simulator/c/{joao.id}/act/fail/", code=code)

        kind = "rest" if armed[0] == "refused" else "callback"
        fault = faults.take(ledger, kind, joao.address)
        assert fault is not None
        assert (fault.name, fault.options["code"]) == armed

    def test_is_offered_in_three_groups(self, web: Client, joao: Customer) -> None:
        page = web.get(f"/simulator/?as={joao.id}").content.decode()

        assert page.count("<optgroup") == 3
