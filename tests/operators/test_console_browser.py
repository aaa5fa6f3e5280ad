from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from conversations import clock
from conversations.models import Conversation, Delivery, DeliveryState, Handoff, Message, Mode, Status
from operators import desk
from operators.models import Operator
from tests import builders
from tests.browsing import intercept
from tests.operators.conftest import sign_in

pytestmark = pytest.mark.django_db(transaction=True)
RUI = "whatsapp:+5511987650001"
LIA = "whatsapp:+5511987650002"
IVO = "whatsapp:+5511987650003"
EVA = "whatsapp:+5511987650004"


@pytest.fixture
def panel(page: Page, live_server: Any, ana: Operator) -> Iterator[Page]:
    """Ana's console. Whatever the browser complains about fails the test: a blocked script, an error."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if "Security" in message.text else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    sign_in(page.context, ana, live_server.url)
    page.goto(f"{live_server.url}/operator/")
    yield page
    assert said == []


def box(page: Page) -> Any:
    return page.get_by_label("Mensagem", exact=True)


def open_chat(page: Page, conversation: Conversation) -> None:
    page.locator(f"#row-{conversation.public_id} .row").click()
    expect(page.locator(f'#chat[data-conversation="{conversation.public_id}"]')).to_be_visible()


class TestByKeyboard:
    def test_takes_answers_and_finishes(self, panel: Page) -> None:
        waiting = builders.make_waiting()
        expect(panel.locator(f"#row-{waiting.public_id}")).to_be_visible()

        panel.keyboard.press("a")
        expect(box(panel)).to_be_focused()
        panel.keyboard.type("Oi, João!")
        panel.keyboard.press("Shift+Enter")
        panel.keyboard.type("Já vejo.")
        panel.keyboard.press("Enter")
        expect(panel.locator("#bubbles")).to_contain_text("Já vejo.")
        expect(box(panel)).to_have_value("")
        expect(box(panel)).to_be_focused()
        assert builders.bubbles(waiting)[-1].body == "Oi, João!\nJá vejo."

        panel.keyboard.press("Escape")
        panel.keyboard.press("f")
        dialog = panel.get_by_role("dialog")
        expect(dialog.get_by_role("radio", name="Resolvido", exact=True)).to_be_focused()
        dialog.get_by_label("Resumo para o bot").fill("Tudo certo.")
        panel.keyboard.press("Control+Enter")
        expect(dialog).to_be_hidden()
        expect(panel.get_by_role("button", name="Atender próximo")).to_be_focused()
        assert Handoff.objects.get(conversation=waiting).context_out["summary"] == "Tudo certo."

    def test_moves_through_the_list_and_ignores_letters_in_the_box(self, panel: Page, ana: Operator) -> None:
        mine = builders.make_held(ana)
        expect(panel.locator(f"#row-{mine.public_id}")).to_be_visible()

        panel.keyboard.press("j")
        panel.keyboard.press("Enter")
        expect(box(panel)).to_be_visible()
        panel.keyboard.press("r")
        panel.keyboard.type("far")

        expect(box(panel)).to_have_value("far")

    def test_closes_the_dialog_and_returns_to_where_it_was(self, panel: Page, ana: Operator) -> None:
        mine = builders.make_held(ana)
        open_chat(panel, mine)
        finish = panel.get_by_role("button", name="Finalizar atendimento")
        finish.focus()
        panel.keyboard.press("Enter")
        expect(panel.get_by_role("dialog")).to_be_visible()

        panel.keyboard.press("Escape")

        expect(panel.get_by_role("dialog")).to_be_hidden()
        expect(finish).to_be_focused()


class TestWhatIsTyped:
    def test_survives_a_reload_and_goes_when_it_was_sent(self, panel: Page, ana: Operator) -> None:
        open_chat(panel, builders.make_held(ana))
        box(panel).fill("ainda escrev")

        panel.reload()
        expect(box(panel)).to_have_value("ainda escrev")
        box(panel).press("Enter")
        expect(panel.locator("#bubbles article.out", has_text="ainda escrev")).to_have_count(1)
        panel.reload()

        expect(box(panel)).to_have_value("")

    def test_waits_when_the_network_is_gone_and_goes_by_itself(self, panel: Page, ana: Operator) -> None:
        held = builders.make_held(ana)
        open_chat(panel, held)
        intercept(panel, "**/send", lambda route: route.abort())
        box(panel).fill("não pode sumir")

        box(panel).press("Enter")

        expect(panel.locator("#pending article.out")).to_have_text("não pode sumir")
        expect(box(panel)).to_have_value("")
        panel.unroute("**/send")
        expect(panel.locator("#bubbles article.out", has_text="não pode sumir")).to_have_count(1)
        expect(panel.locator("#pending article.out")).to_have_count(0)

    def test_is_said_once_when_only_the_answer_was_lost(self, panel: Page, ana: Operator) -> None:
        held = builders.make_held(ana)
        open_chat(panel, held)

        def lose_the_answer(route: Any) -> None:
            route.fetch()
            route.abort()

        intercept(panel, "**/send", lose_the_answer, times=1)
        box(panel).fill("uma vez só")
        box(panel).press("Enter")
        expect(box(panel)).to_have_value("")
        expect(panel.locator("#pending article.out")).to_have_count(0)

        assert [m.body for m in builders.bubbles(held)].count("uma vez só") == 1

    def test_is_kept_in_sight_when_somebody_else_has_the_chat(self, panel: Page, ana: Operator) -> None:
        held = builders.make_held(ana)
        open_chat(panel, held)
        box(panel).fill("quase lá")

        bia = builders.make_operator("bia")
        desk.claim(held, operator=bia, door="panel", now=clock.now(), force=True)

        expect(panel.get_by_text("já está atendendo")).to_be_visible()
        expect(panel.get_by_label("Seu texto não foi enviado")).to_have_value("quase lá")

    def test_is_untouched_while_messages_arrive(self, panel: Page, ana: Operator) -> None:
        open_chat(panel, builders.make_held(ana))
        box(panel).fill("ainda escrev")
        builders.says("chegou outra")

        expect(panel.get_by_role("log")).to_contain_text("chegou outra")
        panel.keyboard.type("endo")

        expect(box(panel)).to_have_value("ainda escrevendo")
        expect(box(panel)).to_be_focused()


class TestThePageKeepsUp:
    def test_with_who_waits_in_title_and_list(self, panel: Page) -> None:
        waiting = builders.make_waiting()

        expect(panel.locator(f"#row-{waiting.public_id}")).to_be_visible()
        expect(panel).to_have_title("(1) Atendimentos · HandoffFlow")
        expect(panel.locator("#pip")).to_contain_text("1")
        expect(panel.get_by_role("heading", name="1 pessoa está esperando")).to_be_visible()
        expect(panel.get_by_role("status").filter(has_text="Nova conversa na fila")).to_be_visible()

    def test_with_who_was_faster(self, panel: Page) -> None:
        waiting = builders.make_waiting()
        open_chat(panel, waiting)

        desk.claim(waiting, operator=builders.make_operator("bia"), door="panel", now=clock.now())

        expect(panel.get_by_text("já está atendendo")).to_be_visible()

    def test_counts_as_read_what_is_on_screen(self, panel: Page, ana: Operator) -> None:
        held = builders.make_held(ana)
        open_chat(panel, held)
        builders.says("leia isto")

        expect(panel.locator(f"#row-{held.public_id} .cnt")).to_be_visible()
        expect(panel.locator(f"#row-{held.public_id} .cnt")).to_be_hidden()
        assert builders.fresh(held).unread == 0

    def test_and_says_when_the_session_is_over(self, panel: Page) -> None:
        panel.context.clear_cookies()

        expect(panel.get_by_text("Sua sessão expirou.")).to_be_visible()
        expect(panel.get_by_role("link", name="Entrar de novo.")).to_be_visible()
        assert panel.locator("input[type=password]").count() == 0

    def test_through_the_browsers_back_button(self, panel: Page, ana: Operator) -> None:
        first, second = builders.make_held(ana, address=RUI), builders.make_held(ana, address=LIA)
        open_chat(panel, first)
        open_chat(panel, second)

        panel.go_back()

        expect(panel.locator(f'#chat[data-conversation="{first.public_id}"]')).to_be_visible()
        expect(panel.locator(f"#row-{first.public_id} .row")).to_have_attribute("aria-current", "page")
        assert panel.url.endswith(f"/operator/c/{first.public_id}/")


def test_a_phone_shows_the_list_or_the_chat(panel: Page, ana: Operator) -> None:
    panel.set_viewport_size({"width": 390, "height": 844})
    held = builders.make_held(ana)
    open_chat(panel, held)
    expect(panel.locator("#queue")).to_be_hidden()

    panel.get_by_role("link", name="Voltar para a fila").click()

    expect(panel.locator(f"#row-{held.public_id}")).to_be_visible()
    assert panel.url.endswith("/operator/")


@pytest.mark.parametrize("width", [761, 790, 882, 960, 1024, 390, 320])
def test_nothing_in_the_header_covers_its_neighbour(panel: Page, ana: Operator, width: int) -> None:
    """Beside the customer's phone the console is narrow; on a phone it is narrower."""
    held = builders.make_held(ana, ProfileName="Antônio Carlos Meireles")
    past = clock.now() - timedelta(minutes=1)
    Conversation.objects.filter(pk=held.pk).update(window_expires_at=past)
    open_chat(panel, held)
    panel.set_viewport_size({"width": width, "height": 700})

    who, chip, acts = (
        panel.locator(place).bounding_box() for place in ("#chead .who", "#chead .chip", "#chead .acts")
    )

    assert who
    assert chip
    assert acts
    assert chip["x"] + chip["width"] <= who["x"] + who["width"] + 0.5
    assert who["x"] + who["width"] <= acts["x"]
    assert acts["x"] + acts["width"] <= width


