"""SIGTERM with 20 open streams and sends in hand: the end within five seconds, nothing lost, nothing twice.

What a process leaves is settled by leases, whoever looks at it first: with several processes a row that somebody
is ``sending`` says nothing about whether they live.
"""

from __future__ import annotations

import os
import threading

import pytest

from handoffflow.simulator.standin import free_port
from tests.faults.case import ANSWERED, Case
from tests.faults.forks import Desk
from tests.faults.world import World, until
from tests.processes import crowd

pytestmark = pytest.mark.xdist_group("processes")

ALL = "web,stream,worker"
OTHERS = {ALL: "", "web": "stream,worker", "stream": "web,worker", "worker": "web,stream"}
FULL = bool(os.environ.get("FAULTS"))
GRANTED_SECONDS = 5.0
STREAMS = 20
LINES = 8 if FULL else 4
ANSWERS_AFTER = (0.7, 3.5)
"""Seconds that Twilio takes: within what the worker is given to end, and well beyond."""


def ends_well(world: World, role: str) -> None:
    ending = world.start(only=role)
    others = [world.start(only=OTHERS[role], port=free_port())] if OTHERS[role] else []
    web = ending if "web" in role else others[0]
    streaming = ending if "stream" in role else others[0]
    world.ports[:] = [web.port]
    lines = in_hand(world)
    with crowd.panels(world, [streaming.port] * STREAMS) as panels:
        typing = Typing(world, web)
        seconds = ending.terminate()
        typing.stop()

        assert ending.ended == 0
        assert seconds < GRANTED_SECONDS
        if ending is streaming:
            assert [panel.ended() and panel.ends for panel in panels] == [["cleanly"]] * STREAMS
        before = world.call("newest_event")
        world.start(only=role, port=ending.port)
        crowd.all_is_well(world, [*lines, typing.case])
        if ending is not streaming:
            assert not any(panel.ends for panel in panels)
            crowd.all_hear(world, panels, before)


def in_hand(world: World) -> list[Case]:
    """Lines that Twilio has taken and not answered yet, and one behind each; half of the reports get lost."""
    before = len(world.standin.sent())
    found = crowd.cases(world, LINES, "held")
    for case in found:
        world.standin.script("slow", customer=case.customer, seconds=ANSWERS_AFTER[case.number % 2])
        if case.number % 4 > 1:
            world.standin.script("lost", customer=case.customer)
        assert case.says("um") in ANSWERED
        assert case.says("dois") in ANSWERED
    until(lambda: len(world.standin.sent()) >= before + 2 * len(found), "Twilio has them")
    return found


class Typing:
    """Somebody goes on writing while the desk ends; what nobody answered is sent again later."""

    def __init__(self, world: World, web: Desk) -> None:
        self.case = crowd.cases(world, 1, "held")[0]
        self._web, self._over = web, threading.Event()
        self._thread = threading.Thread(target=self._type)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _type(self) -> None:
        number = 0
        while not self._over.wait(0.05):
            number += 1
            self.case.says(f"Linha {number}")


@pytest.mark.parametrize("role", OTHERS if FULL else ["web", "stream", "worker"])
def test_every_role_ends_well_on_postgresql(on_postgres: World, role: str) -> None:
    ends_well(on_postgres, role)


@pytest.mark.parametrize("role", OTHERS if FULL else [ALL])
def test_every_role_ends_well_on_sqlite(on_sqlite: World, role: str) -> None:
    ends_well(on_sqlite, role)
