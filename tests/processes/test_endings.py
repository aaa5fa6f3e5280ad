"""SIGTERM with 20 open streams and sends in hand: the end within five seconds, nothing lost, nothing twice.

What a process leaves is settled by leases, whoever looks at it first: with several processes a row that somebody
is ``sending`` says nothing about whether they live.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from handoffflow.simulator.standin import free_port
from tests.faults.case import ANSWERED, Case
from tests.faults.world import World, until
from tests.processes import crowd

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.long]

ALL = "web,stream,worker"
OTHERS = {ALL: "", "web": "stream,worker", "stream": "web,worker", "worker": "web,stream"}
FULL = bool(os.environ.get("FAULTS"))
GRANTED_SECONDS = 5.0
STREAMS = 20
LINES = 8 if FULL else 4
ANSWERS_AFTER = 1.0
"""Seconds that Twilio takes for every second line: a worker that ends is given as long. The others it never answers."""


def ends_well(world: World, role: str) -> None:
    lines, typed = crowd.cases(world, LINES, "held"), crowd.cases(world, 1, "held")
    ending = world.start(only=role)
    others = [world.start(only=OTHERS[role], port=free_port())] if OTHERS[role] else []
    web = ending if "web" in role else others[0]
    streaming = ending if "stream" in role else others[0]
    world.ports[:] = [web.port]
    with crowd.panels(world, [streaming.port] * STREAMS) as panels:
        with typing(typed[0]):
            in_hand(world, lines)
            seconds = ending.terminate()

        assert ending.ended == 0
        assert seconds < GRANTED_SECONDS
        if ending is streaming:
            assert [panel.ended() and panel.ends for panel in panels] == [["cleanly"]] * STREAMS
        before = world.call("newest_event")
        world.start(only=role, port=ending.port)
        crowd.all_is_well(world, lines + typed)
        if ending is not streaming:
            assert not any(panel.ends for panel in panels)
            crowd.all_hear(world, panels, before)


def in_hand(world: World, lines: list[Case]) -> None:
    """Twilio has taken a line of each and not answered yet, and one waits behind it; half of the reports get lost."""
    before = {case.customer: world.answered(case.customer) for case in lines}
    for case in lines:
        fault = "slow" if case.odd else "accept_then_timeout"
        world.standin.script(fault, customer=case.customer, seconds=ANSWERS_AFTER)
        if case.number % 4 > 1:
            world.standin.script("lost", customer=case.customer)
    for case in lines:
        assert case.says("um") in ANSWERED
    for case in lines:
        assert case.says("dois") in ANSWERED
    taken = lambda: all(world.answered(case.customer) > before[case.customer] for case in lines)  # noqa: E731
    until(taken, "Twilio has them")


@contextmanager
def typing(case: Case) -> Iterator[None]:
    """Somebody goes on writing while the desk ends; what nobody answered is sent again later."""
    over = threading.Event()

    def types() -> None:
        number = 0
        while not over.wait(0.05):
            number += 1
            case.says(f"Linha {number}")

    (thread,) = crowd.at_once([types])
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("role", OTHERS if FULL else ["web", "stream", "worker"])
def test_every_role_ends_well_on_postgresql(on_postgres: World, role: str) -> None:
    ends_well(on_postgres, role)


@pytest.mark.parametrize("role", OTHERS if FULL else [ALL])
def test_every_role_ends_well_on_sqlite(on_sqlite: World, role: str) -> None:
    ends_well(on_sqlite, role)
