"""Login and admin in a real browser: axe finds nothing, the policy blocks nothing, small screens do not scroll."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from conversations.models import Conversation, Queue
from operators import setup
from operators.models import Operator
from tests import axe, builders

pytestmark = pytest.mark.django_db(transaction=True)

SIZES = [(1440, 900), (1024, 768), (390, 844)]


@pytest.fixture(params=["light", "dark"])
def screen(
    request: pytest.FixtureRequest, browser: Browser, live_server: Any, settings: Any
) -> Iterator[Page]:
    """Whatever the browser complains about fails the test: a blocked script or style, a missing file."""
    settings.DEBUG = settings.SIMULATOR_ENABLED = True
    context = browser.new_context(color_scheme=request.param, base_url=live_server.url)
    page = context.new_page()
    said: list[str] = []

    def complain(text: str) -> None:
        # An answer that refuses (429) is not a fault of the page.
        if "status of 429" not in text:
            said.append(text)

    page.on("console", lambda message: complain(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    complaints = list(said)
    context.close()
    assert complaints == []


def check(page: Page) -> None:
    dark = page.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches")
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert axe.broken(page, only=axe.COLOURS if dark else axe.STRICT) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


class TestLoginPage:
    def test_is_usable_by_everybody(self, screen: Page) -> None:
        screen.goto("/accounts/login/?next=/operator/")
        expect(screen.get_by_label("Usuário")).to_be_focused()

        check(screen)

    def test_moves_the_focus_to_the_error(self, screen: Page) -> None:
        screen.goto("/accounts/login/")
        screen.get_by_label("Usuário").fill("ana")
        screen.get_by_label("Senha", exact=True).fill("errada")
        screen.get_by_role("button", name="Entrar", exact=True).click()

        expect(screen.get_by_role("alert")).to_be_focused()
        check(screen)

    def test_shows_the_password_on_request(self, screen: Page) -> None:
        screen.goto("/accounts/login/")
        screen.get_by_label("Senha", exact=True).fill("segredo")

        screen.get_by_role("button", name="Mostrar a senha").click()

        expect(screen.get_by_label("Senha", exact=True)).to_have_attribute("type", "text")

    def test_lets_a_demo_person_in_by_one_click(self, screen: Page) -> None:
        builders.make_operator("bia")
        screen.goto("/accounts/login/?next=/operator/")

        screen.get_by_role("button", name="bia").click()

        screen.wait_for_url("**/operator/")


class TestPlainPages:
    def test_of_the_first_access_are_usable_by_everybody(self, screen: Page, live_server: Any) -> None:
        url = setup.first_run_url()
        assert url is not None

        screen.goto(url)
        check(screen)

    def test_of_the_throttle_are_usable_by_everybody(self, screen: Page) -> None:
        for _attempt in range(5):
            screen.goto("/accounts/login/")
            screen.get_by_label("Usuário").fill("ana")
            screen.get_by_label("Senha", exact=True).fill("errada")
            screen.get_by_role("button", name="Entrar", exact=True).click()

        expect(screen.get_by_role("heading", name="Tentativas demais")).to_be_focused()
        check(screen)


@pytest.mark.long
class TestAdminPages:
    def test_are_usable_by_everybody(self, screen: Page) -> None:
        caio = builders.make_operator("caio", staff=True)
        conversation = builders.make_held(builders.make_operator("ana"))
        enter(screen)

        for path in paths(caio, conversation):
            screen.goto(path)
            check(screen)

    def test_save_what_is_set(self, screen: Page) -> None:
        builders.make_operator("caio", staff=True)
        enter(screen)
        screen.goto("/admin/conversations/queue/add/")

        screen.get_by_label("Nome:").fill("Entrega")
        screen.get_by_label("Português:").first.fill("Já vou!")
        screen.get_by_role("button", name="Salvar", exact=True).click()

        expect(screen.get_by_role("link", name="Entrega", exact=True).first).to_be_visible()
        assert Queue.objects.get(name="Entrega").texts == {"waiting": {"pt-br": "Já vou!"}}

    def test_ask_before_they_act(self, screen: Page) -> None:
        builders.make_operator("caio", staff=True)
        held = builders.make_held(builders.make_operator("ana"))
        enter(screen)
        screen.goto(f"/admin/conversations/conversation/{held.pk}/change/")

        screen.locator("button[value=transfer]").click()
        screen.locator("select[name=to]").select_option(label="Atendimento")
        screen.locator("textarea[name=note]").fill("Pediu prazo.")
        check(screen)
        screen.locator("input[type=submit].default").click()

        expect(screen.locator(".messagelist")).to_be_visible()
        assert builders.fresh(held).mode == "queued"


def enter(page: Page) -> None:
    page.goto("/accounts/login/?next=/admin/")
    page.get_by_role("button", name="caio").click()
    page.wait_for_url("**/admin/")


def paths(caio: Operator, conversation: Conversation) -> list[str]:
    queue = Queue.objects.get()
    return [
        "/admin/",
        "/admin/operators/operator/",
        f"/admin/operators/operator/{caio.pk}/change/",
        f"/admin/conversations/queue/{queue.pk}/change/",
        "/admin/conversations/conversation/",
        f"/admin/conversations/conversation/{conversation.pk}/change/",
        "/admin/conversations/message/",
        f"/admin/conversations/message/{conversation.messages.latest('pk').pk}/change/",
        "/admin/conversations/auditentry/",
        "/admin/conversations/botanswer/",
        "/admin/handoffflow/apikey/add/",
    ]
