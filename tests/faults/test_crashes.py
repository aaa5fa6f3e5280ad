"""The desk is killed at each of its failpoints and started again: nothing lost, nothing twice, nothing stuck.

The stand-in's ledger is the witness of what customers were really sent. ``make faults`` does it a hundred times
each and prints what happened; FAULTS=20 twenty times.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from conversations import failpoints
from tests.faults.case import ASK, Case
from tests.faults.world import World, until

_WANTED = os.environ.get("FAULTS") or "2"
ROUNDS = 100 if _WANTED == "full" else int(_WANTED)

Expect = Callable[[dict[str, Any]], None]
Drive = Callable[[Case, str], Expect]


def count(story: dict[str, Any], author: str) -> int:
    return sum(message["author"] == author for message in story["messages"])


def greets_a_customer(case: Case, armed: str) -> Expect:
    case.begin("with_bot" if case.odd else "")
    case.world.start(armed)
    case.writes("oi")
    answers = 2 if case.odd else 1

    def expect(story: dict[str, Any]) -> None:
        assert count(story, "bot") == answers

    return expect


def sends_a_line(case: Case, armed: str) -> Expect:
    """An operator's, or a bot's whose delivery reports get lost as well."""
    case.begin("with_bot" if case.odd else "held")
    case.may_fail = int("delivery.sending" in armed)
    return sends_a_line_of(case, armed)


def sends_a_line_of(case: Case, armed: str = "") -> Expect:
    if case.odd:
        case.world.standin.script("lost", customer=case.customer)
    case.world.start(armed)
    if case.odd:
        case.writes("oi")
    else:
        case.says(f"Linha {case.number}")

    def expect(story: dict[str, Any]) -> None:
        assert count(story, "bot" if case.odd else "operator") == (2 if case.odd else 1)

    return expect


def calls_a_person(case: Case, armed: str) -> Expect:
    case.begin("with_bot" if case.odd else "")
    case.world.start(armed)
    if case.odd:
        case.posts("handoff/request", reason="refund", summary="Quer o dinheiro.")
    else:
        case.writes(ASK)

    def expect(story: dict[str, Any]) -> None:
        assert (story["mode"], story["open"], story["handoffs"]) == ("queued", 1, 1)
        assert story["kinds"].count("handoff.requested") == count(story, "system") == 1

    return expect


def claims(case: Case, armed: str) -> Expect:
    case.begin("with_bot" if case.odd else "waiting")
    case.world.start(armed)
    case.assigns()

    def expect(story: dict[str, Any]) -> None:
        assert (story["mode"], story["open"], story["handoffs"]) == ("human", 1, 1)
        assert story["kinds"].count("handoff.claimed") == 1

    return expect


def releases(case: Case, armed: str) -> Expect:
    case.begin("held")
    case.world.start(armed)
    resume = "bot_now" if case.odd else "wait"
    case.posts("handoff/release", outcome="solved", last_seen_seq=1000, summary="Pronto.", resume=resume)

    def expect(story: dict[str, Any]) -> None:
        assert (story["mode"], story["open"], story["handoffs"]) == ("bot", 0, 1)
        assert story["kinds"].count("handoff.released") == 1
        assert count(story, "bot") == int(case.odd)

    return expect


def tries_a_failed_webhook_again(case: Case, armed: str) -> Expect:
    case.begin("with_bot" if case.odd else "")
    case.world.start("intake.appended:raise")
    case.writes("oi")
    case.world.redeliver(case.sids[0])
    case.world.kill()
    assert case.world.call("failed_are_due") == 1
    case.world.start(armed)
    answers = 2 if case.odd else 1

    def expect(story: dict[str, Any]) -> None:
        assert count(story, "bot") == answers

    return expect


DRIVES: dict[str, Drive] = {
    "webhook.arrived": greets_a_customer,
    "webhook.verified": greets_a_customer,
    "webhook.recorded": greets_a_customer,
    "webhook.stored": greets_a_customer,
    "intake.appended": greets_a_customer,
    "bot.asking": greets_a_customer,
    "bot.answered": greets_a_customer,
    "bot.accepted": greets_a_customer,
    "delivery.leased": sends_a_line,
    "delivery.sending": sends_a_line,
    "delivery.answered": sends_a_line,
    "delivery.settled": sends_a_line,
    "handoff.requesting": calls_a_person,
    "handoff.claiming": claims,
    "handoff.releasing": releases,
    "retry.applied": tries_a_failed_webhook_again,
}
DURING_THE_CALL = "(during the call)"
"""No failpoint: Twilio has taken the message and says nothing, and the desk is killed from outside."""


def crash(case: Case, point: str) -> Expect:
    if point == DURING_THE_CALL:
        return crash_during_the_call(case)
    expect = DRIVES[point](case, f"{point}:kill")
    assert case.world.died(), f"{point} was not reached"
    return expect


def crash_during_the_call(case: Case) -> Expect:
    case.begin("with_bot" if case.odd else "held")
    before = case.world.answered(case.customer)
    case.world.standin.script("accept_then_timeout", customer=case.customer)
    expect = sends_a_line_of(case)
    until(lambda: case.world.answered(case.customer) > before, "Twilio takes the message")
    case.world.kill()
    return expect


@pytest.mark.parametrize("point", [*DRIVES, DURING_THE_CALL])
def test_a_crash_loses_nothing_and_repeats_nothing(
    world: World, point: str, record_property: Callable[[str, object], None]
) -> None:
    seconds, counts = [], Counter[str]()
    for number in range(ROUNDS):
        case = Case(world, number)
        try:
            expect = crash(case, point)
            began = time.monotonic()
            world.start()
            case.recover()
            seconds.append(time.monotonic() - began)
            expect(case.check())
            case.goes_on()
            counts.update(kills=1, acknowledged=case.acknowledged, shown=case.went, taken=case.took)
        finally:
            world.kill()
    record_property("crashes", [point, dict(counts), sorted(seconds)])


def test_every_failpoint_is_crashed_at() -> None:
    assert set(DRIVES) == set(failpoints.POINTS)
