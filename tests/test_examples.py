"""The programs in examples/ do what the documentation says of them: run as they are, against the product."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from conversations import clock
from conversations.models import Author, Handoff
from handoffflow.simulator.standin import free_port
from tests import builders
from tests.conftest import ROOT

SECRET = "shown once in the administration"
MOST_LINES = 40


@pytest.fixture
def example(settings: Any, transactional_db: None) -> Iterator[str]:
    """The address of the bot, which the sender asks."""
    settings.INTERNAL_HOSTS = frozenset({"localhost"})
    port = free_port()
    command = [sys.executable, str(ROOT / "examples/webhook_bot.py"), str(port)]
    with subprocess.Popen(
        command, env=os.environ | {"BOT_SECRET": SECRET}, stderr=subprocess.DEVNULL
    ) as running:
        url = f"http://localhost:{port}/"
        _until_it_listens(port)
        sender = builders.make_sender()
        sender.bot_engine, sender.bot_url, sender.bot_secret = "webhook", url, SECRET
        sender.save()
        yield url
        running.terminate()


def _until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("localhost", port, timeout=5)
            connection.request("POST", "/", b"{}")
            assert connection.getresponse().status == 401  # nobody has signed this
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the example does not listen")


def turn_comes() -> None:
    builders.time_passes("call", clock.now() + timedelta(seconds=30))


def spoken() -> list[str]:
    return [one.body for one in builders.bubbles(builders.thread()) if one.author == Author.BOT]


def test_the_webhook_bot_answers_remembers_and_hands_over(example: str) -> None:
    builders.says("Cadê o pedido 48213?")
    turn_comes()
    assert spoken() == ["Order 48213 arrives tomorrow."]
    assert builders.thread().contact.attributes == {"order": "48213"}

    builders.says("Quero trocar a cor")
    turn_comes()
    assert spoken()[1] == "I will call somebody."
    assert Handoff.objects.get(open_for=builders.thread()).summary == "quero trocar a cor"


def test_the_webhook_bot_fits_on_a_page() -> None:
    written = (ROOT / "examples/webhook_bot.py").read_text().splitlines()
    assert len([line for line in written if line.strip()]) <= MOST_LINES
