"""A number in trouble, in a real browser: the banner comes and goes by itself, and is usable by everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from conversations import clock, pauses
from conversations.models import Conversation, Sender
from conversations.twilio.errors import Trouble
from operators.models import Operator
from tests import axe, builders
from tests.operators.conftest import Desk, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
Console = Callable[..., Page]


@pytest.fixture
def caio() -> Operator:
    return builders.make_operator("caio", staff=True)


@pytest.fixture
def held(caio: Operator) -> Conversation:
    return builders.make_held(caio)


def test_comes_by_itself_and_goes_when_somebody_resumes(
    console: Console, held: Conversation, caio: Operator
) -> None:
    page = console(caio, f"/operator/c/{held.public_id}/")
    banner = page.locator(".trouble")
    expect(page.locator("#chat")).to_be_visible()
    expect(banner).to_have_count(0)

    pauses.pause(held.sender, Trouble.LOCKED, code=63051, now=clock.now())
    expect(banner).to_contain_text(held.sender.name)

    banner.get_by_role("button").click()
    expect(banner).to_have_count(0)
    assert Sender.objects.get().paused == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_is_usable_by_everybody(
    live_desk: Desk, browser: Browser, held: Conversation, caio: Operator, scheme: Any
) -> None:
    pauses.pause(held.sender, Trouble.SETUP, code=63007, now=clock.now())
    context = browser.new_context(color_scheme=scheme)
    sign_in(context, caio, live_desk.url)
    page = context.new_page()
    for path in ("/operator/", f"/operator/c/{held.public_id}/", "/operator/team/", "/operator/work/"):
        page.goto(live_desk.url + path)
        for width, height in [(1440, 900), (390, 844)]:
            page.set_viewport_size({"width": width, "height": height})
            assert axe.broken(page, only=axe.STRICT) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()
