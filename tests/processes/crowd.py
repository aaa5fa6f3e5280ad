"""Many customers and panels at once, and what has to be true of all of them in the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.faults.case import Case
from tests.faults.verdict import Doubled
from tests.faults.world import World, until
from tests.processes.panel import Panel


def cases(world: World, count: int, situation: str) -> list[Case]:
    found = [Case(world, number) for number in range(count)]
    for case in found:
        case.begin()
        world.standin.script("lost", customer=case.customer)
    threads = world.call("several", situation, [case.customer for case in found])
    for case, case.thread in zip(found, threads, strict=True):
        assert case.thread
    return found


@contextmanager
def panels(world: World, ports: Sequence[int], *, returns: bool = False) -> Iterator[list[Panel]]:
    """Ana's consoles, one on each of these ports, once they are open."""
    cookie = world.call("session", "ana")
    found = [Panel(port, cookie, returns=returns) for port in ports]
    try:
        for panel in found:
            assert panel.open.wait(60), panel.ends
        yield found
    finally:
        for panel in found:
            panel.close()


def at_once(calls: Sequence[Callable[[], object]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def all_is_well(world: World, found: Sequence[Case]) -> None:
    """Nothing lost, nothing twice, nothing left to do, and every thread left in order."""
    for case in found:
        case.repeat(case.unanswered)
    world.settle()
    stories = world.call("stories", [case.customer for case in found])
    for case, story in zip(found, stories, strict=True):
        case.compare(story)
        case.in_order(story)


def all_hear(world: World, found: Sequence[Panel], newest: int) -> None:
    """Each panel hears of every event after ``newest``, whichever process wrote it; of none twice."""
    events = {tuple(event) for event in world.call("events_after", newest)}
    for panel in found:
        until(lambda panel=panel: events <= set(panel.heard), "every event is heard")  # type: ignore[misc]
        if len(set(panel.heard)) != len(panel.heard):
            raise Doubled("events were told twice")