@pytest.mark.parametrize("language", ["pt-br", "en", "es"])
def test_nothing_sticks_out_of_the_list(panel: Page, live_server: Any, ana: Operator, language: str) -> None:
    builders.make_operator("bia")
    builders.make_waiting(ProfileName="Antônio Carlos Meireles")
    Operator.objects.update(language=language)
    panel.goto(f"{live_server.url}/operator/")

    for width in (761, 960, 961, 1180, 1440, 390, 320):
        panel.set_viewport_size({"width": width, "height": 700})
        assert panel.evaluate(STICKS_OUT) == [], width


STICKS_OUT = """() => {
  const list = document.querySelector(".list"), edge = list.getBoundingClientRect().right + 0.5;
  const seen = [...list.querySelectorAll("*")].filter((one) => one.checkVisibility() && !one.closest(".sr"));
  return seen.filter((one) => one.getBoundingClientRect().right > edge).map((one) => one.id || String(one.className));
}"""


def test_a_new_message_stops_the_finishing(panel: Page, ana: Operator) -> None:
    held = builders.make_held(ana)
    open_chat(panel, held)
    panel.get_by_role("button", name="Finalizar atendimento").click()
    dialog = panel.get_by_role("dialog")
    expect(dialog).to_be_visible()
    builders.says("Espera!")

    dialog.get_by_role("button", name="Finalizar", exact=True).click()
    expect(dialog.get_by_text("Espera!")).to_be_visible()
    assert builders.fresh(held).mode == Mode.HUMAN
    dialog.get_by_role("button", name="Finalizar mesmo assim").click()

    expect(dialog).to_be_hidden()
    assert builders.fresh(held).mode == Mode.BOT


