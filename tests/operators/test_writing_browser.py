"""What is typed is never lost, sent once, in order, and only where it was meant for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from conversations import clock
from conversations.models import Author, Conversation
from operators import desk, drafts
from operators.models import CannedReply, Draft, Operator
from tests import builders
from tests.browsing import chat, intercept, streaming
from tests.operators.conftest import Desk, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
RUI = "whatsapp:+5511987650001"
Console = Callable[..., Page]


@pytest.fixture
def ana() -> Operator:
    operator = builders.make_operator("ana")
    Operator.objects.filter(pk=operator.pk).update(first_name="Ana")
    return operator


@pytest.fixture
def held(ana: Operator) -> Conversation:
    return builders.make_held(ana)


@pytest.fixture
def page(console: Console, ana: Operator, held: Conversation) -> Page:
    found = console(ana, chat(held))
    loaded(found)
    return found


def loaded(page: Page) -> None:
    """What comes after the first load is there."""
    expect(page.locator('link[href*="writing"]')).to_have_count(1)
    expect(page.locator("html.attaches")).to_have_count(1)


def box(page: Page) -> Any:
    return page.locator("#message")


def said(conversation: Conversation) -> list[str]:
    return [message.body for message in builders.bubbles(conversation) if message.author == Author.OPERATOR]


def send(page: Page, *texts: str) -> None:
    for text in texts:
        box(page).fill(text)
        box(page).press("Enter")
        expect(box(page)).to_have_value("")


def saved(page: Page) -> None:
    """The server has the draft that is in the box."""
    with page.expect_response(lambda answer: answer.url.endswith("/draft")):
        box(page).blur()


def waiting(page: Page) -> Any:
    return page.locator("#pending [data-key]")


def bubbles(page: Page) -> list[str]:
    return page.locator("#bubbles .m.out .tx").all_inner_texts()


def someone_else(held: Conversation) -> None:
    desk.claim(held, operator=builders.make_operator("bia"), door="panel", now=clock.now(), force=True)


class TestOffline:
    def test_what_is_sent_waits_and_goes_in_order(
        self, page: Page, held: Conversation, context: BrowserContext
    ) -> None:
        context.set_offline(True)
        send(page, "um", "dois", "três")
        expect(waiting(page)).to_have_count(3)
        expect(waiting(page).first.get_by_role("img", name="Enviando")).to_be_visible()
        expect(page.locator("#netbar")).to_contain_text(
            "Suas mensagens serão enviadas quando a internet voltar."
        )

        context.set_offline(False)

        expect(waiting(page)).to_have_count(0)
        expect(page.locator("#bubbles .m.out")).to_have_count(3)
        assert said(held) == bubbles(page) == ["um", "dois", "três"]

    def test_it_survives_the_page(
        self, page: Page, held: Conversation, context: BrowserContext, live_desk: Desk
    ) -> None:
        context.set_offline(True)
        send(page, "um", "dois")
        expect(waiting(page)).to_have_count(2)
        page.goto("about:blank")
        context.set_offline(False)

        page.goto(live_desk.url + chat(held))

        expect(page.locator("#bubbles .m.out")).to_have_count(2)
        expect(waiting(page)).to_have_count(0)
        assert said(held) == ["um", "dois"]

    def test_it_goes_from_any_page_of_the_console(
        self, page: Page, held: Conversation, context: BrowserContext, live_desk: Desk
    ) -> None:
        context.set_offline(True)
        send(page, "de onde eu estiver")
        page.goto("about:blank")
        context.set_offline(False)

        with page.expect_response("**/send"):
            page.goto(live_desk.url + "/operator/")

        assert said(held) == ["de onde eu estiver"]

    def test_it_comes_back_when_somebody_else_has_the_chat(
        self, page: Page, held: Conversation, context: BrowserContext
    ) -> None:
        context.set_offline(True)
        send(page, "um", "dois")
        box(page).fill("e mais")
        someone_else(held)

        context.set_offline(False)

        expect(page.get_by_label("Seu texto não foi enviado")).to_have_value("um\ndois\ne mais")
        expect(waiting(page)).to_have_count(0)
        assert said(held) == []

    def test_it_comes_back_when_the_window_has_closed(
        self, page: Page, held: Conversation, context: BrowserContext
    ) -> None:
        context.set_offline(True)
        send(page, "tarde demais")
        past = clock.now() - timedelta(minutes=1)
        Conversation.objects.filter(pk=held.pk).update(window_expires_at=past)

        context.set_offline(False)

        expect(page.get_by_label("Seu texto não foi enviado")).to_have_value("tarde demais")
        assert said(held) == []

    def test_it_goes_to_the_chat_in_which_it_was_written(
        self, page: Page, ana: Operator, held: Conversation, context: BrowserContext
    ) -> None:
        other = builders.make_held(ana, address=RUI)
        row = page.locator(f"#row-{other.public_id} .row")
        expect(row).to_be_visible()
        intercept(page, "**/send", lambda route: route.abort())
        send(page, "para o João")
        row.click()
        expect(page.locator(f'#chat[data-conversation="{other.public_id}"]')).to_be_visible()
        expect(waiting(page)).to_have_count(0)

        with page.expect_response("**/send"):
            page.unroute("**/send")
        send(page, "para o Rui")

        expect(page.locator("#bubbles .m.out")).to_have_count(1)
        assert (said(held), said(other)) == (["para o João"], ["para o Rui"])

    def test_what_was_accepted_without_an_answer_is_said_once(self, page: Page, held: Conversation) -> None:
        lost: list[Route] = []

        def lose_the_answer(route: Route) -> None:
            route.fetch()
            lost.append(route)
            route.abort()
            page.unroute("**/send")

        intercept(page, "**/send", lose_the_answer)
        send(page, "uma vez só")

        expect(waiting(page)).to_have_count(0)
        expect(page.locator("#tail .m.out")).to_have_count(1)
        assert (len(lost), said(held)) == (1, ["uma vez só"])

    def test_a_file_stays_in_the_box_with_the_reason(
        self, page: Page, held: Conversation, context: BrowserContext
    ) -> None:
        page.locator("#file").set_input_files(
            {"name": "nota.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n%%EOF"}
        )
        box(page).fill("Segue a nota")
        context.set_offline(True)

        box(page).press("Enter")

        expect(page.locator("#notice")).to_contain_text("O arquivo não foi enviado: sem conexão.")
        expect(page.locator("#attached")).to_contain_text("nota.pdf")
        expect(box(page)).to_have_value("Segue a nota")

    def test_two_tabs_send_each_once(
        self, page: Page, console: Console, ana: Operator, held: Conversation, context: BrowserContext
    ) -> None:
        second = console(ana, chat(held))
        loaded(second)
        context.set_offline(True)
        send(page, "da primeira")
        send(second, "da segunda")
        expect(waiting(page)).to_have_count(2)

        context.set_offline(False)

        expect(waiting(page)).to_have_count(0)
        expect(waiting(second)).to_have_count(0)
        assert said(held) == ["da primeira", "da segunda"]


class TestARefusal:
    def test_keeps_every_word_for_the_next_try(self, page: Page, live_desk: Desk) -> None:
        streaming(page, live_desk)  # from here on nothing draws the fence anew
        page.locator("#fence").evaluate("fence => { fence.value = 0; }")
        box(page).fill("primeira linha\nsegunda")
        box(page).press("Enter")

        expect(page.get_by_role("alert").first).to_contain_text("mudar de mãos")
        expect(box(page)).to_have_value("primeira linha\nsegunda")
        box(page).press("Enter")
        expect(page.locator("#bubbles .m.out")).to_have_count(1)

    def test_of_a_session_that_is_over_loses_nothing(
        self, page: Page, ana: Operator, held: Conversation, live_desk: Desk, context: BrowserContext
    ) -> None:
        context.clear_cookies()
        send(page, "enviada sem sessão")
        box(page).fill("e ainda escrita")
        expect(page.locator("#netbar")).to_contain_text("Sua sessão expirou")

        sign_in(context, ana, live_desk.url)
        page.goto(live_desk.url + chat(held))

        expect(page.locator("#bubbles .m.out")).to_contain_text("enviada sem sessão")
        expect(box(page)).to_have_value("e ainda escrita")
        assert said(held) == ["enviada sem sessão"]


class TestADraft:
    def test_survives_a_reconnect_of_the_stream(self, page: Page, live_desk: Desk) -> None:
        box(page).fill("ainda escrev")
        live_desk.stop()
        live_desk.start()
        builders.says("voltou?")
        expect(page.get_by_role("log")).to_contain_text("voltou?", timeout=15000)
        page.keyboard.type("endo")

        expect(box(page)).to_have_value("ainda escrevendo")
        expect(box(page)).to_be_focused()

    def test_is_there_in_another_browser(
        self, page: Page, ana: Operator, held: Conversation, browser: Browser, live_desk: Desk
    ) -> None:
        box(page).fill("começado aqui")
        saved(page)

        other = elsewhere(browser, ana, live_desk, held)

        expect(box(other)).to_have_value("começado aqui")
        other.locator("#chead .back").evaluate("link => link.click()")
        expect(other.locator(f"#row-{held.public_id}")).to_contain_text("Rascunho: começado aqui")

    def test_that_is_older_never_replaces_what_is_typed(
        self, page: Page, ana: Operator, held: Conversation, browser: Browser, live_desk: Desk
    ) -> None:
        other = elsewhere(browser, ana, live_desk, held)
        box(page).fill("do computador")
        saved(page)
        box(other).fill("do telefone")
        saved(other)

        newer = other.locator("#composer .newer")
        expect(newer).to_contain_text("Rascunho mais novo de outro lugar: do computador")
        expect(box(other)).to_have_value("do telefone")
        assert Draft.objects.get().text == "do computador"
        newer.get_by_role("button", name="Usar").click()
        expect(box(other)).to_have_value("do computador")
        expect(newer).to_have_count(0)

    def test_may_be_kept_instead_of_the_newer_one(
        self, page: Page, ana: Operator, held: Conversation, browser: Browser, live_desk: Desk
    ) -> None:
        other = elsewhere(browser, ana, live_desk, held)
        box(page).fill("do computador")
        saved(page)
        box(other).fill("do telefone")
        saved(other)
        other.get_by_role("button", name="Manter o meu").click()
        saved(other)

        expect(box(other)).to_have_value("do telefone")
        assert Draft.objects.get().text == "do telefone"

    def test_is_followed_by_another_tab_in_which_nobody_types(
        self, page: Page, console: Console, ana: Operator, held: Conversation
    ) -> None:
        second = console(ana, chat(held))
        loaded(second)
        second.locator("#tail").focus()
        box(page).fill("visto nos dois")
        expect(box(second)).to_have_value("visto nos dois")

        box(page).press("Enter")

        expect(box(second)).to_have_value("")
        expect(second.locator("#bubbles .m.out")).to_have_count(1)

    def test_goes_from_the_server_with_what_was_sent(self, page: Page, held: Conversation) -> None:
        box(page).fill("vai")
        saved(page)
        assert Draft.objects.get().text == "vai"

        box(page).press("Enter")

        expect(page.locator("#bubbles .m.out")).to_have_count(1)
        assert Draft.objects.get().text == ""

    def test_is_on_the_server_only_after_signing_out(
        self, page: Page, ana: Operator, held: Conversation, live_desk: Desk, context: BrowserContext
    ) -> None:
        box(page).fill("fica para amanhã")
        page.locator("details.menu summary:visible").click()
        page.get_by_role("button", name="Sair").click()
        page.wait_for_url("**/accounts/login/**")

        kept = page.evaluate("Object.keys(localStorage).filter(key => /^(draft|outbox):/.test(key))")
        assert (kept, Draft.objects.get().text) == ([], "fica para amanhã")
        sign_in(context, ana, live_desk.url)
        page.goto(live_desk.url + chat(held))
        expect(box(page)).to_have_value("fica para amanhã")

    def test_of_a_note_is_one_of_its_own(
        self, page: Page, ana: Operator, held: Conversation, browser: Browser, live_desk: Desk
    ) -> None:
        box(page).fill("para o João")
        page.keyboard.press("Alt+n")
        page.locator("#note-text").fill("para a equipe")
        with page.expect_response(lambda answer: answer.url.endswith("/draft")):
            page.locator("#note-text").blur()

        other = elsewhere(browser, ana, live_desk, held)

        expect(box(other)).to_have_value("para o João")
        other.keyboard.press("n")
        expect(other.locator("#note-text")).to_have_value("para a equipe")
        other.locator("#note-text").press("Enter")
        expect(other.locator("#bubbles")).to_contain_text("para a equipe")
        assert dict(Draft.objects.values_list("kind", "text")) == {"reply": "para o João", "note": ""}


def elsewhere(browser: Browser, operator: Operator, live_desk: Desk, held: Conversation) -> Page:
    context = browser.new_context(locale="pt-BR")
    sign_in(context, operator, live_desk.url)
    page = context.new_page()
    page.goto(live_desk.url + chat(held))
    loaded(page)
    return page


@pytest.fixture
def replies(ana: Operator) -> None:
    texts = {
        "ola": "Oi, {primeiro_nome}! Aqui é {atendente}.",
        "endereco": "A previsão continua {previsão}.",
        "encerrar": "Mais alguma coisa?",
    }
    for order, (code, body) in enumerate(texts.items()):
        CannedReply.objects.create(
            organization=ana.organization, code=code, title=code.title(), body=body, order=order
        )


@pytest.mark.usefixtures("replies")
class TestTheSlash:
    def test_finds_and_writes_by_keyboard(self, page: Page, held: Conversation) -> None:
        box(page).press_sequentially("Boa tarde!")
        box(page).press("Shift+Enter")
        box(page).press_sequentially("/")
        listed = page.get_by_role("listbox", name="Respostas prontas")
        expect(listed.get_by_role("option")).to_have_count(3)
        expect(listed.get_by_role("option").first).to_contain_text("Oi, João! Aqui é Ana.")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowUp")
        expect(box(page)).to_have_attribute(
            "aria-activedescendant", listed.get_by_role("option").first.get_attribute("id") or ""
        )

        page.keyboard.press("Enter")

        expect(box(page)).to_have_value("Boa tarde!\nOi, João! Aqui é Ana.")
        expect(listed).to_have_count(0)
        expect(box(page)).to_be_focused()
        page.keyboard.press("Control+z")
        expect(box(page)).to_have_value("Boa tarde!\n/")

    def test_narrows_with_every_letter_and_takes_tab_as_well(self, page: Page) -> None:
        box(page).press_sequentially("/enc")
        expect(page.get_by_role("option")).to_have_count(1)

        page.keyboard.press("Tab")

        expect(box(page)).to_have_value("Mais alguma coisa?")

    def test_lets_itself_be_left(self, page: Page, held: Conversation) -> None:
        box(page).press_sequentially("/e")
        expect(page.get_by_role("listbox")).to_be_visible()
        page.keyboard.press("Escape")

        expect(page.get_by_role("listbox")).to_have_count(0)
        expect(box(page)).to_have_value("/e")
        expect(box(page)).to_be_focused()

    def test_only_at_the_start_of_a_line(self, page: Page, held: Conversation) -> None:
        box(page).press_sequentially("e/ou ")
        box(page).press("Enter")

        expect(page.locator("#bubbles .m.out")).to_contain_text("e/ou")

    def test_is_opened_and_chosen_by_mouse(self, page: Page) -> None:
        page.get_by_role("link", name="Respostas prontas").click()
        page.get_by_role("option").nth(2).click()

        expect(box(page)).to_have_value("Mais alguma coisa?")
        expect(box(page)).to_be_focused()

    def test_points_out_what_is_left_open(self, page: Page, held: Conversation) -> None:
        box(page).press_sequentially("/end")
        expect(page.get_by_role("option")).to_have_count(1)
        page.keyboard.press("Enter")
        assert page.evaluate("getSelection().toString()") == "{previsão}"

        page.keyboard.press("End")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").first).to_contain_text("Preencha {previsão} antes de enviar")
        assert said(held) == []
        page.keyboard.type("terça")
        page.keyboard.press("Enter")

        expect(page.locator("#bubbles .m.out")).to_contain_text("A previsão continua terça.")

    def test_works_as_a_page_without_script(
        self, browser: Browser, ana: Operator, held: Conversation, live_desk: Desk
    ) -> None:
        context = browser.new_context(java_script_enabled=False, locale="pt-BR")
        sign_in(context, ana, live_desk.url)
        page = context.new_page()
        page.goto(live_desk.url + chat(held))
        page.get_by_role("link", name="Respostas prontas").click()
        page.get_by_label("Buscar respostas prontas").fill("ola")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.get_by_role("link", name="Usar esta resposta").click()

        expect(box(page)).to_have_value("Oi, João! Aqui é Ana.")
        context.close()


class TestEmoji:
    def test_are_walked_through_and_put_at_the_caret(self, page: Page) -> None:
        box(page).fill("Obrigada! Até")
        for _step in range(4):
            box(page).press("ArrowLeft")
        page.get_by_role("button", name="Emoji").click()
        grid = page.get_by_role("dialog", name="Emoji")
        expect(grid.get_by_role("gridcell").first).to_be_focused()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")

        expect(box(page)).to_have_value("Obrigada!😀 Até")
        expect(box(page)).to_be_focused()
        page.get_by_role("button", name="Emoji").click()
        expect(grid.get_by_role("grid").first.get_by_role("gridcell")).to_have_text(["😀"])
        page.keyboard.press("Escape")
        expect(grid).to_have_count(0)
        expect(box(page)).to_be_focused()


def test_enter_that_ends_a_composition_sends_nothing(page: Page, held: Conversation) -> None:
    box(page).focus()
    session = page.context.new_cdp_session(page)
    session.send("Input.imeSetComposition", {"text": "é", "selectionStart": 1, "selectionEnd": 1})
    session.send(
        "Input.dispatchKeyEvent",
        {"type": "keyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229},
    )
    expect(box(page)).to_have_value("é")
    session.send("Input.insertText", {"text": "é"})

    expect(box(page)).to_have_value("é")
    assert said(held) == []
    box(page).press("Enter")
    expect(page.locator("#bubbles .m.out")).to_contain_text("é")


def slash(page: Page) -> None:
    box(page).press_sequentially("/")
    expect(page.get_by_role("listbox")).to_be_visible()


def newer(page: Page, ana: Operator, held: Conversation) -> None:
    there = max(Draft.objects.values_list("version", flat=True), default=0)
    drafts.save(held, operator=ana, kind=Draft.Kind.REPLY, text="de fora", seen=there, now=clock.now())
    box(page).fill("daqui")
    saved(page)
    expect(page.locator("#composer .newer")).to_be_visible()
