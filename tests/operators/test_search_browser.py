"""Search, keys and the command bar as hands and ears meet them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from conversations.models import Conversation
from operators.models import Operator
from tests import builders
from tests.operators.conftest import sign_in

pytestmark = pytest.mark.django_db(transaction=True)
LIA = "whatsapp:+5511987650002"
LIT = """() => new MutationObserver((changes) => {
  for (const { target } of changes) if (target.classList.contains("found")) document.body.dataset.lit = target.id;
}).observe(document.body, { subtree: true, attributeFilter: ["class"] })"""
"""Remembers what was lit up, however short it was."""


@pytest.fixture
def panel(page: Page, live_server: Any, ana: Operator) -> Iterator[Page]:
    """Ana's console, once all of it is loaded. Whatever the browser complains about fails the test."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if "Security" in message.text else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    sign_in(page.context, ana, live_server.url)
    arrive(page, f"{live_server.url}/operator/")
    yield page
    assert said == []


def arrive(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator('head link[href$="find.css"]')).to_have_count(1)


def chat(page: Page, conversation: Conversation) -> Any:
    return page.locator(f'#chat[data-conversation="{conversation.public_id}"]')


def opened(page: Page, conversation: Conversation) -> None:
    page.locator(f"#row-{conversation.public_id} .row").click()
    expect(chat(page, conversation)).to_be_visible()
    page.keyboard.press("Escape")


def option(page: Page, act: str) -> Any:
    return page.locator(f"#command-list [data-act={act}]")


class TestSearch:
    def test_finds_as_one_types_and_opens_at_the_message(self, panel: Page, ana: Operator) -> None:
        held = builders.make_held(ana)
        builders.says("meu boleto venceu")
        for number in range(70):
            builders.says(f"linha {number}")
        target = next(one for one in builders.bubbles(held) if "boleto" in one.body)
        panel.evaluate(LIT)

        panel.keyboard.press("/")
        expect(panel.locator("#q")).to_be_focused()
        panel.keyboard.type("BOLÉT")
        expect(panel.locator("#results mark")).to_have_text("boleto")
        expect(panel.locator("#search-said")).to_contain_text("1")
        expect(panel.locator("#queue")).to_be_hidden()
        panel.keyboard.press("ArrowDown")
        expect(panel.locator("#results .hit")).to_be_focused()
        panel.keyboard.press("Enter")

        expect(chat(panel, held)).to_be_visible()
        bubble = panel.locator(f"#m-{target.public_id}")
        expect(bubble).to_be_in_viewport()
        expect(panel.locator("body")).to_have_attribute("data-lit", f"m-{target.public_id}")
        expect(panel.locator(".found")).to_have_count(0)
        panel.keyboard.press("End")
        expect(panel.get_by_text("linha 69", exact=True).last).to_be_in_viewport()

    def test_goes_to_what_is_shown_already_without_asking(self, panel: Page, ana: Operator) -> None:
        held = builders.make_held(ana)
        builders.says("meu boleto venceu")
        opened(panel, held)
        panel.evaluate(LIT)
        panel.keyboard.press("/")
        panel.keyboard.type("boleto")
        expect(panel.locator("#results .hit")).to_have_count(1)
        asked: list[str] = []
        panel.on("request", lambda request: asked.append(request.url) if "at=" in request.url else None)

        panel.keyboard.press("Enter")

        expect(panel.locator("body")).to_have_attribute("data-lit", re.compile("^m-"))
        assert asked == []

    def test_is_left_with_escape(self, panel: Page, ana: Operator) -> None:
        held = builders.make_held(ana)
        expect(panel.locator(f"#row-{held.public_id}")).to_be_visible()
        panel.keyboard.press("/")
        panel.keyboard.type("joão")
        expect(panel.locator("#results .hit").first).to_be_visible()
        panel.keyboard.press("ArrowDown")
        panel.keyboard.press("ArrowUp")
        expect(panel.locator("#q")).to_be_focused()

        panel.keyboard.press("Escape")

        expect(panel.locator("#queue")).to_be_visible()
        expect(panel.locator("#q")).to_have_value("")
        expect(panel.locator("#results .hit")).to_have_count(0)

    def test_is_a_form_and_a_page_without_script(
        self, browser: Browser, live_server: Any, ana: Operator
    ) -> None:
        held = builders.make_held(ana)
        builders.says("meu boleto venceu")
        context = browser.new_context(java_script_enabled=False, locale="pt-BR")
        sign_in(context, ana, live_server.url)
        page = context.new_page()
        page.goto(f"{live_server.url}/operator/")

        page.locator("#q").fill("boleto")
        page.locator("#q").press("Enter")
        page.locator("#results .hit").click()

        expect(chat(page, held)).to_be_visible()
        expect(page.locator("#bubbles").get_by_text("meu boleto venceu")).to_be_in_viewport()
        context.close()


