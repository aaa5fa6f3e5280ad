"""The thread in a real browser: where it stands, how long it gets, and quoting out of it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from conversations.models import Message
from operators.models import Operator
from tests import axe, builders
from tests.operators.conftest import Desk

pytestmark = pytest.mark.django_db(transaction=True)
Console = Callable[..., Page]


def shown(page: Page) -> list[int]:
    """The numbers of the bubbles on the page, from top to bottom."""
    return [
        int(seq)
        for seq in page.evaluate("[...document.querySelectorAll('#tail .m')].map((m) => m.dataset.seq)")
    ]


def scroll(page: Page, to: int) -> None:
    page.evaluate("(top) => { document.querySelector('#tail').scrollTop = top; }", to)


def ready(page: Page) -> None:
    """What is loaded after the first page is there."""
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(({ name }) => name.includes('quoting'))"
    )


def all_the_way_up(page: Page, first: int) -> None:
    while shown(page)[0] != first:
        before = len(shown(page))
        scroll(page, -1_000_000)
        page.wait_for_function("(n) => document.querySelectorAll('#tail .m').length > n", arg=before)


def test_what_comes_while_somebody_reads_further_up_is_counted(ana: Operator, console: Console) -> None:
    held = builders.make_held(ana)
    for number in range(30):
        builders.says(f"linha {number}")
    page = console(ana, f"/operator/c/{held.public_id}/")
    expect(page.locator("#bubbles")).to_contain_text("linha 29")
    jump = page.locator("#jump")

    expect(jump).to_have_text(re.compile(r"\d+ mensagens novas"))  # those that were new when it was opened
    scroll(page, 0)
    expect(jump).to_be_hidden()
    scroll(page, -600)
    expect(jump).to_have_text("Mensagens mais novas")
    builders.says("uma")
    expect(jump).to_have_text("1 mensagem nova")
    builders.says("outra")
    expect(jump).to_have_text("2 mensagens novas")
    assert page.evaluate("document.querySelector('#tail').scrollTop") < -100
    jump.click()

    expect(jump).to_be_hidden()
    expect(page.locator("#bubbles").get_by_text("outra", exact=True)).to_be_in_viewport()


def test_a_long_thread_is_trimmed_and_comes_back(ana: Operator, live_desk: Desk, console: Console) -> None:
    held = builders.make_held(ana)
    for number in range(210):
        builders.says(f"linha {number}")
    page = console(ana, f"/operator/c/{held.public_id}/")
    messages = Message.objects.filter(conversation=held).order_by("seq")
    everything = list(messages.values_list("seq", flat=True))

    all_the_way_up(page, everything[0])
    assert shown(page) == everything
    page.locator("#jump").click()

    page.wait_for_function("() => document.querySelectorAll('#tail .m').length <= 120")
    expect(page.locator("#older-link")).to_have_count(1)
    assert shown(page) == everything[-len(shown(page)) :]
    builders.says("e mais uma")
    expect(page.locator("#bubbles").get_by_text("e mais uma", exact=True)).to_be_in_viewport()

    all_the_way_up(page, everything[0])
    assert shown(page) == [*everything, everything[-1] + 2]
    assert live_desk.streams == 1


def test_quotes_what_was_said_into_the_reply(ana: Operator, console: Console) -> None:
    held = builders.make_held(ana)
    builders.says("Rua Augusta, 10\nSão Paulo")
    page = console(ana, f"/operator/c/{held.public_id}/")
    box = page.get_by_label("Mensagem", exact=True)
    ready(page)

    box.fill("É aqui?")
    page.locator("#bubbles").get_by_text("Rua Augusta, 10").hover()
    page.get_by_role("button", name="Citar").click()
    expect(box).to_have_value("> Rua Augusta, 10\n> São Paulo\nÉ aqui?")
    expect(box).to_be_focused()
    assert axe.broken(page) == []
    page.keyboard.press("Enter")

    expect(page.locator("#bubbles .m.out q")).to_have_text(["Rua Augusta, 10", "São Paulo"])
    expect(page.get_by_role("button", name="Citar")).to_be_hidden()


def test_quotes_by_the_keyboard_what_the_customer_said_last(ana: Operator, console: Console) -> None:
    held = builders.make_held(ana)
    builders.says("Pode ser amanhã?")
    page = console(ana, f"/operator/c/{held.public_id}/")
    ready(page)

    page.locator("#tail").focus()
    page.keyboard.press("q")

    expect(page.get_by_label("Mensagem", exact=True)).to_have_value("> Pode ser amanhã?\n")


def test_every_service_begins_with_its_mark(ana: Operator, console: Console) -> None:
    held = builders.make_held(ana)
    page = console(ana, f"/operator/c/{held.public_id}/")

    expect(page.locator(".ev.ep")).to_have_text(re.compile(r"^\s*Atendimento 1"))
