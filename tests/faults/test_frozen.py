"""A worker that is stopped past its lease and wakes up again: what others did meanwhile stands."""

from __future__ import annotations

import pytest

from tests.faults.case import Case
from tests.faults.world import LOOK_SECONDS, World, until

# One world for all of them takes longer to make than most of them to run.
pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.long]

HELD_FOR = 2
"""Seconds that the point holds the worker: it is stopped within them and goes on after its lease."""


BOTS = ("bot.answered", "delivery.leased", "delivery.sending")
"""Reached by a line of the bot's; an operator's is begun together with others."""


UNSENT = ("delivery.sending", "batch.sending")
"""Begun, and not called yet: no call is made any more, and Twilio's list shows that there was none."""


@pytest.mark.parametrize("point", [*BOTS, "batch.leased", "batch.sending", "delivery.answered"])
def test_a_worker_frozen_past_its_lease_changes_nothing(world: World, point: str) -> None:
    case = Case(world, 0)
    case.begin("with_bot" if point in BOTS else "held")
    case.may_fail = int(point in UNSENT)
    world.standin.script("lost", customer=case.customer)
    try:
        world.start(f"{point}:sleep:{HELD_FOR}")
        if point in BOTS:
            case.writes("oi")
        else:
            assert case.says("Linha") == 202
        until(lambda: world.said("failpoint: held"), "the worker is at the point")
        world.freeze()
        until(lambda: world.call("take_over"), "another worker takes over", every=LOOK_SECONDS)
        before, calls = world.call("rows", case.customer), calls_for(case)
        world.thaw()
        woken(case)

        assert world.call("rows", case.customer) == before
        assert point not in UNSENT or calls_for(case) == calls
        case.recover()
        case.check()
    finally:
        world.kill()


def test_nobody_is_stopped_in_the_middle_of_a_transaction(world: World) -> None:
    case = Case(world, 0)
    case.begin("with_bot")
    try:
        world.start("intake.locked:sleep:1")
        case.writes("oi")
        until(lambda: world.said("failpoint: held"), "the webhook has the conversation's row")
        assert not world.call("writable")
        until(lambda: world.call("writable"), "its transaction is over", every=LOOK_SECONDS)
        assert world.said("failpoint: let go")
    finally:
        world.kill()


def calls_for(case: Case) -> int:
    return sum(message.customer == case.customer for message in case.world.standin.sent())


def woken(case: Case) -> None:
    """The worker has gone on after the point, and is done with a row that came later."""
    until(lambda: case.world.said("failpoint: let go"), "the worker goes on")
    other = Case(case.world, 1)
    other.begin("")
    other.writes("oi")
    until(lambda: case.world.answered(other.customer), "the worker works")
