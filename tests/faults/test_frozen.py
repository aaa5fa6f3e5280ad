"""A worker that is stopped past its lease and wakes up again: what others did meanwhile stands."""

from __future__ import annotations

import pytest

from tests.faults.case import Case
from tests.faults.world import World, until

HELD_FOR = 2
"""Seconds that the point holds the worker: it is stopped within them and goes on after its lease."""


BOTS = ("bot.answered", "delivery.leased")
"""Reached by a line of the bot's; an operator's is begun together with others."""


@pytest.mark.parametrize("point", [*BOTS, "batch.leased", "delivery.answered"])
def test_a_worker_frozen_past_its_lease_changes_nothing(world: World, point: str) -> None:
    case = Case(world, 0)
    case.begin("with_bot" if point in BOTS else "held")
    world.standin.script("lost", customer=case.customer)
    try:
        world.start(f"{point}:sleep:{HELD_FOR}")
        if point in BOTS:
            case.writes("oi")
        else:
            assert case.says("Linha") == 202
        until(lambda: world.said("failpoint: held"), "the worker is at the point")
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
    """The worker has gone on after the point, and is done with a row that came later."""
    until(lambda: case.world.said("failpoint: let go"), "the worker goes on")
    other = Case(case.world, 1)
    other.begin("")
    other.writes("oi")
    until(lambda: case.world.answered(other.customer), "the worker works")