class TestKeys:
    def test_show_what_is_beside_the_chat(self, panel: Page, ana: Operator) -> None:
        held = builders.make_held(ana)
        opened(panel, held)

        panel.keyboard.press("b")
        expect(panel.locator("#context details")).to_have_attribute("open", "")
        panel.keyboard.press("i")
        expect(panel.locator("#side")).to_be_focused()
        builders.says("mais uma")
        expect(panel.locator("#bubbles").get_by_text("mais uma")).to_be_visible()
        panel.wait_for_timeout(200)
        expect(panel.locator("#side")).to_be_focused()
        panel.set_viewport_size({"width": 1024, "height": 768})
        expect(panel.locator("#side")).to_be_hidden()
        panel.keyboard.press("i")
        expect(panel.locator("#side")).to_be_visible()
        panel.keyboard.press("i")
        expect(panel.locator("#side")).to_be_hidden()

    def test_mark_a_chat_as_unread(self, panel: Page, ana: Operator) -> None:
        held = builders.make_held(ana)
        builders.says("leia isto")
        opened(panel, held)
        expect(panel.locator(f"#row-{held.public_id} .cnt")).to_have_count(0)

        panel.keyboard.press("u")

        expect(panel.locator(f"#row-{held.public_id} .cnt")).to_be_visible()
        expect(chat(panel, held)).to_have_count(0)
        assert builders.fresh(held).unread == 1

    def test_go_somewhere_in_two_strokes_and_do_nothing_else(self, panel: Page, ana: Operator) -> None:
        held = builders.make_held(ana)
        opened(panel, held)

        panel.keyboard.press("g")
        panel.keyboard.press("f")

        expect(panel.locator(f"#row-{held.public_id} .row")).to_be_focused()
        expect(panel.locator("#dialog")).to_be_hidden()

    def test_lead_supervisors_to_their_pages(self, page: Page, live_server: Any, ana: Operator) -> None:
        sign_in(page.context, builders.make_operator("caio", staff=True), live_server.url)
        arrive(page, f"{live_server.url}/operator/")

        page.keyboard.press("g")
        page.keyboard.press("p")
        page.wait_for_url("**/operator/team/")
        page.keyboard.press("g")
        page.keyboard.press("r")
        page.wait_for_url("**/operator/work/")

    def test_are_listed_behind_the_question_mark(self, panel: Page) -> None:
        panel.keyboard.press("?")

        sheet = panel.locator("#dialog .keys")
        expect(sheet).to_be_visible()
        panel.keyboard.press("a")
        expect(sheet).to_be_visible()
        panel.keyboard.press("Escape")
        expect(sheet).to_have_count(0)

    def test_rest_when_they_are_switched_off(self, panel: Page, live_server: Any, ana: Operator) -> None:
        Operator.objects.filter(pk=ana.pk).update(preferences={"keys": "off"})
        waiting = builders.make_waiting()
        arrive(panel, f"{live_server.url}/operator/")

        for key in ("a", "/", "?", "g", "f"):
            panel.keyboard.press(key)
        panel.keyboard.press("Control+k")

        expect(panel.locator("#command")).to_be_visible()
        expect(panel.locator("#dialog")).to_be_hidden()
        assert builders.fresh(waiting).operator is None

    def test_leave_an_input_method_alone(self, panel: Page) -> None:
        waiting = builders.make_waiting()
        expect(panel.locator(f"#row-{waiting.public_id}")).to_be_visible()

        panel.evaluate(
            """() => {
              const told = { key: "a", bubbles: true, cancelable: true };
              document.body.dispatchEvent(new KeyboardEvent("keydown", { ...told, isComposing: true }));
              document.body.dispatchEvent(new KeyboardEvent("keydown", { ...told, keyCode: 229 }));
            }"""
        )
        panel.keyboard.press("?")

        expect(panel.locator("#dialog .keys")).to_be_visible()
        assert builders.fresh(waiting).operator is None


