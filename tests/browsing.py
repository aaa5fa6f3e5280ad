"""What tests do to a console that is open in a browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, Route

from conversations.models import Conversation
from tests.operators.conftest import Desk

HIDDEN = """
Object.defineProperty(document, "hidden", { get: () => true });
Object.defineProperty(document, "visibilityState", { get: () => "hidden" });
"""
"""For a page behind other windows, before it is opened."""


def chat(conversation: Conversation) -> str:
    return f"/operator/c/{conversation.public_id}/"


def box(page: Page) -> Locator:
    return page.get_by_label("Mensagem", exact=True)


ASKED = """() => {
  const done = performance.getEntriesByType("resource").map(({ name }) => name);
  const answered = (part) => done.some((name) => name.includes(part));
  const quiet = !document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling");
  return quiet && answered("/list?") && (!document.querySelector("#bubbles") || answered("/thread?"));
}"""


def streaming(page: Page, live_desk: Desk, count: int = 1) -> None:
    """Wait until so many streams are open, and what the page asked for then has been answered and drawn."""
    wait_for(lambda: live_desk.streams == count, page)
    page.wait_for_function(ASKED)


def wait_for(happened: Callable[[], Any], page: Page) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)


PROBE = "/intercepted-yet"
IN_FORCE = f"() => fetch('{PROBE}').then(({{ status }}) => status === 204)"


def intercept(page: Page, path: str, answer: Callable[[Route], Any], *, times: int | None = None) -> None:
    """``page.route`` on a page that is open, in force when this returns.

    Chromium says that it intercepts before a busy page does: with a task of 20 to 30 ms after the other in it, the
    request of a key pressed right after ``route`` went to the server 16 times in 240, and never once the page had one
    intercepted before.
    """
    page.route(path, answer, times=times)
    page.route(f"**{PROBE}", lambda route: route.fulfill(status=204))
    page.wait_for_function(IN_FORCE)


def hold_back(page: Page, path: str) -> list[Route]:
    """Requests that have no answer until somebody gives them one."""
    held: list[Route] = []
    intercept(page, path, lambda route: held.append(route))
    return held


def answer_all(held: list[Route]) -> None:
    for route in held:
        route.fulfill(response=route.fetch())
