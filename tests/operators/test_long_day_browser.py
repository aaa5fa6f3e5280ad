"""A day at the console in a minute: thirty chats opened, five hundred messages seen arriving, and nothing piles up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from conversations.models import Conversation
from tests import builders
from tests.operators.conftest import Desk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
Console = Callable[..., Page]
CHATS, MESSAGES = 30, 500
MOST_MORE = 10 * 2**20
MOST_BUBBLES = 200


def kept(cdp: CDPSession) -> dict[str, Any]:
    """What the page holds once everything that can go has gone."""
    for _ in range(3):
        cdp.send("HeapProfiler.collectGarbage")
    found = cdp.send("Performance.getMetrics")["metrics"]
    return {metric["name"]: metric["value"] for metric in found}


def opened(page: Page, conversation: Conversation) -> None:
    page.locator(f"#row-{conversation.public_id} .row").click()
    expect(page.locator(f'#chat[data-conversation="{conversation.public_id}"]')).to_be_visible()


def test_what_a_long_day_leaves_behind(live_desk: Desk, console: Console) -> None:
    ana = builders.make_operator("ana", capacity=CHATS)
    held = [builders.make_held(ana, address=f"whatsapp:+55119{number:08d}") for number in range(CHATS)]
    page = console(ana, f"/operator/c/{held[0].public_id}/")
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(({ name }) => name.includes('quoting'))"
    )
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable")
    for conversation in held[:5]:
        opened(page, conversation)
    before = kept(cdp)

    for conversation in held:
        opened(page, conversation)
    for number in range(MESSAGES):
        builders.says(f"mensagem {number}", address=f"whatsapp:+55119{CHATS - 1:08d}")
    expect(page.locator("#bubbles")).to_contain_text(f"mensagem {MESSAGES - 1}")
    page.wait_for_function("(most) => document.querySelectorAll('#tail .m').length <= most", arg=MOST_BUBBLES)

    after = kept(cdp)
    assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] <= MOST_MORE
    assert after["JSEventListeners"] - before["JSEventListeners"] <= MOST_BUBBLES
    assert live_desk.streams == 1
