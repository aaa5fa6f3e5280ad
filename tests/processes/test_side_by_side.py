"""Several processes on one PostgreSQL: everything is sent once and in order, and every stream hears of everything."""

from __future__ import annotations

import os
import threading
import time
from functools import partial

import pytest

from handoffflow.simulator.standin import free_port
from tests import cluster
from tests.faults.case import ANSWERED, Case
from tests.faults.world import World, until
from tests.processes import crowd

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.long]

FULL = bool(os.environ.get("FAULTS"))
ALL = "web,stream,worker"
CUSTOMERS = 6 if FULL else 3
LINES = 10 if FULL else 4


@pytest.mark.parametrize("roles", [(ALL, ALL), ("web", "stream", "worker", "worker")], ids=" ".join)
def test_processes_share_the_work(on_postgres: World, roles: tuple[str, ...]) -> None:
    world = on_postgres
    before = set(world.call("workers"))
    desks = [world.start(only=role, port=free_port()) for role in roles]
    world.ports[:] = [desk.port for desk, role in zip(desks, roles, strict=True) if "web" in role]
    streaming = [desk.port for desk, role in zip(desks, roles, strict=True) if "stream" in role]
    served, greeted = crowd.cases(world, CUSTOMERS, "held"), crowd.cases(world, CUSTOMERS, "with_bot")
    with crowd.panels(world, streaming * 2) as panels:
        newest = world.call("newest_event")
        talks = [partial(talk, case, world.ports) for case in served]
        for thread in crowd.at_once([*talks, *(partial(chatter, case) for case in greeted)]):
            thread.join()
        crowd.all_is_well(world, served + greeted)
        crowd.all_hear(world, panels, newest)

    assert len(set(world.call("workers")) - before) == sum("worker" in role for role in roles)


def talk(case: Case, ports: list[int]) -> None:
    """An operator's lines over every process in turn, and the customer's in between."""
    for number in range(LINES):
        assert case.says(f"Linha {number}", port=ports[number % len(ports)]) in ANSWERED
        case.writes(f"Sim, {number}")


def chatter(case: Case) -> None:
    for _number in range(LINES):
        case.writes("menu")
        time.sleep(0.1)


def test_streams_hold_no_connection(on_postgres: World, postgres: cluster.Cluster) -> None:
    """What a process with streams keeps is the hub's, its ear's and nothing for each of them."""
    world = on_postgres
    desk = world.start(only="stream")
    with crowd.panels(world, [desk.port]):
        until(lambda: postgres.backends("desk") <= 2, "the hub and its ear are alone")
        with crowd.panels(world, [desk.port] * 20):
            until(lambda: postgres.backends("desk") <= 2, "twenty streams and no connection of theirs")


def test_a_busy_thread_does_not_keep_a_process_alive(on_postgres: World, postgres: cluster.Cluster) -> None:
    """The pool's threads are none that Python waits for: one may be at work for long."""
    world = on_postgres
    desk = world.start()
    case = crowd.cases(world, 1, "held")[0]
    with postgres.locked("desk", "conversations_conversation"):
        threading.Thread(target=partial(case.says, "Oi"), daemon=True).start()
        until(lambda: postgres.waiting("desk"), "the request waits for the lock")
        desk.terminate()  # while the thread still waits

    assert desk.ended == 0
    world.start()
    crowd.all_is_well(world, [case])


def test_a_worker_that_blocks_its_loop_holds_up_nobody(on_postgres: World) -> None:
    """It has a loop and threads of its own; streams and pages are on another."""
    world = on_postgres
    desk = world.start("settling.listed:sleep:4")
    case, other = crowd.cases(world, 2, "held")
    world.standin.script("reset_after_accept", customer=case.customer)
    world.standin.script("lost", customer=case.customer)
    with crowd.panels(world, [desk.port]) as panels:
        assert case.says("Linha") in ANSWERED
        until(lambda: desk.said("failpoint: held"), "the worker's loop is blocked")
        newest = world.call("newest_event")
        other.writes("Oi?")
        until(lambda: world.acknowledged(other.sids[0]), "the webhook is answered")
        crowd.all_hear(world, panels, newest)

        assert not desk.said("failpoint: let go")
    crowd.all_is_well(world, [case, other])
