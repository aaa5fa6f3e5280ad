"""A desk with its stream: the product's own server, on the test's database, in a thread of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page

from handoffflow import server
from operators.models import Operator


class Desk:
    """``stop`` closes every connection; ``start`` opens the same address again."""

    def __init__(self) -> None:
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._running = server.Running(frozenset({"web", "stream"}))
        config = uvicorn.Config(
            server.Application(self._running),
            host="127.0.0.1",
            port=self.port,
            lifespan="on",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        self._server: Any = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the desk did not start"
            time.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        if not self._thread.is_alive():
            return
        if self._running.hub is not None:
            self._server.servers[0].get_loop().call_soon_threadsafe(self._running.hub.stop)
        self._server.should_exit = True
        self._thread.join(10)

    @property
    def listeners(self) -> list[Any]:
        return list(self._running.hub._listeners)

    @property
    def streams(self) -> int:
        return len(self.listeners)


@pytest.fixture
def panel(client: Client, ana: Operator) -> Client:
    client.force_login(ana)
    return client


@pytest.fixture
def live_desk(settings: Any, transactional_db: None) -> Iterator[Desk]:
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
    desk = Desk()
    settings.APP_URL = desk.url
    settings.CSRF_TRUSTED_ORIGINS = [desk.url]
    yield desk
    desk.stop()


def sign_in(context: BrowserContext, operator: Operator, url: str) -> None:
    client = Client()
    client.force_login(operator)
    value = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": value, "url": url}])


def note_complaints(page: Page, said: list[str]) -> None:
    """What the page's policy forbids, and what its scripts did not catch."""
    page.on("console", lambda text: said.append(text.text) if "Security" in text.text else None)
    page.on("pageerror", lambda error: said.append(str(error)))


@pytest.fixture
def console(live_desk: Desk, context: BrowserContext) -> Iterator[Callable[[Operator], Page]]:
    """Opens a console that listens. Whatever the browser complains about fails the test."""
    said: list[str] = []

    def opened(operator: Operator, path: str = "/operator/") -> Page:
        page = context.new_page()
        note_complaints(page, said)
        sign_in(context, operator, live_desk.url)
        page.goto(live_desk.url + path)
        return page

    yield opened
    assert said == []


@pytest.fixture
def opens(live_desk: Desk, new_context: Callable[..., BrowserContext]) -> Iterator[Callable[..., Page]]:
    """Each in a browser of their own. Whatever one complains about fails the test."""
    said: list[str] = []

    def opened(operator: Operator, path: str = "/operator/", **options: Any) -> Page:
        context = new_context(**options)
        sign_in(context, operator, live_desk.url)
        page = context.new_page()
        note_complaints(page, said)
        page.goto(live_desk.url + path)
        return page

    yield opened
    assert said == []
