from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from handoffflow.simulator import books, customers
from handoffflow.simulator.standin import StandIn
from operators.models import Operator
from tests import axe, builders
from tests import standin as shared
from tests.browsing import intercept
from tests.simulator.conftest import ListeningDesk
from tests.standin import sdk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.simulator.urls")]


LENGTH = """audio => new Promise(tell => {
  const look = () => Number.isFinite(audio.duration) && tell(audio.duration);
  audio.addEventListener("durationchange", look);
  look();
})"""


@pytest.fixture
def standin(tmp_path: Path, desk: ListeningDesk, settings: Any) -> Any:
    settings.SIMULATOR_ENABLED = True
    settings.SIMULATOR_LEDGER = tmp_path / "simulator.sqlite3"
    with shared.build(settings.SIMULATOR_LEDGER, webhook_base=desk.url) as running:
        customers.invent(running.ledger, name="João Batista")
        yield running


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser had to say: a blocked script or style is a failure."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if "Security" in message.text else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


class TestPhone:
    def test_writes_receives_and_shows_ticks(
        self, page: Page, live_server: Any, standin: StandIn, complaints: list[str]
    ) -> None:
        page.goto(f"{live_server.url}/simulator/")
        page.get_by_label("Escrever como João").fill("Oi, tudo bem?")
        page.keyboard.press("Enter")

        log = page.get_by_role("log")
        expect(log).to_contain_text("Oi, tudo bem?")
        expect(page.get_by_label("Escrever como João")).to_have_value("")
        expect(log.get_by_role("img", name="Entregue")).to_be_visible()
        customer = customers.everybody(standin.ledger)[0]
        sdk(standin).messages.create(to=customer.address, from_=standin.account.number, body="Olá, João!")
        expect(log).to_contain_text("Olá, João!")
        expect(log.get_by_role("img", name="Lida")).to_be_visible()
        expect(page.locator("#wire")).to_contain_text("Resposta lida")
        assert complaints == []

    def test_keeps_what_is_being_typed_while_news_arrive(
        self, page: Page, live_server: Any, standin: StandIn
    ) -> None:
        page.goto(f"{live_server.url}/simulator/")
        field = page.get_by_label("Escrever como João")
        field.fill("ainda escrev")

        customer = customers.everybody(standin.ledger)[0]
        standin.receive(customer.address, "de outro aparelho")
        expect(page.get_by_role("log")).to_contain_text("de outro aparelho")
        page.keyboard.type("endo")

        expect(field).to_have_value("ainda escrevendo")
        expect(field).to_be_focused()

    def test_still_sends_after_somebody_signed_in_elsewhere(
        self, page: Page, live_server: Any, standin: StandIn, complaints: list[str]
    ) -> None:
        operator = builders.make_operator("ana")
        page.goto(f"{live_server.url}/simulator/")
        csrf, session = sign_in(operator)
        page.context.add_cookies(
            [
                {"name": "csrf", "value": csrf, "url": live_server.url},
                {"name": "session", "value": session, "url": live_server.url},
            ]
        )
        expect(page.locator("#seen")).to_have_attribute("data-user", "ana")

        page.get_by_label("Escrever como João").fill("Oi de novo")
        page.keyboard.press("Enter")

        expect(page.get_by_role("log")).to_contain_text("Oi de novo")

    def test_gives_the_text_back_when_it_could_not_be_sent(
        self, page: Page, live_server: Any, standin: StandIn
    ) -> None:
        page.goto(f"{live_server.url}/simulator/")
        intercept(page, "**/say/", lambda route: route.abort())

        page.get_by_label("Escrever como João").fill("não se perde")
        page.keyboard.press("Enter")

        expect(page.get_by_label("Escrever como João")).to_have_value("não se perde")

    def test_arms_a_failure(self, page: Page, live_server: Any, standin: StandIn) -> None:
        page.goto(f"{live_server.url}/simulator/")
        button = page.get_by_role("button", name="Falhar o próximo envio")

        button.click()

        expect(button).to_have_attribute("aria-pressed", "true")

    def test_shows_the_photo_it_sent(self, page: Page, live_server: Any, standin: StandIn) -> None:
        page.goto(f"{live_server.url}/simulator/")

        page.get_by_role("button", name="Enviar foto").click()

        picture = page.get_by_role("img", name="Foto")
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 360

    def test_plays_the_audio_it_sent(self, page: Page, live_server: Any, standin: StandIn) -> None:
        page.goto(f"{live_server.url}/simulator/")

        page.get_by_role("button", name="Enviar áudio").click()

        audio = page.locator("#log audio")
        expect(audio).to_have_count(1)
        assert audio.evaluate(LENGTH) == pytest.approx(3, abs=0.05)

    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize(
        ("width", "path"), [(1440, ""), (1440, "split/"), (1024, "split/"), (390, "split/")]
    )
    def test_is_accessible_and_does_not_overflow(
        self, page: Page, live_server: Any, standin: StandIn, theme: Any, width: int, path: str
    ) -> None:
        customer = customers.everybody(standin.ledger)[0]
        fill(standin, customer.address)
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": 900 if width > 400 else 844})
        page.goto(f"{live_server.url}/simulator/{path}")
        expect(page.get_by_role("log")).to_contain_text("Combinado")

        assert axe.broken(page, leaving_out=["iframe"]) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def sign_in(operator: Operator) -> tuple[str, str]:
    """The cookies of a fresh sign-in: its own form secret, as Django gives one at every login."""
    client = Client()
    client.force_login(operator)
    client.get("/simulator/")
    return client.cookies["csrf"].value, client.cookies["session"].value


def fill(standin: StandIn, address: str) -> None:
    standin.receive(address, "Oi! Quero mudar o endereço do pedido 48213")
    standin.settle()
    client, number = sdk(standin), standin.account.number
    client.messages.create(to=address, from_=number, body="Claro! Qual é o novo endereço?")
    standin.receive(address, "Rua Joaquim Floriano, 466")
    client.messages.create(to=address, from_=number, body="Combinado, endereço alterado.")
    standin.settle()
    books.look(standin.ledger, address)
    standin.script("failed", customer=address, code=63018)
