"""A worker that is stopped past its lease and wakes up again: what others did meanwhile stands."""

from __future__ import annotations

import pytest

from tests.faults.case import Case
from tests.faults.world import World, until

FROZEN_FOR = 3
"""Seconds that the point holds the worker: it is stopped within them and wakes up after its lease."""


@pytest.mark.parametrize("point", ["delivery.leased", "delivery.answered", "bot.answered"])
def test_a_worker_frozen_past_its_lease_changes_nothing(world: World, point: str) -> None:
    case = Case(world, 0)
    case.begin("with_bot" if point == "bot.answered" else "held")
    world.standin.script("lost", customer=case.customer)
    try:
        world.start(f"{point}:sleep:{FROZEN_FOR}")
        if point == "bot.answered":
            case.writes("oi")
        else:
            assert case.says("Linha") == 202
        until(lambda: world.call("held_rows", case.customer), "the worker holds the row")
        if point == "delivery.answered":
            until(lambda: world.answered(case.customer) == 2, "Twilio takes the message")
        world.freeze()
        until(lambda: world.call("take_over"), "another worker takes over")
        before = world.call("rows", case.customer)
        world.thaw()
        woken(case)

        assert world.call("rows", case.customer) == before
        case.recover()
        case.check()
    finally:
        world.kill()


def woken(case: Case) -> None:
    """The worker has gone on after the point: it is done with a row that came later."""
    other = Case(case.world, 1)
    other.begin("")
    other.writes("oi")
    until(lambda: case.world.answered(other.customer), "the worker goes on")
