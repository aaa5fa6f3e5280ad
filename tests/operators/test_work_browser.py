"""The work page in a real browser: it keeps itself current, can be stopped, and is usable by everybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect

from conversations import clock, verdicts
from conversations.contract import Cause
from conversations.models import BotTurn, Conversation, Delivery, Message
from operators.models import Operator
from tests import axe, builders
from tests.operators import backlog
from tests.operators.conftest import Desk, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/operator/work/"
BIA = Cause(kind="operator", door="panel")
Console = Callable[..., Page]


@pytest.fixture(autouse=True)
def _fresh_hour() -> None:
    cache.clear()


@pytest.fixture
def caio() -> Operator:
    return builders.make_operator("caio", staff=True)


@pytest.fixture
def held(ana: Operator) -> Conversation:
    conversation = builders.make_held(ana)
    Delivery.objects.all().delete()
    BotTurn.objects.all().delete()
    return conversation


def answers(page: Page) -> list[int]:
    """The statuses of what the page asks for itself from here on."""
    found: list[int] = []
    page.on("response", lambda answer: found.append(answer.status) if answer.url.endswith(PAGE) else None)
    return found


class TestThePage:
    def test_shows_what_has_come_and_what_has_gone(
        self, console: Console, held: Conversation, ana: Operator, caio: Operator
    ) -> None:
        backlog.works()
        page = console(caio, PAGE)
        expect(page.locator("#verdict")).to_have_text("Tudo em dia.")

        row = backlog.unconfirmed(held, ana)
        expect(page.locator(f"#send-{row.message.public_id}")).to_contain_text("Sem confirmação")
        expect(page.locator("#verdict")).to_contain_text("1 envio espera uma decisão sua")

        verdicts.arrived(row.message, cause=BIA, now=clock.now())
        expect(page.locator(f"#send-{row.message.public_id}")).to_have_count(0)
        expect(page.locator("#verdict")).to_have_text("Tudo em dia.")

    def test_keeps_focus_and_costs_nothing_while_nothing_happens(
        self, console: Console, held: Conversation, ana: Operator, caio: Operator
    ) -> None:
        backlog.works()
        row = backlog.unconfirmed(held, ana)
        page = console(caio, PAGE)
        button = page.locator(f"#send-{row.message.public_id}").get_by_role("button", name="Já chegou")
        button.focus()
        statuses = answers(page)
        page.wait_for_timeout(5000)

        assert 304 in statuses
        expect(button).to_be_focused()

    def test_lets_its_ages_run_on(
        self, console: Console, held: Conversation, ana: Operator, caio: Operator
    ) -> None:
        backlog.said(held, ana)
        Delivery.objects.update(created_at=clock.now() - timedelta(seconds=5))
        page = console(caio, PAGE)
        age = page.locator("#tile-sends time")
        before = age.inner_text()

        expect(age).not_to_have_text(before)
        assert age.inner_text().endswith(" s")

    def test_stops_and_goes_on(
        self, console: Console, held: Conversation, ana: Operator, caio: Operator
    ) -> None:
        page = console(caio, PAGE)
        page.get_by_role("button", name="Pausar a atualização").click()
        expect(page.locator("#pulse")).to_have_text("pausado")
        page.wait_for_timeout(500)
        statuses = answers(page)
        row = backlog.unconfirmed(held, ana)
        page.wait_for_timeout(4500)
        assert statuses == []

        page.get_by_role("button", name="Retomar a atualização").click()

        expect(page.locator(f"#send-{row.message.public_id}")).to_be_visible()
        expect(page.locator("#pulse")).to_have_text("ao vivo")

    def test_stays_stopped_when_it_is_loaded_again(self, console: Console, caio: Operator) -> None:
        page = console(caio, PAGE)
        page.get_by_role("button", name="Pausar a atualização").click()

        page.reload()

        expect(page.locator("#pulse")).to_have_text("pausado")

    def test_decides_and_says_what_came_of_it(
        self, console: Console, held: Conversation, ana: Operator, caio: Operator
    ) -> None:
        row = backlog.unconfirmed(held, ana)
        page = console(caio, PAGE)
        page.get_by_role("button", name="Já chegou").click()

        expect(page.locator("#toasts")).to_contain_text("Marcada como entregue.")
        expect(page.locator(f"#send-{row.message.public_id}")).to_have_count(0)
        expect(page.get_by_role("heading", name="Envios que precisam de você")).to_be_focused()
        assert Message.objects.get(pk=row.message_id).status == "delivered"

    def test_asks_before_it_repeats(
        self, console: Console, held: Conversation, ana: Operator, caio: Operator
    ) -> None:
        row = backlog.unconfirmed(held, ana)
        page = console(caio, PAGE)
        page.get_by_role("link", name="Enviar de novo").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("link", name="Cancelar")).to_be_focused()
        dialog.get_by_role("button", name="Enviar de novo").click()

        expect(dialog).to_be_hidden()
        expect(page.locator("#toasts")).to_contain_text("A caminho outra vez.")
        assert Message.objects.get(pk=row.message_id).status == "queued"

    def test_tells_the_second_of_two_supervisors(
        self, console: Console, held: Conversation, ana: Operator, caio: Operator
    ) -> None:
        row = backlog.failed(held, ana)
        page = console(caio, PAGE)
        page.get_by_role("button", name="Pausar a atualização").click()
        page.wait_for_timeout(500)
        verdicts.retry(row.message, cause=BIA, now=clock.now(), attempt=row.public_id)

        page.get_by_role("button", name="Descartar").click()

        expect(page.locator("#toasts")).to_contain_text("Já foi resolvida entretanto. Nada mudou.")
        expect(page.locator(f"#send-{row.message.public_id}")).to_have_count(0)
        assert Message.objects.get(pk=row.message_id).status == "queued"

    def test_works_without_script(
        self, browser: Browser, live_desk: Desk, held: Conversation, ana: Operator, caio: Operator
    ) -> None:
        row = backlog.unconfirmed(held, ana)
        with browser.new_context(java_script_enabled=False, locale="pt-BR") as context:
            sign_in(context, caio, live_desk.url)
            page = context.new_page()
            page.goto(live_desk.url + PAGE)
            page.get_by_role("link", name="Enviar de novo").click()
            page.get_by_role("link", name="Cancelar").click()
            page.get_by_role("button", name="Já chegou").click()

            expect(page.locator("#toasts")).to_contain_text("Marcada como entregue.")

        assert Message.objects.get(pk=row.message_id).status == "delivered"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_nobody_is_left_out(
    console: Console,
    held: Conversation,
    ana: Operator,
    caio: Operator,
    monkeypatch: pytest.MonkeyPatch,
    scheme: Any,
    width: int,
    height: int,
) -> None:
    """axe finds nothing, and nothing sticks out, whatever waits."""
    backlog.works()
    backlog.works("app-2-8", at=clock.now() - timedelta(seconds=47))
    backlog.unconfirmed(held, ana)
    backlog.failed(held, ana)
    backlog.failed(held, ana, 63024)
    backlog.broken_webhook(monkeypatch)
    Delivery.objects.filter(state="queued").update(created_at=clock.now() - timedelta(minutes=3))
    page = console(caio, PAGE)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": height})
    expect(page.locator("#pulse")).to_have_text("ao vivo")
    sound(page)

    page.get_by_role("link", name="Ver o original").click()
    expect(page.get_by_role("dialog")).to_contain_text("MessageSid")
    sound(page)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Enviar de novo").click()
    expect(page.get_by_role("dialog")).to_contain_text("duas vezes")
    sound(page)


def sound(page: Page) -> None:
    assert axe.broken(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