class TestTheCommandBar:
    def test_does_by_name_what_is_possible_now(self, panel: Page, ana: Operator) -> None:
        held = builders.make_held(ana)
        opened(panel, held)
        panel.keyboard.press("r")

        panel.keyboard.press("Control+k")
        field = panel.get_by_role("combobox")
        expect(field).to_be_focused()
        expect(option(panel, "finish")).to_be_visible()
        panel.keyboard.type("finaliz")
        expect(option(panel, "finish")).to_have_attribute("aria-selected", "true")
        expect(field).to_have_attribute("aria-activedescendant", "command-finish")
        expect(option(panel, "note")).to_be_hidden()
        panel.keyboard.press("Enter")

        expect(panel.locator("#dialog")).to_be_visible()
        expect(panel.locator("#command")).to_be_hidden()

    def test_offers_nothing_that_is_not(self, panel: Page) -> None:
        panel.keyboard.press("Control+k")

        expect(option(panel, "take")).to_be_visible()
        expect(option(panel, "finish")).to_have_count(0)

    def test_gives_the_focus_back(self, panel: Page, ana: Operator) -> None:
        opened(panel, builders.make_held(ana))
        panel.locator("#message").fill("ainda escrev")

        panel.keyboard.press("Control+k")
        panel.keyboard.type("zzzz")
        expect(panel.locator("#command-none")).to_be_visible()
        panel.keyboard.press("Escape")

        expect(panel.locator("#message")).to_be_focused()
        expect(panel.locator("#message")).to_have_value("ainda escrev")

    def test_finds_chats_and_opens_them(self, panel: Page, ana: Operator) -> None:
        held = builders.make_held(ana, address=LIA, ProfileName="Lia Reis")

        panel.keyboard.press("Control+k")
        panel.keyboard.type("lia re")
        found = panel.locator("#command-found [role=option]")
        expect(found).to_have_count(1)
        expect(found).to_have_attribute("aria-selected", "true")
        panel.keyboard.press("Enter")

        expect(chat(panel, held)).to_be_visible()

    def test_hands_a_chat_on(self, panel: Page, ana: Operator) -> None:
        bia = builders.make_present("bia")
        opened(panel, builders.make_held(ana))

        panel.keyboard.press("Control+k")
        panel.keyboard.type("bia")
        expect(panel.locator("[data-to][aria-selected=true]")).to_be_visible()
        panel.keyboard.press("Enter")

        expect(panel.locator(f'#dialog [value="operator:{bia.public_id}"]')).to_be_checked()

    def test_changes_the_look(self, panel: Page, ana: Operator) -> None:
        panel.keyboard.press("Control+k")
        expect(panel.locator("#command-dark")).to_be_visible()
        panel.locator("#command-dark").click()

        expect(panel.locator("html")).to_have_attribute("data-theme", "dark")
