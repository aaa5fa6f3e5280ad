"""The journey around a closed window: the card, the template, the customer's answer, the composer again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from conversations import clock
from conversations.models import Conversation, Delivery, Handoff, Message
from operators.models import Operator
from tests import axe, builders
from tests.operators.conftest import sign_in
from tests.templates import close_window, make_template

pytestmark = pytest.mark.django_db(transaction=True)

UPDATE = "Oi, {{nome}}! Temos uma novidade sobre o pedido {{pedido}}: {{novidade}}. Quer falar com a gente?"


@pytest.fixture
def closed(ana: Operator) -> Conversation:
    conversation = builders.make_held(ana)
    Handoff.objects.filter(open_for=conversation).update(slots={"Pedido": "47990"})
    return close_window(conversation)


@pytest.fixture
def panel(page: Page, live_server: Any, ana: Operator, closed: Conversation) -> Iterator[Page]:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if "Security" in message.text else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    sender = builders.make_sender()
    make_template(
        sender,
        name="atualizacao_do_pedido",
        body=UPDATE,
        gaps={"nome": "Larissa", "pedido": "1", "novidade": "chega na sexta-feira"},
        header="Novidade sobre a sua entrega",
        footer="Casa Aurora",
        buttons=[{"kind": "reply", "title": "Quero falar"}, {"kind": "reply", "title": "Está tudo certo"}],
    )
    make_template(sender, name="retomar_o_atendimento")
    make_template(sender, name="novidades_da_estacao", category="marketing")
    make_template(sender, name="cupom_de_volta", approval="paused", category="marketing")
    sign_in(page.context, ana, live_server.url)
    page.goto(f"{live_server.url}/operator/c/{closed.public_id}/")
    yield page
    assert said == []


def audit(page: Page) -> list[Any]:
    return axe.broken(page)


def test_the_list_is_searched_and_narrowed(panel: Page) -> None:
    panel.locator("#template").click()
    dialog = panel.get_by_role("dialog")

    dialog.get_by_role("searchbox").fill("retomar")
    expect(dialog.locator("#tlist label:visible")).to_have_count(1)
    dialog.get_by_role("searchbox").fill("")
    expect(dialog.locator("#tlist label:has(:disabled)")).to_have_count(2)
    dialog.locator(".opts label", has_text="Marketing").click()
    expect(dialog.locator("#tlist label:visible")).to_have_count(2)


def test_a_template_reopens_a_closed_chat(panel: Page) -> None:
    expect(panel.locator("#dock")).to_have_attribute("data-dock", "closed")
    panel.locator("#template").click()
    dialog = panel.get_by_role("dialog")
    expect(dialog.locator("#prev h3").first).to_have_text("Atualizacao do pedido")
    expect(dialog.locator("[data-gap=nome]")).to_have_value("João")
    expect(dialog.locator("[data-gap=pedido]")).to_have_value("47990")
    assert audit(panel) == []

    # A gap is pointed out, and the preview follows what is written into it.
    dialog.locator("footer button").click()
    gap = dialog.locator("[data-gap=novidade]")
    expect(gap).to_have_attribute("aria-invalid", "true")
    expect(gap).to_be_focused()
    assert not Message.objects.filter(kind="template").exists()
    gap.fill("chega na sexta-feira")
    expect(dialog.locator(".shot p").first).to_contain_text("47990: chega na sexta-feira. Quer falar")
    expect(gap).not_to_have_attribute("aria-invalid", "true")
    panel.keyboard.press("Control+Enter")

    expect(dialog).to_be_hidden()
    expect(panel.locator("#bubbles")).to_contain_text("chega na sexta-feira")
    expect(panel.locator("#bubbles .rbs")).to_contain_text("Quero falar")
    expect(panel.locator("#dock")).to_have_attribute("data-dock", "closed")
    message = Message.objects.get(kind="template")
    assert Delivery.objects.get(message=message).outside_window
    assert audit(panel) == []

    # The customer presses a button: one may write again.
    builders.says("Quero falar", ButtonText="Quero falar", ButtonPayload="reply_1", ButtonType="REPLY")
    expect(panel.locator("#message")).to_be_visible()
    panel.locator("#message").fill("Que bom! Já vejo.")
    panel.keyboard.press("Enter")
    expect(panel.locator("#bubbles")).to_contain_text("Que bom! Já vejo.")


def test_a_draft_survives_a_window_that_closes_and_opens(panel: Page, closed: Conversation) -> None:
    builders.says("oi de novo")
    box = panel.locator("#message")
    box.fill("uma resposta longa")
    close_window(closed)
    panel.reload()
    expect(panel.locator("#kept-text")).to_have_value("uma resposta longa")

    builders.says("e aí?")

    expect(box).to_have_value("uma resposta longa")


def test_a_template_may_be_chosen_while_one_can_write(panel: Page) -> None:
    builders.says("oi de novo")
    panel.locator("#message").fill("meia frase")
    panel.locator("#template").click()
    dialog = panel.get_by_role("dialog")
    dialog.locator("#tlist label", has_text="Retomar").click()
    expect(dialog.locator("[data-gap='1']")).to_have_value("João")

    dialog.locator("footer button").click()

    expect(dialog).to_be_hidden()
    expect(panel.locator("#bubbles")).to_contain_text("Podemos continuar")
    expect(panel.locator("#message")).to_have_value("meia frase")


def test_the_last_hour_of_a_window_is_announced(panel: Page, closed: Conversation) -> None:
    builders.says("oi de novo")
    expect(panel.locator("#closing")).to_be_hidden()

    Conversation.objects.filter(pk=closed.pk).update(window_expires_at=clock.now() + timedelta(minutes=40))
    panel.reload()

    expect(panel.locator("#closing")).to_be_visible()
    expect(panel.locator("#chead .chip.warn")).to_be_visible()


def test_a_chat_is_started_with_a_new_number(panel: Page) -> None:
    panel.locator("#new-chat").click()
    dialog = panel.get_by_role("dialog")
    dialog.locator("#tlist label", has_text="Retomar").click()
    expect(dialog.locator("#prev h3").first).to_have_text("Retomar o atendimento")
    dialog.locator("#new-name").fill("Maria Lima")
    expect(dialog.locator("[data-gap='1']")).to_have_value("Maria")
    dialog.locator("#new-number").fill("11 9")
    dialog.locator(".tick input").check()
    panel.keyboard.press("Control+Enter")
    expect(dialog.locator("#new-number")).to_have_attribute("aria-invalid", "true")
    expect(dialog.locator("#new-number")).to_be_focused()
    assert audit(panel) == []

    dialog.locator("#new-number").fill("+55 11 91234-5678")
    panel.keyboard.press("Control+Enter")

    expect(dialog).to_be_hidden()
    expect(panel.locator("#chead h2")).to_have_text("Maria Lima")
    expect(panel.locator("#bubbles")).to_contain_text("Oi, Maria. Podemos continuar")
    expect(panel.locator("#dock")).to_have_attribute("data-dock", "closed")


def test_a_reply_offers_buttons(panel: Page, closed: Conversation) -> None:
    builders.says("oi de novo")
    panel.locator("#message").fill("Pode ser às 15h?")
    panel.locator("#choices > summary").click()
    panel.locator("#choices input").nth(0).fill("Sim")
    panel.locator("#choices input").nth(1).fill("Não")
    assert audit(panel) == []

    panel.locator("#choices input").nth(1).press("Enter")

    expect(panel.locator("#bubbles .rbs")).to_contain_text("Não")
    expect(panel.locator("#choices")).not_to_have_attribute("open", "")
    message = Message.objects.get(conversation=closed, author="operator")
    assert [one["title"] for one in message.extras["choices"]["buttons"]] == ["Sim", "Não"]
    expect(panel.locator("#message")).to_have_value("")
