"""What somebody does too soon, by mistake or on another page of the console harms nobody."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, expect

from conversations import clock
from conversations.models import Conversation
from operators import desk
from operators.models import Draft, Operator
from tests import builders
from tests.browsing import answer_all, box, chat, hold_back, intercept, streaming, wait_for
from tests.conversations.test_uploads import PHOTO
from tests.operators.conftest import Desk
from tests.operators.scenes import EVA, RUI, said
from tests.templates import make_template

pytestmark = pytest.mark.django_db(transaction=True)
Console = Callable[..., Page]
KEPT = "() => Object.keys(localStorage).filter((key) => /^(draft|outbox):/.test(key)).length"


@pytest.fixture
def held(ana: Operator) -> Conversation:
    return builders.make_held(ana)


def ready(page: Page) -> None:
    """What comes after the first load is there."""
    expect(page.locator("html.attaches")).to_have_count(1)
    expect(page.locator('link[href*="writing"]')).to_have_count(1)


def goes_to(page: Page, conversation: Conversation) -> None:
    page.locator(f"#row-{conversation.public_id} .row").click()
    expect(page.locator(f'#chat[data-conversation="{conversation.public_id}"]')).to_be_visible()


def signs_out(page: Page, answers: str) -> list[str]:
    """What is asked before it."""
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        getattr(dialog, answers)()

    page.once("dialog", answer)
    page.locator("details.menu summary:visible").click()
    page.get_by_role("button", name="Sair").click()
    wait_for(lambda: asked, page)
    return asked


class TestSigningOut:
    def test_asks_before_it_loses_what_the_server_does_not_have(
        self, ana: Operator, held: Conversation, live_desk: Desk, console: Console, context: BrowserContext
    ) -> None:
        page = console(ana, chat(held))
        ready(page)
        context.set_offline(True)
        box(page).fill("já saiu?")
        page.keyboard.press("Enter")
        box(page).fill("meia frase")

        [question] = signs_out(page, "dismiss")

        assert "não chegou ao servidor" in question
        context.set_offline(False)
        expect(box(page)).to_have_value("já saiu?\nmeia frase")
        wait_for(lambda: Draft.objects.filter(text="já saiu?\nmeia frase").exists(), page)

    def test_leaves_nothing_of_mine_behind_and_what_is_a_colleagues(
        self, ana: Operator, held: Conversation, live_desk: Desk, console: Console
    ) -> None:
        page = console(ana, chat(held))
        ready(page)
        page.evaluate("() => localStorage.setItem('outbox:colega:1', '[]')")
        intercept(page, "**/draft", lambda route: route.fulfill(status=503))
        box(page).fill("meia frase")

        signs_out(page, "accept")
        page.wait_for_url("**/accounts/login/**")

        assert page.evaluate(KEPT) == 1


class TestWhatWasSent:
    def test_is_not_offered_again_before_it_is_accepted(
        self, ana: Operator, held: Conversation, live_desk: Desk, console: Console
    ) -> None:
        other = builders.make_held(ana, address=RUI)
        page = console(ana, chat(held))
        ready(page)
        box(page).fill("uma vez só")
        with page.expect_response(lambda answer: answer.url.endswith("/draft")):
            box(page).blur()
        held_back = hold_back(page, "**/send")

        box(page).press("Enter")
        wait_for(lambda: held_back, page)
        goes_to(page, other)
        goes_to(page, held)
        expect(box(page)).to_have_value("")
        answer_all(held_back)

        expect(page.locator("#bubbles .m.out")).to_have_count(1)
        assert said(held) == ["uma vez só"]
        wait_for(lambda: page.evaluate(KEPT) == 0, page)


class TestAnotherPage:
    @pytest.mark.parametrize("path", ["/operator/settings/", "/operator/keys/"])
    def test_calls_as_the_console_does(
        self, ana: Operator, live_desk: Desk, console: Console, path: str
    ) -> None:
        builders.make_waiting(address=EVA, ProfileName="Eva Luz")
        page = console(ana, path)
        streaming(page, live_desk)
        page.mouse.click(5, 5)  # a browser lets a page sound once somebody has touched it

        expect(page).to_have_title(re.compile(r"^\(1\) "))
        title = page.title().removeprefix("(1) ")

        waiting = builders.make_waiting()

        expect(page.locator("body")).to_have_attribute("data-sounded", "1")
        expect(page).to_have_title(f"(2) {title}")
        assert title in page.evaluate(f"fetch('{path}').then((answer) => answer.text())")
        card = page.locator("#toasts .call")
        expect(card).to_have_count(1)
        expect(card).to_contain_text("João Silva")
        card.locator(".take").click()
        expect(page).to_have_url(live_desk.url + chat(waiting))
        expect(box(page)).to_be_visible()


def test_a_reason_is_told_over_no_other_chat(
    ana: Operator, bia: Operator, held: Conversation, live_desk: Desk, console: Console
) -> None:
    other = builders.make_held(ana, address=RUI)
    page = console(ana, chat(held))
    ready(page)
    held_back = hold_back(page, "**/send")
    box(page).fill("x" * 20_001)
    box(page).press("Enter")
    wait_for(lambda: held_back, page)
    goes_to(page, other)
    answer_all(held_back)

    expect(page.locator("#toasts")).to_contain_text("Não enviado para João Silva.")
    expect(page.locator("#notice")).to_be_empty()


FOCUSES_CARDS = """() => {
  const wait = setTimeout, cards = document.querySelector("#toasts");
  window.setTimeout = (work, after) => wait(work, after >= 2000 && after <= 8000 ? 300 : after);
  new MutationObserver(() => cards.querySelector("[data-dismiss]")?.focus()).observe(cards, { childList: true });
}"""
"""Somebody is at once in a card that comes, and whatever leaves by itself does so soon."""


def test_a_card_does_not_leave_from_under_the_focus(ana: Operator, live_desk: Desk, console: Console) -> None:
    page = console(ana)
    streaming(page, live_desk)
    page.evaluate(FOCUSES_CARDS)
    builders.make_waiting()
    button = page.locator("#toasts .call [data-dismiss]")
    expect(button).to_be_focused()

    page.wait_for_timeout(1_000)
    expect(button).to_be_focused()
    button.blur()

    expect(button).to_have_count(0)


def test_a_call_may_be_put_aside(ana: Operator, live_desk: Desk, console: Console) -> None:
    page = console(ana)
    streaming(page, live_desk)
    waiting = builders.make_waiting()

    page.locator("#toasts .call [data-dismiss]").click()

    expect(page.locator("#toasts .call")).to_have_count(0, timeout=3_000)
    expect(page.locator(f"#row-{waiting.public_id} .take")).to_be_visible()


class TestADialog:
    @pytest.mark.parametrize("first", ["chat", "dialog"])
    def test_of_one_chat_never_stands_over_another(
        self, ana: Operator, held: Conversation, live_desk: Desk, console: Console, first: str
    ) -> None:
        other = builders.make_held(ana, address=RUI)
        page = console(ana, chat(held))
        streaming(page, live_desk)
        dialogs = hold_back(page, "**/release?*")
        chats = hold_back(page, f"**{chat(other)}")

        page.locator(f"#row-{other.public_id} .row").click()
        page.keyboard.press("Escape")
        page.keyboard.press("f")
        wait_for(lambda: dialogs and chats, page)
        for answers in (chats, dialogs) if first == "chat" else (dialogs, chats):
            answer_all(answers)
            page.wait_for_timeout(300)

        expect(page.locator(f'#chat[data-conversation="{other.public_id}"]')).to_be_visible()
        expect(page.locator("#dialog")).to_be_hidden()

    def test_is_not_closed_by_a_selection_that_ends_beside_it(
        self, ana: Operator, held: Conversation, live_desk: Desk, console: Console
    ) -> None:
        builders.make_operator("bia")
        page = console(ana, chat(held))
        ready(page)
        page.keyboard.press("t")
        note = page.get_by_label("Nota para quem vai receber")
        note.fill("Falta o CEP.")
        place = note.bounding_box()
        assert place is not None

        page.mouse.move(place["x"] + 60, place["y"] + 15)
        page.mouse.down()
        page.mouse.move(5, 5, steps=5)
        page.mouse.up()

        expect(note).to_have_value("Falta o CEP.")
        page.mouse.click(5, 5)
        expect(page.locator("#dialog")).to_be_hidden()

    def test_sends_no_template_but_the_chosen_one(
        self, ana: Operator, held: Conversation, live_desk: Desk, console: Console
    ) -> None:
        for name, body in (("boas_vindas", "Boas-vindas!"), ("pedido_pronto", "Seu pedido está pronto.")):
            make_template(builders.make_sender(), name=name, body=body, gaps={})
        page = console(ana, chat(held))
        ready(page)
        page.locator("#template").click()
        dialog = page.get_by_role("dialog")
        second = dialog.locator("#tlist label", has_text="Seu pedido está pronto.")
        dialog.locator("#tlist label", has_text="Boas-vindas!").click()
        expect(dialog.locator("#prev")).to_contain_text("Boas-vindas!")
        previews = hold_back(page, "**/templates/**")
        second.click()
        wait_for(lambda: previews, page)

        page.keyboard.press("Control+Enter")
        answer_all(previews)
        expect(dialog.locator("#prev")).to_contain_text("Seu pedido está pronto.")
        assert said(held) == []
        page.keyboard.press("Control+Enter")

        expect(dialog).to_be_hidden()
        assert said(held) == ["Seu pedido está pronto."]


class TestTheFocus:
    def test_stays_in_the_list_when_its_row_is_taken(
        self, ana: Operator, bia: Operator, live_desk: Desk, console: Console
    ) -> None:
        taken, next_one = builders.make_waiting(), builders.make_waiting(address=RUI)
        page = console(ana)
        streaming(page, live_desk)
        ready(page)
        page.locator(f"#row-{taken.public_id} .row").focus()

        desk.claim(taken, operator=bia, door="panel", now=clock.now())

        expect(page.locator(f"#row-{taken.public_id}")).to_have_count(0)
        expect(page.locator(f"#row-{next_one.public_id} .row")).to_be_focused()

    def test_goes_back_to_a_menu_that_is_left(self, ana: Operator, live_desk: Desk, console: Console) -> None:
        page = console(ana)
        ready(page)
        menu = page.locator("details.menu summary:visible")
        menu.click()
        page.keyboard.press("Tab")
        page.keyboard.press("Escape")

        expect(menu).to_be_focused()

    def test_is_led_past_the_thread_to_the_reply(
        self, ana: Operator, held: Conversation, live_desk: Desk, console: Console
    ) -> None:
        page = console(ana, chat(held))
        ready(page)
        page.locator(".skip").focus()
        page.keyboard.press("Enter")

        expect(box(page)).to_be_focused()


class TestAFile:
    def test_that_fails_while_another_chat_is_open_comes_back_to_its_own(
        self, ana: Operator, held: Conversation, live_desk: Desk, console: Console
    ) -> None:
        other = builders.make_held(ana, address=RUI)
        page = console(ana, chat(held))
        ready(page)
        uploads = hold_back(page, "**/send")
        page.locator("#file").set_input_files({"name": "foto.png", "mimeType": "image/png", "buffer": PHOTO})
        box(page).fill("Segue")
        box(page).press("Enter")
        wait_for(lambda: uploads, page)
        goes_to(page, other)

        uploads[0].abort()

        expect(page.locator("#toasts")).to_contain_text("Não enviado para João Silva.")
        expect(page.locator("#notice")).to_be_empty()
        expect(page.locator("#attached")).to_be_hidden()
        page.locator(f"#row-{held.public_id} .row").click()
        expect(page.locator("#attached")).to_contain_text("foto.png")
        expect(box(page)).to_have_value("Segue")

    def test_that_is_turned_away_on_its_way_is_not_silent(
        self, ana: Operator, held: Conversation, live_desk: Desk, console: Console
    ) -> None:
        page = console(ana, chat(held))
        ready(page)
        intercept(page, "**/send", lambda route: route.fulfill(status=413, body="<html>"))
        page.locator("#file").set_input_files({"name": "foto.png", "mimeType": "image/png", "buffer": PHOTO})
        box(page).press("Enter")

        expect(page.locator("#notice")).to_contain_text("O arquivo não foi enviado")
        expect(page.locator("#attached")).to_contain_text("foto.png")

    def test_asks_first_what_was_left_to_fill_in(
        self, ana: Operator, held: Conversation, live_desk: Desk, console: Console
    ) -> None:
        page = console(ana, chat(held))
        ready(page)
        page.locator("#file").set_input_files({"name": "foto.png", "mimeType": "image/png", "buffer": PHOTO})
        box(page).fill("Oi, {nome}!")
        box(page).press("Enter")

        expect(page.locator("#notice")).to_contain_text("{nome}")
        expect(page.locator("#attached")).to_contain_text("foto.png")

    def test_is_recorded_once_however_often_one_asks(
        self, ana: Operator, held: Conversation, live_desk: Desk, console: Console
    ) -> None:
        page = console(ana, chat(held))
        ready(page)
        page.evaluate(
            """() => {
              window.asked = 0;
              MediaRecorder.isTypeSupported = () => true;
              navigator.mediaDevices.getUserMedia = () => { window.asked += 1; return new Promise(() => {}); };
            }"""
        )
        button = page.get_by_role("button", name="Gravar mensagem de voz")
        button.click()
        button.click()

        assert page.evaluate("window.asked") == 1