def leave_unconfirmed(conversation: Conversation, operator: Operator, body: str) -> Message:
    """A reply that has been without an answer of Twilio for more than a minute."""
    message = desk.reply(
        conversation,
        operator=operator,
        door="panel",
        body=body,
        epoch=conversation.epoch,
        client_key=None,
        now=clock.now(),
    )[0]
    Message.objects.filter(pk=message.pk).update(status=Status.UNKNOWN)
    since = clock.now() - timedelta(seconds=61)
    Delivery.objects.filter(message=message).update(state=DeliveryState.UNKNOWN, unknown_since=since)
    return message


def test_an_unconfirmed_message_is_sent_again_on_a_second_word(panel: Page, ana: Operator) -> None:
    held = builders.make_held(ana)
    message = leave_unconfirmed(held, ana, "Prontinho!")
    open_chat(panel, held)
    box(panel).fill("ainda escrev")
    again = panel.get_by_role("button", name="Enviar de novo")

    again.click()
    dialog = panel.get_by_role("dialog")
    expect(dialog).to_contain_text("Prontinho!")
    panel.keyboard.press("Escape")
    expect(again).to_be_focused()
    again.click()
    expect(dialog).to_be_visible()
    panel.keyboard.press("Control+Enter")

    expect(dialog).to_be_hidden()
    expect(again).to_have_count(0)
    expect(box(panel)).to_be_focused()
    expect(box(panel)).to_have_value("ainda escrev")
    message.refresh_from_db()
    assert message.status == Status.QUEUED


