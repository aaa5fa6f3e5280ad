"""The page of the API in a browser, under its real policy."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import axe

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_can_be_read_by_everybody(page: Page, live_server: Any, width: int) -> None:
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.set_viewport_size({"width": width, "height": 800})

    page.goto(f"{live_server.url}/api/v1/docs")

    expect(page.get_by_role("heading", level=1)).to_contain_text("API")
    page.get_by_role("link", name="POST /conversations/{conv_id}/handoff/release").click()
    expect(page.locator("#release_handoff")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert axe.broken(page) == []
    assert complaints == []
