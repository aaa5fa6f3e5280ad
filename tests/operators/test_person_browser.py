"""The journey of one person with two numbers: asked, merged, written from the old number, separated."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from conversations import clock
from conversations.models import Conversation
from operators import desk
from operators.models import Operator
from tests import axe, builders
from tests.builders import JOAO, fresh

pytestmark = pytest.mark.django_db(transaction=True)

OLD = "whatsapp:+551187654321"


def audit(page: Page) -> list[Any]:
    return axe.broken(page)


def test_two_numbers_of_one_person_are_one_chat_until_they_are_separated(
    console: Callable[..., Page],
) -> None:
    ana = builders.make_operator("ana", staff=True)
    old = builders.make_with_bot(address=OLD, ProfileName="João Antigo")
    builders.says("do número antigo", address=OLD)
    mine = builders.make_held(ana)
    page = console(ana, f"/operator/c/{mine.public_id}/")
    card = page.locator("#side .alike")

    # The question, and the two names before anything happens.
    expect(card).to_contain_text("João Antigo")
    assert audit(page) == []
    card.locator("form button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("dt")).to_have_text(["João Silva", "João Antigo"])
    assert audit(page) == []
    assert fresh(old).merged_into is None
    page.keyboard.press("Control+Enter")

    assert_one_chat(page, old, mine)
    assert_taken_apart(page, old, mine)


def assert_one_chat(page: Page, old: Conversation, mine: Conversation) -> None:
    # What was said in the other is folded, and stays open while this one goes on.
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#side .alike")).to_have_count(0)
    fold = page.locator("#bubbles details.talk", has_text=re.compile(r"8765-4321"))
    expect(fold.get_by_text("do número antigo")).to_be_hidden()
    fold.locator("summary").click()
    expect(fold.get_by_text("do número antigo")).to_be_visible()
    assert fresh(old).merged_into == mine

    # They write from the old number: it comes in here, and the answer goes there.
    builders.says("agora daqui", address=OLD)
    expect(page.locator("#bubbles > .m.in").last).to_contain_text("agora daqui")
    expect(fold.get_by_text("do número antigo")).to_be_visible()
    assert audit(page) == []
    page.locator("#message").fill("Recebi!")
    page.keyboard.press("Enter")
    expect(page.locator("#bubbles > .m.out")).to_contain_text("Recebi!")
    [reply] = [one for one in builders.bubbles(mine) if one.body == "Recebi!"]
    assert reply.delivery.recipient == OLD


def assert_taken_apart(page: Page, old: Conversation, mine: Conversation) -> None:
    # A mistake: each is answered at their own number again.
    page.locator("#merged button").click()
    page.get_by_role("dialog").locator("footer button").click()
    expect(page.locator("#merged")).to_have_count(0)
    expect(page.locator("#bubbles details.talk", has_text=re.compile(r"8765-4321"))).to_have_count(0)
    assert (fresh(old).merged_into, fresh(mine).reply_address) == (None, JOAO)


def test_whoever_had_the_other_chat_sees_where_it_goes_on(console: Callable[..., Page]) -> None:
    ana, bia = builders.make_operator("ana"), builders.make_operator("bia")
    old = builders.make_held(bia, address=OLD)
    mine = builders.make_held(ana)
    page = console(bia, f"/operator/c/{old.public_id}/")
    expect(page.locator("#chat")).to_have_attribute("data-conversation", str(old.public_id))

    _merge(mine, old, ana)

    expect(page.locator("#chat")).to_have_attribute("data-conversation", str(mine.public_id))
    expect(page.locator("#dock")).to_have_attribute("data-dock", re.compile("^other"))
    expect(page.locator(f"#row-{old.public_id}")).to_have_count(0)


def _merge(mine: Any, old: Any, operator: Operator) -> None:
    from conversations import merging

    merging.merge(mine, old, cause=desk.cause(operator, "panel"), now=clock.now())