def test_an_unconfirmed_message_is_sent_again_without_script(
    browser: Browser, live_server: Any, ana: Operator
) -> None:
    held = builders.make_held(ana)
    message = leave_unconfirmed(held, ana, "Prontinho!")
    context = browser.new_context(java_script_enabled=False, locale="pt-BR")
    sign_in(context, ana, live_server.url)
    page = context.new_page()
    page.goto(f"{live_server.url}/operator/c/{held.public_id}/")

    page.get_by_role("button", name="Enviar de novo").click()
    expect(page.get_by_text("João vai receber duas vezes")).to_be_visible()
    page.get_by_role("button", name="Enviar de novo").click()

    expect(page.get_by_label("Mensagem", exact=True)).to_be_visible()
    message.refresh_from_db()
    assert message.status == Status.QUEUED
    context.close()


def test_everything_works_without_script(browser: Browser, live_server: Any, ana: Operator) -> None:
    waiting = builders.make_waiting()
    context = browser.new_context(java_script_enabled=False, locale="pt-BR")
    sign_in(context, ana, live_server.url)
    page = context.new_page()
    page.goto(f"{live_server.url}/operator/")

    page.get_by_role("button", name="Atender próximo").click()
    box(page).fill("Sem script também")
    page.get_by_role("button", name="Enviar").click()
    expect(page.get_by_role("log")).to_contain_text("Sem script também")
    page.get_by_role("button", name="Finalizar atendimento").click()
    page.get_by_label("Sem solução").check(force=True)
    page.get_by_role("button", name="Finalizar", exact=True).click()

    expect(page.get_by_text("Atendimento finalizado")).to_be_visible()
    assert Handoff.objects.get(conversation=waiting).outcome == "not_solved"
    context.close()


def test_rows_out_of_sight_are_not_laid_out(page: Page, live_server: Any, ana: Operator) -> None:
    """A hundred rows took an old laptop a quarter of a second before the page answered."""
    for number in range(30):
        builders.make_waiting(address=f"whatsapp:+55119{number:08d}")
    sign_in(page.context, ana, live_server.url)

    page.goto(f"{live_server.url}/operator/")

    drawn = "rows => rows.map(row => row.firstElementChild.checkVisibility({ contentVisibilityAuto: true }))"
    rows = page.locator("#waiting > li").evaluate_all(drawn)
    assert (len(rows), rows[0], rows[-1]) == (30, True, False)


def test_the_first_load_is_small_and_our_own(page: Page, live_server: Any, ana: Operator) -> None:
    held = builders.make_held(ana)
    sign_in(page.context, ana, live_server.url)
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))

    page.goto(f"{live_server.url}/operator/c/{held.public_id}/", wait_until="load")

    first = [
        answer
        for answer in answers
        if "/thread" not in answer.url and "/list" not in answer.url and "presence" not in answer.url
    ]
    assert {urlsplit(answer.url).netloc for answer in answers} == {urlsplit(live_server.url).netloc}
    assert len(first) <= 10
    sizes = {urlsplit(answer.url).path: len(gzip.compress(answer.body(), 9)) for answer in first}
    assert sum(sizes.values()) <= 60 * 1024
    assert sum(size for path, size in sizes.items() if path.startswith("/static/js/")) <= 12 * 1024, sizes
