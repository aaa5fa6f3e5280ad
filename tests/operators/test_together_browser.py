"""Two operators at their consoles: what one does, the other sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from conversations import clock
from conversations.models import Conversation, Mention, Note, Queue
from operators import desk, drafts, presence
from operators.models import Draft, Operator, Presence, Viewing
from tests import axe, builders
from tests.browsing import HIDDEN, answer_all, box, chat, hold_back, intercept, streaming, wait_for
from tests.operators.conftest import Desk, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
RUI = "whatsapp:+5511987650001"
NOTE = "Falta confirmar o endereço."
AT_ONCE = 2_000
Opened = Callable[..., Page]


@pytest.fixture
def bia() -> Operator:
    bia = builders.make_operator("bia")
    presence.beat(bia, now=clock.now())
    return bia


@pytest.fixture
def consoles(live_desk: Desk, browser: Browser) -> Iterator[Opened]:
    """A browser of their own for each operator. Whatever one complains about fails the test."""
    said: list[str] = []
    contexts: list[BrowserContext] = []

    def opened(operator: Operator, path: str = "/operator/", **options: Any) -> Page:
        context = browser.new_context(locale="pt-BR", timezone_id="America/Sao_Paulo", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda text: said.append(text.text) if "Security" in text.text else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        sign_in(context, operator, live_desk.url)
        page.goto(live_desk.url + path)
        streaming(page, live_desk, len(contexts))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def offer_row(page: Page, conversation: Conversation) -> Locator:
    return page.locator(f"#row-{conversation.public_id}.offer")


def transfer(conversation: Conversation, by: Operator, to: Operator | Queue) -> None:
    desk.transfer(
        conversation, by=desk.cause(by, "panel"), author=by, operator=by, to=to, note=NOTE, now=clock.now()
    )


class TestATransfer:
    def test_goes_from_one_console_to_the_other(self, ana: Operator, bia: Operator, consoles: Opened) -> None:
        held = builders.make_held(ana)
        hers, his = consoles(ana, chat(held)), consoles(bia)

        hers.keyboard.press("t")
        dialog = hers.get_by_role("dialog", name="Transferir conversa")
        dialog.get_by_role("searchbox", name="Buscar pessoa ou fila").fill("BI")
        expect(dialog.get_by_text("Fila Atendimento")).to_be_hidden()
        hers.keyboard.press("Enter")
        expect(dialog.get_by_role("radio", name=re.compile("bia"))).to_be_checked()
        dialog.get_by_label("Nota para quem vai receber").fill(NOTE)
        hers.keyboard.press("Control+Enter")

        expect(dialog).to_be_hidden()
        expect(hers.locator("#toasts")).to_contain_text("transferida para: bia")
        row = offer_row(his, held)
        expect(row).to_contain_text(NOTE)
        expect(his.locator("#toasts .call h3")).to_have_text("Oferecida a você")
        expect(row.locator("[data-left]")).to_have_text(re.compile(r"^1:[0-5]\d$"))

        row.get_by_text("Por que estou vendo isto").click()
        expect(row).to_contain_text("ana transferiu esta conversa para você.")
        row.get_by_role("button", name="Aceitar").click()
        expect(box(his)).to_be_focused()
        expect(his.locator("#bubbles .note")).to_contain_text(NOTE)
        expect(his.locator("#toasts .call")).to_have_count(0)
        assert builders.fresh(held).operator == bia

    def test_accepted_opens_even_if_its_row_has_moved_before_the_answer(
        self, ana: Operator, bia: Operator, consoles: Opened
    ) -> None:
        held = builders.make_held(ana)
        his = consoles(bia)
        transfer(held, ana, bia)

        def late(route: Route) -> None:
            answer = route.fetch()
            expect(his.locator(f"#mine #row-{held.public_id}")).to_be_visible()
            route.fulfill(response=answer)

        intercept(his, "**/claim", late)
        offer_row(his, held).get_by_role("button", name="Aceitar").click()

        expect(box(his)).to_be_focused()

    def test_refused_waits_for_anybody_and_rings_no_bell_again(
        self, ana: Operator, bia: Operator, consoles: Opened
    ) -> None:
        held = builders.make_held(ana)
        his = consoles(bia, chat(held))
        transfer(held, ana, bia)
        dock = his.locator("#dock")
        expect(dock).to_have_attribute("data-dock", "offer")

        dock.get_by_role("button", name="Recusar").click()

        expect(dock).to_have_attribute("data-dock", "waiting")
        expect(offer_row(his, held)).to_have_count(0)
        expect(his.locator(f"#row-{held.public_id} .take")).to_be_visible()
        expect(his.locator("#toasts .call")).to_have_count(0)

    def test_without_script(self, browser: Browser, live_desk: Desk, ana: Operator, bia: Operator) -> None:
        held = builders.make_held(ana)
        context = browser.new_context(java_script_enabled=False, locale="pt-BR")
        sign_in(context, ana, live_desk.url)
        page = context.new_page()
        page.goto(live_desk.url + chat(held))

        page.get_by_role("button", name="Nota interna").click()
        page.get_by_label("Nota interna").fill("Anotado")
        page.get_by_role("button", name="Salvar nota").click()
        expect(page.locator("#bubbles .note")).to_contain_text("Anotado")
        page.get_by_role("button", name="Transferir").click()
        page.get_by_role("radio", name=re.compile("bia")).check()
        page.get_by_label("Nota para quem vai receber").fill(NOTE)
        page.get_by_role("button", name="Transferir", exact=True).click()

        expect(page.get_by_text("transferida para: bia")).to_be_visible()
        context.close()


class TestAChatThatGoesWhereOneSeesNothing:
    def test_leaves_a_card_with_what_was_being_written(
        self, ana: Operator, bia: Operator, consoles: Opened
    ) -> None:
        held, queue = builders.make_held(ana), builders.make_queue("Financeiro")
        hers = consoles(ana, chat(held))
        box(hers).fill("Já vi aqui, falta")
        hers.get_by_role("button", name="Nota interna").click()
        hers.locator("#note-text").fill("ligar amanhã")

        transfer(held, ana, queue)

        expect(hers.get_by_label("Seu texto não foi enviado")).to_have_value(
            "Já vi aqui, falta\n\nligar amanhã"
        )
        expect(hers.locator("#dock .lock")).to_be_visible()
        expect(hers.locator("#bubbles .m, #chead .acts, #side, #message, #note-text")).to_have_count(0)
        assert axe.broken(hers) == []

        ana.queues.add(queue)
        bia.queues.add(queue)
        desk.claim(builders.fresh(held), operator=bia, door="panel", now=clock.now())

        expect(hers.locator("#bubbles .m").first).to_be_visible()
        expect(hers.locator("#side")).to_have_count(1)

    def test_gives_back_what_was_on_its_way(self, ana: Operator, consoles: Opened) -> None:
        held, queue = builders.make_held(ana), builders.make_queue("Financeiro")
        hers = consoles(ana, chat(held))
        sent = hold_back(hers, "**/send")
        box(hers).fill("Já vi aqui")
        box(hers).press("Enter")
        wait_for(lambda: sent, hers)

        transfer(held, ana, queue)
        expect(hers.locator('#dock[data-dock="gone"]')).to_be_visible()
        answer_all(sent)

        expect(hers.get_by_label("Seu texto não foi enviado")).to_have_value("Já vi aqui")
        assert "Já vi aqui" not in [message.body for message in builders.bubbles(held)]


class TestBeingThere:
    def test_is_seen_by_whoever_looks_at_the_same(
        self, ana: Operator, bia: Operator, consoles: Opened
    ) -> None:
        held = builders.make_held(ana)
        hers = consoles(ana, chat(held))
        his = consoles(bia)
        wait_for(lambda: Presence.objects.filter(operator=ana).exists(), hers)

        his.locator("#fold-team").click()
        his.locator(f"#row-{held.public_id} .row").click()

        expect(hers.locator("#composer .viewers")).to_have_text("bia está vendo", timeout=AT_ONCE)
        expect(his.locator(".lock .viewers")).to_have_text("ana está vendo", timeout=AT_ONCE)
        expect(his.locator(".lock .dot")).to_have_attribute("data-presence", "available")
        box(hers).press_sequentially("Um mom")
        expect(his.locator(".lock .viewers")).to_have_text("ana está escrevendo", timeout=AT_ONCE)
        hers.keyboard.press("Enter")
        expect(his.locator(".lock .viewers")).to_have_text("ana está vendo")

        his.goto("about:blank")
        expect(hers.locator("#composer .viewers")).to_have_text("", timeout=AT_ONCE)

    def test_is_chosen_and_told(self, ana: Operator, bia: Operator, consoles: Opened) -> None:
        held = builders.make_held(ana)
        hers, his = consoles(ana, chat(held)), consoles(bia, chat(held))
        pill = hers.locator("#presence")
        expect(pill).to_contain_text("Disponível")

        pill.locator("summary").click()
        pill.get_by_role("button", name="Em pausa").click()

        expect(pill.locator("summary")).to_contain_text("Em pausa")
        expect(his.locator(".lock .dot")).to_have_attribute("data-presence", "on_break", timeout=AT_ONCE)
        builders.make_waiting(address=RUI)
        expect(hers.locator("#toasts .call")).to_be_visible()
        assert "sounded" not in hers.evaluate("Object.keys(document.body.dataset)")
        hers.reload()
        expect(pill.locator("summary")).to_contain_text("Em pausa")

    def test_ends_a_while_after_the_tab_was_hidden(
        self, ana: Operator, bia: Operator, consoles: Opened
    ) -> None:
        page = consoles(ana, chat(builders.make_held(ana)))
        wait_for(lambda: Viewing.objects.filter(operator=ana).exists(), page)

        page.evaluate(f"{HIDDEN} document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(2_000)
        assert Viewing.objects.filter(operator=ana).exists()

        wait_for(lambda: not Viewing.objects.filter(operator=ana).exists(), page)
        assert Presence.objects.filter(operator=ana).exists()


class TestANote:
    def test_appears_at_the_other_console_without_disturbing_it(
        self, ana: Operator, bia: Operator, consoles: Opened
    ) -> None:
        held = builders.make_held(ana)
        hers, his = consoles(ana, chat(held)), consoles(bia, chat(held))
        box(hers).press_sequentially("Já vejo")

        his.keyboard.press("n")
        expect(his.get_by_label("Nota interna")).to_be_focused()
        his.keyboard.type("Pode trocar até as 16h.")
        his.keyboard.press("Enter")

        expect(hers.locator("#bubbles .note")).to_contain_text("Pode trocar até as 16h.")
        expect(hers.locator("#bubbles .note")).to_contain_text("Nota interna · bia")
        expect(box(hers)).to_be_focused()
        expect(box(hers)).to_have_value("Já vejo")
        expect(his.get_by_label("Nota interna")).to_have_value("")
        expect(his.get_by_label("Nota interna")).to_be_focused()

    def test_keeps_its_draft_apart_from_the_replys(
        self, ana: Operator, bia: Operator, consoles: Opened
    ) -> None:
        held = builders.make_held(ana)
        page = consoles(ana, chat(held))
        box(page).fill("resposta")
        page.keyboard.press("Alt+n")
        note = page.get_by_label("Nota interna")
        note.fill("nota")

        page.keyboard.press("Alt+n")
        expect(box(page)).to_be_focused()
        expect(box(page)).to_have_value("resposta")
        page.reload()
        expect(box(page)).to_have_value("resposta")
        page.get_by_role("button", name="Nota interna").click()
        expect(note).to_have_value("nota")
        page.keyboard.press("Enter")
        expect(page.locator("#bubbles .note")).to_contain_text("nota")
        assert [one.body for one in Note.objects.all()] == ["nota"]
        assert "resposta" not in page.locator("#bubbles").inner_text()

    def test_whose_answer_is_lost_is_saved_again_once(
        self, ana: Operator, bia: Operator, consoles: Opened
    ) -> None:
        held = builders.make_held(ana)
        hers = consoles(ana, chat(held))

        def lost(route: Route) -> None:
            route.fetch()
            route.abort()

        intercept(hers, "**/note", lost, times=1)
        hers.get_by_role("button", name="Nota interna").click()
        note = hers.locator("#note-text")
        note.fill("@bia confirmar o CEP")
        note.press("Enter")
        expect(hers.locator("#note-notice .notice")).to_be_visible()
        expect(hers.locator("#toasts .toast")).to_have_count(0)
        expect(note).to_have_value("@bia confirmar o CEP")
        hers.reload()
        expect(hers.locator("html.attaches")).to_have_count(1)
        hers.get_by_role("button", name="Nota interna").click()
        expect(note).to_have_value("@bia confirmar o CEP")
        note.press("Enter")

        expect(note).to_have_value("")
        expect(hers.locator("#note-notice .notice")).to_have_count(0)
        assert Note.objects.count() == Mention.objects.count() == 1

        note.fill("@bia confirmar o CEP")
        note.press("Enter")

        expect(hers.locator("#bubbles .note")).to_have_count(2)
        assert Note.objects.count() == 2

    def test_goes_on_being_written_while_the_chat_changes_hands(
        self, ana: Operator, bia: Operator, consoles: Opened
    ) -> None:
        held = builders.make_held(ana)
        page = consoles(bia, chat(held))
        page.keyboard.press("n")
        page.keyboard.type("olha o hist")

        desk.take_away(held, by=desk.cause(ana, "panel"), now=clock.now())
        expect(page.locator("#dock")).to_have_attribute("data-dock", "waiting")

        expect(page.get_by_label("Nota interna")).to_be_focused()
        page.keyboard.type("órico")
        expect(page.get_by_label("Nota interna")).to_have_value("olha o histórico")

    def test_loses_nothing_that_is_typed_before_its_script_is_here(
        self, ana: Operator, bia: Operator, consoles: Opened
    ) -> None:
        held = builders.make_held(ana)
        drafts.save(held, operator=bia, kind=Draft.Kind.NOTE, text="Ontem: ", seen=0, now=clock.now())
        page = consoles(bia)
        arrived: list[Route] = []
        page.context.route("**/notes*.js", lambda route: arrived.append(route))
        page.goto(page.url.split("/operator/")[0] + chat(held))
        expect(page.locator("#dock")).to_have_attribute("data-dock", "other")

        page.keyboard.press("n")
        page.keyboard.type("olha")
        page.keyboard.press("Enter")
        wait_for(lambda: arrived, page)
        for route in arrived:
            route.continue_()

        expect(page.locator("#bubbles .note")).to_contain_text("Ontem: olha")

    def test_for_one_never_becomes_one_for_everybody(
        self, ana: Operator, bia: Operator, consoles: Opened
    ) -> None:
        held = builders.make_held(ana)
        caio = builders.make_operator("caio", staff=True)
        page = consoles(caio, chat(held))
        page.locator(".lock").get_by_role("button", name="Sussurrar para ana").click()
        page.keyboard.type("Só entre nós.")

        desk.take_away(held, by=desk.cause(caio, "panel"), now=clock.now())
        expect(page.locator("#dock")).to_have_attribute("data-dock", "waiting")

        expect(page.locator("#noter")).to_be_hidden()
        expect(page.locator("#kept-text")).to_have_value("Só entre nós.")
        page.keyboard.press("n")
        expect(page.get_by_label("Nota interna")).to_have_value("")

    def test_whispered_is_not_read_by_the_others(
        self, ana: Operator, bia: Operator, consoles: Opened
    ) -> None:
        held = builders.make_held(ana)
        caio = builders.make_operator("caio", staff=True)
        hers, his, chief = (consoles(one, chat(held)) for one in (ana, bia, caio))

        chief.locator(".lock").get_by_role("button", name="Sussurrar para ana").click()
        chief.keyboard.type("Ofereça o frete.")
        chief.keyboard.press("Enter")

        expect(hers.locator("#bubbles .note")).to_contain_text("Sussurro · só você e a supervisão veem")
        expect(hers.locator("#bubbles .note")).to_contain_text("Ofereça o frete.")
        box(hers).fill("Um momento")
        box(hers).press("Enter")
        expect(his.locator("#bubbles")).to_contain_text("Um momento")
        expect(his.locator("#bubbles .note")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_nobody_is_left_out(ana: Operator, bia: Operator, consoles: Opened, scheme: Any, width: int) -> None:
    """axe finds nothing, and nothing sticks out, where several work together."""
    mine, other = builders.make_held(bia), builders.make_held(ana, address=RUI)
    offered = builders.make_held(ana, address="whatsapp:+5511987650002")
    transfer(offered, ana, bia)
    builders.make_operator("carla")
    Operator.objects.filter(pk=bia.pk).update(is_staff=True)
    page = consoles(bia, color_scheme=scheme, viewport={"width": width, "height": 900})
    for state, conversation in {
        "list": None,
        "offer": offered,
        "other": other,
        "mine": mine,
        "transfer": mine,
    }.items():
        page.goto(page.url.split("/operator/")[0] + (chat(conversation) if conversation else "/operator/"))
        if state == "list":
            page.locator("#presence summary").click()
            page.locator(".reasons summary").click()
        if state == "other":
            page.locator(".lock").get_by_role("button", name="Sussurrar").click()
        if state == "mine":
            page.keyboard.press("n")
        if state == "transfer":
            page.get_by_role("button", name="Transferir").click()
            expect(page.get_by_role("dialog")).to_be_visible()
        assert axe.broken(page) == [], state
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, state
