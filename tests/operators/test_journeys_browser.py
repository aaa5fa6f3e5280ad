"""One customer, from the queue to the end, as different hands go through it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from conversations import clock
from conversations.models import Conversation, Event, Mode
from operators import desk, presence
from operators.models import Operator
from tests import builders
from tests.browsing import answer_all, box, chat, hold_back, streaming, wait_for
from tests.operators.conftest import Desk
from tests.operators.scenes import EVA, LIA, RUI, ended, noted, said, state

pytestmark = pytest.mark.django_db(transaction=True)
Opens = Callable[..., Page]


@pytest.fixture
def bia() -> Operator:
    bia = builders.make_operator("bia")
    presence.beat(bia, now=clock.now())
    return bia


def note_box(page: Page) -> Locator:
    return page.get_by_label("Nota interna", exact=True)


def tab_to(page: Page, place: Locator) -> None:
    """There is a way by Tab alone."""
    for _step in range(12):
        if place.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    expect(place).to_be_focused()


class TestByKeyboard:
    def test_one_takes_and_hands_on_and_the_other_finishes(
        self, ana: Operator, bia: Operator, live_desk: Desk, opens: Opens
    ) -> None:
        waiting = builders.make_waiting()
        hers, theirs = opens(ana), opens(bia)
        streaming(hers, live_desk, 2)

        self.take_and_answer(hers, waiting)
        self.note_and_hand_on(hers, waiting)
        self.accept_and_finish(theirs, waiting)

        expect(hers.locator(f"#mine #row-{waiting.public_id}")).to_have_count(0)

    def take_and_answer(self, page: Page, waiting: Conversation) -> None:
        assert state(waiting) == (Mode.QUEUED, None)
        page.keyboard.press("a")
        expect(box(page)).to_be_focused()
        assert state(waiting) == (Mode.HUMAN, "ana")

        page.keyboard.type("Oi, João!")
        page.keyboard.press("Enter")
        expect(page.locator("#bubbles .m.out")).to_contain_text("Oi, João!")
        expect(box(page)).to_be_focused()
        assert said(waiting) == ["Oi, João!"]

    def note_and_hand_on(self, page: Page, held: Conversation) -> None:
        page.keyboard.press("Escape")
        page.keyboard.press("n")
        expect(note_box(page)).to_be_focused()
        page.keyboard.type("Quer outro endereço.")
        page.keyboard.press("Enter")
        expect(page.locator("#bubbles .note")).to_contain_text("Quer outro endereço.")
        assert noted(held) == [("ana", "note", "Quer outro endereço.")]

        page.keyboard.press("Escape")
        page.keyboard.press("t")
        dialog = page.get_by_role("dialog", name="Transferir conversa")
        expect(dialog).to_be_visible()
        expect(dialog.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("bia")
        page.keyboard.press("Enter")
        tab_to(page, dialog.get_by_label("Nota para quem vai receber"))
        page.keyboard.type("Falta o CEP.")
        page.keyboard.press("Control+Enter")
        expect(dialog).to_be_hidden()
        now = builders.fresh(held)
        assert (now.mode, now.operator, now.offered_to and now.offered_to.username) == ("queued", None, "bia")
        assert noted(held)[1:] == [("ana", "transfer", "Falta o CEP.")]
        assert said(held) == ["Oi, João!"]

    def accept_and_finish(self, page: Page, offered: Conversation) -> None:
        expect(page.locator(f"#row-{offered.public_id}.offer")).to_contain_text("Falta o CEP.")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.locator("#dock")).to_have_attribute("data-dock", "offer")
        page.keyboard.press("a")
        expect(box(page)).to_be_focused()
        assert state(offered) == (Mode.HUMAN, "bia")

        page.keyboard.type("Qual é o CEP?")
        page.keyboard.press("Enter")
        expect(page.locator("#bubbles .m.out", has_text="Qual é o CEP?")).to_have_count(1)
        assert said(offered) == ["Oi, João!", "Qual é o CEP?"]

        page.keyboard.press("Escape")
        page.keyboard.press("f")
        dialog = page.get_by_role("dialog", name="Finalizar")
        expect(dialog.get_by_role("radio", name="Resolvido", exact=True)).to_be_focused()
        page.keyboard.press("ArrowRight")
        tab_to(page, dialog.get_by_label("Resumo para o bot"))
        page.keyboard.type("Endereço trocado.")
        page.keyboard.press("Control+Enter")
        expect(dialog).to_be_hidden()
        expect(page.locator("#take-next")).to_be_focused()
        assert state(offered) == (Mode.BOT, None)
        assert ended(offered) == ("bia", "not_solved", "Endereço trocado.")


class TestWithoutScript:
    def test_one_takes_and_hands_on_and_the_other_finishes(
        self, ana: Operator, bia: Operator, opens: Opens
    ) -> None:
        waiting = builders.make_waiting()
        hers, theirs = (opens(one, java_script_enabled=False) for one in (ana, bia))

        hers.get_by_role("button", name="Atender próximo").click()
        box(hers).fill("Oi, João!")
        assert state(waiting) == (Mode.HUMAN, "ana")
        hers.get_by_role("button", name="Enviar").click()
        expect(hers.get_by_role("log")).to_contain_text("Oi, João!")
        hers.get_by_role("button", name="Nota interna").click()
        note_box(hers).fill("Quer outro endereço.")
        hers.get_by_role("button", name="Salvar nota").click()
        expect(hers.locator("#bubbles .note")).to_contain_text("Quer outro endereço.")
        hers.get_by_role("button", name="Transferir").click()
        hers.get_by_role("radio", name="bia").check()
        hers.get_by_label("Nota para quem vai receber").fill("Falta o CEP.")
        hers.get_by_role("button", name="Transferir", exact=True).click()
        expect(hers.get_by_text("transferida para: bia")).to_be_visible()
        assert said(waiting) == ["Oi, João!"]
        assert noted(waiting) == [
            ("ana", "note", "Quer outro endereço."),
            ("ana", "transfer", "Falta o CEP."),
        ]

        theirs.reload()
        theirs.locator(f"#row-{waiting.public_id}.offer .row").click()
        theirs.locator("#dock").get_by_role("button", name="Aceitar").click()
        expect(box(theirs)).to_be_visible()
        assert state(waiting) == (Mode.HUMAN, "bia")
        theirs.get_by_role("button", name="Finalizar atendimento").click()
        theirs.get_by_role("radio", name="Sem solução").check()
        theirs.get_by_label("Resumo para o bot").fill("Endereço trocado.")
        theirs.get_by_role("button", name="Finalizar", exact=True).click()
        expect(theirs.get_by_text("Atendimento finalizado")).to_be_visible()
        assert state(waiting) == (Mode.BOT, None)
        assert ended(waiting) == ("bia", "not_solved", "Endereço trocado.")


class TestOneKeyToTheFirstReply:
    """What is typed between the key and the answer to it is the beginning of the reply, and no shortcut."""

    @pytest.mark.parametrize("opened", [False, True], ids=["from the list", "from the chat"])
    def test_loses_no_letter(self, ana: Operator, live_desk: Desk, opens: Opens, opened: bool) -> None:
        waiting = builders.make_waiting()
        page = opens(ana, chat(waiting) if opened else "/operator/")
        streaming(page, live_desk)
        held_back = hold_back(page, "**/claim" if opened else "**/next/")

        page.keyboard.press("a")
        page.keyboard.type("Oi, João! Já vejo isso. fnt")
        page.keyboard.press("Backspace")
        wait_for(lambda: held_back, page)
        answer_all(held_back)
        expect(box(page)).to_be_focused()
        page.keyboard.type(" fim")

        expect(box(page)).to_have_value("Oi, João! Já vejo isso. fn fim")
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.keyboard.press("Enter")
        expect(page.locator("#bubbles .m.out")).to_contain_text("fn fim")
        assert said(waiting) == ["Oi, João! Já vejo isso. fn fim"]

    def test_shows_what_was_typed_for_whoever_was_lost(
        self, ana: Operator, bia: Operator, live_desk: Desk, opens: Opens
    ) -> None:
        waiting = builders.make_waiting()
        page = opens(ana, chat(waiting))
        streaming(page, live_desk)
        held_back = hold_back(page, "**/claim")

        page.keyboard.press("a")
        page.keyboard.type("Oi, sou eu")
        wait_for(lambda: held_back, page)
        desk.claim(waiting, operator=bia, door="panel", now=clock.now())
        answer_all(held_back)

        expect(page.get_by_text("bia já está atendendo").first).to_be_visible()
        expect(page.get_by_label("Seu texto não foi enviado")).to_have_value("Oi, sou eu")
        page.reload()
        expect(page.get_by_label("Seu texto não foi enviado")).to_have_value("Oi, sou eu")

    @pytest.mark.parametrize("cut", [False, True], ids=["nobody waits", "no network"])
    def test_says_nothing_of_it_to_somebody_else(
        self, ana: Operator, live_desk: Desk, opens: Opens, cut: bool
    ) -> None:
        page = opens(ana, chat(builders.make_held(ana)))
        streaming(page, live_desk)
        box(page).fill("Para o João")
        page.keyboard.press("Escape")
        held_back = hold_back(page, "**/next/")

        page.keyboard.press("a")
        page.keyboard.type("Para a próxima")
        wait_for(lambda: held_back, page)
        for route in held_back:
            route.abort() if cut else route.fulfill(response=route.fetch())

        expect(page.locator("#toasts .toast")).to_be_visible()
        expect(box(page)).to_have_value("Para o João")
        page.keyboard.press("r")
        expect(box(page)).to_be_focused()
        expect(page.locator("#early")).to_be_hidden()


class TestAfterALongAbsence:
    @pytest.mark.forges_rows("the events that the page had seen are pruned")
    def test_the_page_is_as_if_it_had_just_come(
        self, ana: Operator, bia: Operator, live_desk: Desk, opens: Opens
    ) -> None:
        held, gone = builders.make_held(ana), builders.make_held(ana, address=RUI, ProfileName="Rui")
        taken = builders.make_waiting(address=LIA, ProfileName="Lia")
        page = opens(ana, chat(held))
        streaming(page, live_desk)
        page.evaluate(
            "document.querySelector('#live').addEventListener('resync', () => { document.body.dataset.behind = 1; })"
        )
        live_desk.stop()

        seen = Event.objects.latest("pk").pk
        builders.says("Ainda está aí?")
        builders.says("Esperei bastante.")
        desk.transfer(
            gone, by=desk.cause(ana, "api"), author=ana, operator=ana, to=bia, note="Segue.", now=clock.now()
        )
        desk.claim(taken, operator=bia, door="panel", now=clock.now())
        builders.make_waiting(address=EVA, ProfileName="Eva")
        Event.objects.filter(pk__lte=seen).delete()
        live_desk.start()

        expect(page.locator("#bubbles")).to_contain_text("Esperei bastante.")
        expect(page.locator("body")).to_have_attribute("data-behind", "1")
        fresh = opens(ana, chat(held))
        streaming(fresh, live_desk, 2)
        wait_for(lambda: page.evaluate(SHOWN) == fresh.evaluate(SHOWN), page)
        told = page.evaluate(SHOWN)
        assert "Eva" in told["#queue"]
        assert told["#pip"] == "2 aguardando"


SHOWN = """() => {
  const moving = "template, noscript, #new, [data-since], [data-for], [data-left], [data-reply], [data-until], time";
  const text = (place) => {
    const copy = document.querySelector(place).cloneNode(true);
    for (const one of copy.querySelectorAll(moving)) one.remove();
    return copy.textContent.replace(/\\s+/g, " ").trim();
  };
  const places = ["title", "#queue", "#bubbles", "#chead", "#side", "#dock", "#pip"];
  return Object.fromEntries(places.map((place) => [place, text(place)]));
}"""
"""What the page says, without what a clock moves, and the line above what is new to whoever opens it."""


class TestOnAPhone:
    @pytest.mark.usefixtures("bia")
    def test_there_is_a_way_to_everything_and_back(
        self, ana: Operator, live_desk: Desk, opens: Opens
    ) -> None:
        held = builders.make_held(ana)
        page = opens(ana, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
        streaming(page, live_desk)
        fits(page)
        row = page.locator(f"#row-{held.public_id} .row")

        row.tap()
        self.look_beside_the_chat(page)
        page.get_by_role("link", name="Voltar para a fila").tap()
        expect(row).to_be_visible()
        expect(page.locator("#chat[data-conversation]")).to_have_count(0)
        self.use_the_bar(page)
        row.tap()
        self.think_of_handing_on(page)
        self.finish(page)

        assert state(held) == (Mode.BOT, None)

    def look_beside_the_chat(self, page: Page) -> None:
        expect(box(page)).to_be_visible()
        expect(box(page)).not_to_be_focused()
        expect(page.locator("#queue")).to_be_hidden()
        expect(page.locator(".tabbar")).to_be_hidden()
        fits(page)
        side = page.locator("#side")
        page.get_by_role("link", name="Dados do contato").tap()
        expect(side).to_be_visible()
        fits(page)
        side.get_by_role("link", name="Fechar").tap()
        expect(side).to_be_hidden()
        expect(box(page)).to_be_visible()

    def use_the_bar(self, page: Page) -> None:
        bar = page.locator(".tabbar")
        bar.get_by_text("Conta", exact=True).tap()
        expect(bar.get_by_role("link", name="Preferências")).to_be_visible()
        fits(page)
        beside = "icons => icons.map((icon) => icon.getBoundingClientRect().x)"
        assert len(set(bar.locator(".item .i:visible").evaluate_all(beside))) == 1
        bar.get_by_role("link", name="Conversas").tap()
        expect(page.locator("#queue")).to_be_visible()

    def think_of_handing_on(self, page: Page) -> None:
        page.get_by_role("button", name="Transferir").tap()
        sheet = page.get_by_role("dialog")
        expect(sheet.get_by_role("searchbox")).to_be_visible()
        expect(sheet.get_by_role("searchbox")).not_to_be_focused()  # a keyboard would cover who there is
        fits(page)
        sheet.get_by_role("link", name="Cancelar").tap()
        expect(sheet).to_be_hidden()

    def finish(self, page: Page) -> None:
        page.get_by_role("button", name="Finalizar atendimento").tap()
        sheet = page.get_by_role("dialog")
        expect(sheet).to_be_visible()
        fits(page)
        place = sheet.bounding_box()
        assert place
        assert (place["x"], place["width"], round(place["y"] + place["height"])) == (0, 390, 844)
        assert sheet.evaluate(SMALL) == []
        sheet.get_by_role("radio", name="Sem solução").check()
        sheet.get_by_role("button", name="Finalizar", exact=True).tap()
        expect(sheet).to_be_hidden()
        fits(page)


SMALL = """(sheet) => [...sheet.querySelectorAll("button, a, textarea, .opt")].filter((one) => one.checkVisibility())
.map((one) => [one.textContent.trim() || one.id, one.getBoundingClientRect()])
.filter(([, { width, height }]) => Math.round(width) < 44 || Math.round(height) < 44)
.map(([what, { width, height }]) => `${what}: ${width} x ${height}`)"""
"""What a thumb would miss."""


def fits(page: Page) -> None:
    """Nothing sticks out sideways."""
    assert page.evaluate("[document.documentElement.scrollWidth, visualViewport.width].map(Math.round)") == [
        390,
        390,
    ]
