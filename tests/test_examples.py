"""The programs in examples/ do what the documentation says of them: run as they are, against the product."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from conversations import clock
from conversations.contract import Release
from conversations.models import Author, Handoff, Overheard
from handoffflow.simulator.standin import free_port
from handoffflow.subscriptions import Notice
from handoffflow.webhooks import keeping
from operators import desk
from operators.models import Operator
from tests import builders
from tests.conftest import ROOT
from tests.conversations.botserver import Said, serving
from tests.webhooks.receiving import look

SECRET = "shown once in the administration"
MOST_LINES = 40


@contextmanager
def running(name: str, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of an example, and its process."""
    port = free_port()
    command = [sys.executable, str(ROOT / "examples" / name), str(port)]
    with subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            _until_it_listens(port)
            yield f"http://localhost:{port}/", process
        finally:
            process.terminate()


def asks(url: str) -> None:
    """João's messages are answered by the bot at this address."""
    sender = builders.make_sender()
    sender.bot_engine, sender.bot_url, sender.bot_secret = "webhook", url, SECRET
    sender.bot_hears_operators = True
    sender.save()


@pytest.fixture
def example(settings: Any, transactional_db: None) -> Iterator[str]:
    """The address of the bot, which the sender asks."""
    settings.INTERNAL_HOSTS = frozenset({"localhost"})
    with running("webhook_bot.py", BOT_SECRET=SECRET) as (url, _process):
        asks(url)
        yield url


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


def test_rasa_answers_calls_a_person_and_is_told_how_that_ended(
    settings: Any, transactional_db: None
) -> None:
    settings.INTERNAL_HOSTS = frozenset({"localhost"})
    with serving() as rasa:
        here = f"http://127.0.0.1:{rasa.port}"
        with running("rasa_bridge.py", BOT_SECRET=SECRET, RASA_URL=here) as (url, _process):
            asks(url)
            rasa.says = [
                Said(
                    b'[{"recipient_id": "x", "text": "Oi!"}, {"recipient_id": "x", "text": "Qual pedido?"}]'
                ),
                Said(b'[{"recipient_id": "x", "custom": {"handoff": {"reason": "troca"}}}]'),
                Said(b'[{"recipient_id": "x", "text": "Voltei."}]'),
            ]
            builders.says("oi")
            turn_comes()
            builders.says("quero trocar")
            turn_comes()
            handoff = Handoff.objects.get(open_for=builders.thread())
            ana = builders.make_operator("ana")
            _serves(ana)
            turn_comes()

    assert spoken() == ["Oi!", "Qual pedido?", "Voltei."]
    assert handoff.reason == "troca"
    sender = str(builders.thread().public_id)
    assert rasa.asked == [
        {"sender": sender, "message": text} for text in ("oi", "quero trocar", "/service_ended")
    ]


def _serves(ana: Operator) -> None:
    """She says something, of which the bridge tells Rasa nothing, and gives the conversation back."""
    now = clock.now()
    conversation = desk.claim(builders.thread(), operator=ana, door="panel", now=now).conversation
    held = builders.fresh(conversation)
    desk.reply(held, operator=ana, door="panel", body="Já vi.", epoch=held.epoch, client_key=None, now=now)
    assert builders.time_passes("overheard", clock.now()) == 1
    assert not Overheard.objects.exists()
    desk.release(
        held,
        operator=ana,
        by=desk.cause(ana, "panel"),
        epoch=held.epoch,
        seen=builders.fresh(held).seq,
        release=Release(outcome="solved", resume="bot_now"),
        now=clock.now(),
    )


def test_the_receiver_takes_each_event_once_and_only_from_us(settings: Any, transactional_db: None) -> None:
    settings.INTERNAL_HOSTS = frozenset({"localhost"})
    with running("receiver.py", HOOK_SECRET=SECRET) as (url, process):
        company = builders.make_sender().organization
        kinds = ["message.received"]
        ours = keeping.make(company, name="ours", url=url, kinds=kinds, secret=SECRET, now=clock.now())
        keeping.make(company, name="theirs", url=url, kinds=kinds, now=clock.now())
        builders.says("oi")
        look()
        keeping.replay(Notice.objects.get(subscription=ours), clock.now())
        builders.says("tudo bem?")
        look()

        lines = [process.stdout.readline().split() for _line in range(2)] if process.stdout else []

    thread = str(builders.thread().public_id)
    assert lines == [["message.received", thread, "2"], ["message.received", thread, "4"]]
    states = Notice.objects.order_by("subscription", "seq").values_list("state", "status")
    assert list(states) == [("delivered", 204), ("delivered", 204), ("waiting", 401), ("waiting", None)]


@pytest.mark.parametrize("name", ["webhook_bot.py", "receiver.py", "rasa_bridge.py"])
def test_an_example_fits_on_a_page(name: str) -> None:
    written = (ROOT / "examples" / name).read_text().splitlines()
    assert len([line for line in written if line.strip()]) <= MOST_LINES
