"""The busy day: who says what and when, and that an answer makes them go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from handoffflow.simulator import books, customers, script
from handoffflow.simulator.books import Draft
from handoffflow.simulator.courier import Courier
from handoffflow.simulator.ledger import Ledger

NUMBER = "whatsapp:+551150280000"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger(tmp_path / "simulator.sqlite3", clock=clock)


def at(clock: Clock, ledger: Ledger, second: float) -> None:
    """Look every second until then."""
    while clock.now < 1_000_000 + second:
        clock.now += 1
        script.perform(ledger)


def said(ledger: Ledger, name: str) -> list[str]:
    person = next(one for one in customers.everybody(ledger) if one.name == name)
    return [message.body for message in ledger.thread(person.address) if message.inbound]


def answers(ledger: Ledger, name: str, body: str = "Oi!") -> None:
    person = next(one for one in customers.everybody(ledger) if one.name == name)
    books.accept(ledger, Draft(customer=person.address, number=NUMBER, body=body), steps=())


def test_within_a_minute_everybody_has_written(ledger: Ledger, clock: Clock) -> None:
    with translation.override("en"):
        day = script.busy_day()
        first = script.begin(ledger, number=NUMBER)
    assert first.name == next(iter(day))
    assert len(day) == 8

    at(clock, ledger, 60)

    for name, lines in day.items():
        assert said(ledger, name) == [line.body for line in lines if line.at is not None], name
    assert script.progress(ledger).running


def test_an_answer_makes_them_go_on_and_a_notice_does_not(ledger: Ledger, clock: Clock) -> None:
    with translation.override("en"):
        script.begin(ledger, number=NUMBER)
    at(clock, ledger, 5)
    asked = len(said(ledger, "Rafael Couto"))
    clock.now += 1
    answers(ledger, "Rafael Couto", "You are in the queue")

    at(clock, ledger, 30)
    assert len(said(ledger, "Rafael Couto")) == asked
    answers(ledger, "Rafael Couto")
    at(clock, ledger, 33)
    assert len(said(ledger, "Rafael Couto")) == asked
    at(clock, ledger, 36)

    assert said(ledger, "Rafael Couto")[asked:] == ["Order 48213, in the name of Rafael Couto"]


def test_a_line_is_said_once_and_nothing_after_it_was_stopped(ledger: Ledger, clock: Clock) -> None:
    script.begin(ledger, number=NUMBER)
    at(clock, ledger, 6)
    script.perform(ledger)
    script.perform(ledger)
    before = said(ledger, "Rafael Couto")
    assert len(before) == 2

    script.stop(ledger)
    at(clock, ledger, 90)

    assert said(ledger, "Rafael Couto") == before
    assert not script.progress(ledger).running


def test_the_same_people_play_it_again(ledger: Ledger) -> None:
    script.begin(ledger, number=NUMBER)
    people = customers.everybody(ledger)
    script.begin(ledger, number=NUMBER)

    assert customers.everybody(ledger) == people


def test_files_come_as_files(ledger: Ledger, clock: Clock) -> None:
    script.begin(ledger, number=NUMBER)
    at(clock, ledger, 60)

    kinds = [row["type"] for row in ledger.all("SELECT type FROM media ORDER BY rowid")]
    assert kinds == ["image/png", "audio/ogg"]


def test_whoever_carries_webhooks_plays_it(ledger: Ledger) -> None:
    script.begin(ledger, number=NUMBER)
    unused: Any = None

    Courier(ledger, unused, unused, unused, unused)._look()

    assert len(said(ledger, "Rafael Couto")) == 1


@pytest.mark.django_db
@pytest.mark.urls("tests.simulator.urls")
def test_is_started_and_stopped_with_one_button(ledger: Ledger, settings: Any) -> None:
    settings.SIMULATOR_LEDGER, settings.SIMULATOR_ENABLED = ledger.path, True
    web = Client(headers={"accept-language": "pt-BR"})
    assert "oito clientes em um minuto" in web.get("/simulator/split/").content.decode()

    begun = web.post("/simulator/play/", {"page": "split", "customer": "1"})
    page = web.get(begun["Location"]).content.decode()
    assert "0 de 26 mensagens" in page
    assert ">Rafael</b>" in page
    stopped = web.post("/simulator/play/", {"page": "split", "customer": "1"})

    assert stopped.status_code == 303
    assert "oito clientes em um minuto" in web.get(stopped["Location"]).content.decode()
