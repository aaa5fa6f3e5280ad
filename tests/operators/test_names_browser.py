"""What a screen reader says of rows, bubbles and buttons are sentences: who, what, when, in this order."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import builders
from tests.browsing import chat, streaming
from tests.operators import scenes
from tests.operators.conftest import Desk

pytestmark = pytest.mark.django_db(transaction=True)
Console = Callable[..., Page]


def spoken(page: Page, places: str) -> list[str]:
    """The accessible names of the elements in these places, as the browser gives them to a screen reader."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    root = session.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    found = session.send("DOM.querySelectorAll", {"nodeId": root, "selector": places})["nodeIds"]
    trees = [
        session.send("Accessibility.getPartialAXTree", {"nodeId": one, "fetchRelatives": False})
        for one in found
    ]
    nodes: list[dict[str, Any]] = [tree["nodes"][0] for tree in trees]
    return [_plain(node["name"]["value"]) for node in nodes if not node["ignored"] and "name" in node]


def _plain(name: str) -> str:
    """The pauses stand apart in the page, and are not read out as words."""
    return re.sub(r"\s+", " ", re.sub(r"\s+([,:.])", r"\1", name)).strip()


def heard(page: Page, places: str) -> list[str]:
    """What is read out, piece after piece, where somebody goes from one of these to the next."""
    pieces = page.locator(places).evaluate_all(READ_OUT)
    return [_plain(text) for text in pieces]


READ_OUT = """(places) => {
  const hidden = (one) => one.closest("[aria-hidden=true]") || !one.checkVisibility();
  const say = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    if (node.nodeType !== Node.ELEMENT_NODE || hidden(node)) return "";
    if (node.tagName === "BUTTON") return "";
    return node.getAttribute("aria-label") ?? [...node.childNodes].map(say).join("");
  };
  return places.map(say);
}"""
"""Buttons are come to by themselves."""


@pytest.fixture
def page(live_desk: Desk, console: Console) -> Page:
    there = scenes.furnish()
    builders.make_waiting(address=scenes.LEO, ProfileName="Leo Antunes")
    page = console(there.ana)
    streaming(page, live_desk)
    page.goto(live_desk.url + chat(there.mine))
    expect(page.locator("#dock")).to_have_attribute("data-dock", "compose")
    return page


def test_rows_say_who_since_when_and_what(page: Page) -> None:
    waiting, closed, sent, known = spoken(page, "a.row")

    assert re.fullmatch(r"Leo Antunes, aguardando há \d+:\d\d, oi, Pediu atendente", waiting)
    assert re.match(r"Lia Reis, \d\d:\d\d, Janela fechada: Certo! ", closed)
    assert re.match(r"Rui Prado, \d\d:\d\d, Enviando: Certo! ", sent)
    assert re.fullmatch(
        r"Antônio Carlos Meireles de Albuquerque, \d\d:\d\d, Segredo do João, 1 mensagem não lida\. "
        r"Etiquetas: Cliente antigo, Entrega, Troca",
        known,
    )


def test_bubbles_say_who_what_when_and_how_far(page: Page) -> None:
    read = [re.sub(r"\d\d:\d\d", "<time>", text) for text in heard(page, ".thread article, .thread .ev")]

    assert "Antônio Carlos Meireles de Albuquerque: oi, <time>" in read
    assert "Atendimento 1 Pediu atendente · <time>" in read
    assert "Nota interna · Bía Rocha: @ana não ligar cedo, <time>" in read
    assert [text for text in read if text.startswith("Ana Martins: ")] == [
        "Ana Martins: Uma resposta: enviando, <time>, Enviando",
        "Ana Martins: Uma resposta: enviada, <time>, Enviada",
        "Ana Martins: Uma resposta: entregue, <time>, Entregue",
        "Ana Martins: Uma resposta: lida, <time>, Lida",
        "Ana Martins: Segredo do João, <time>, Não enviada",
        "Ana Martins: Segredo do João, Confirmando, <time>",
    ]
    assert [text for text in read if "Mensagem automática: Certo!" in text]


def test_buttons_and_links_say_what_they_do(page: Page) -> None:
    names = spoken(page, "a, button, summary, input, textarea")

    assert {
        *("Ir para a resposta", "Minha conta: Ana Martins", "Minha disponibilidade: Disponível"),
        *("Iniciar conversa", "Atender próximo", "Atender Leo Antunes", "Buscar nome, telefone ou mensagem"),
        *(
            "Transferir",
            "Finalizar atendimento",
            "Marcar como não lida",
            "Desafixar a nota",
            "Tentar de novo",
        ),
        *("Enviar de novo", "Descartar", "Mensagem", "Nota interna", "Respostas prontas", "Emoji", "Enviar"),
        *("Anexar arquivo", "Gravar mensagem de voz", "Tirar a etiqueta Entrega", "CRM (abre em nova aba)"),
    } <= set(names)
    wordless = [name for name in names if not re.search(r"\w{2,}", name)]
    assert wordless == []
