"""PostgreSQL is restarted under traffic: requests fail only while it is away, and nothing needs a hand afterwards."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from handoffflow.simulator.standin import free_port
from tests import cluster
from tests.faults.case import Case
from tests.faults.world import World
from tests.processes import crowd

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.long]

FULL = bool(os.environ.get("FAULTS"))
ALL = "web,stream,worker"
LAYOUTS = [(ALL,), ("web", "stream", "worker")] if FULL else [(ALL,)]
BACK_SECONDS = 3.0
"""After the database answers again, until everything does."""
AWAY = {"503"}
"""What a webhook is told while nothing can be stored: Twilio tries again."""


class Traffic:
    """Customers, integrations and a browser, each in a thread; what they were told, and when."""

    def __init__(self, world: World) -> None:
        self.world, self.cookie = world, world.call("session", "ana")
        self.served, self.greeted = crowd.cases(world, 3, "held"), crowd.cases(world, 2, "with_bot")
        self.told: list[tuple[float, float, str, int]] = []
        self._over = threading.Event()

    def __enter__(self) -> Traffic:
        # A bot that says more than twenty lines in ten minutes is taken for one of two that talk to each other.
        writers = [partial(self._writes, case, 0.3) for case in self.served]
        writers += [partial(self._writes, case, 1.2) for case in self.greeted]
        posters = [partial(self._posts, case) for case in self.served]
        self._threads = crowd.at_once([*writers, *posters, self._looks])
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def cases(self) -> list[Case]:
        return self.served + self.greeted

    def _writes(self, case: Case, pause: float) -> None:
        while not self._over.wait(pause):
            case.writes("menu")

    def _posts(self, case: Case) -> None:
        number = 0
        while not self._over.wait(0.2):
            number += 1
            self._ask("call", partial(case.says, f"Linha {number}"))

    def _looks(self) -> None:
        while not self._over.wait(0.2):
            self._ask("page", self._page)

    def _ask(self, what: str, call: Callable[[], int]) -> None:
        began = time.time()
        status = call()
        self.told.append((began, time.time(), what, status))

    def _page(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.world.port, timeout=60)
        connection.request("GET", "/operator/", headers={"Cookie": self.cookie})
        try:
            return connection.getresponse().status
        finally:
            connection.close()

    def webhooks(self) -> list[tuple[float, float, str, str]]:
        """When each webhook was tried, until when, and what it was answered."""
        sids = {sid for case in self.cases for sid in case.sids}
        jobs = [job for job in self.world.standin.ledger.jobs() if job.sid in sids and job.done]
        return [
            ((job.done or 0) - (job.ms or 0) / 1000, job.done or 0, "webhook", str(job.result))
            for job in jobs
        ]


@pytest.mark.parametrize("layout", LAYOUTS, ids=" ".join)
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_requests_fail_only_inside_the_outage(
    on_postgres: World, postgres: cluster.Cluster, mode: str, layout: tuple[str, ...]
) -> None:
    world = on_postgres
    desks = [world.start(only=role, port=free_port()) for role in layout]
    world.ports[:] = [desk.port for desk, role in zip(desks, layout, strict=True) if "web" in role]
    streaming = [desk.port for desk, role in zip(desks, layout, strict=True) if "stream" in role]
    traffic = Traffic(world)
    with crowd.panels(world, streaming * 3, returns=True) as panels:
        newest = world.call("newest_event")
        with traffic:
            time.sleep(1.5)
            began = time.time()
            postgres.control("restart", "-m", mode)
            over = time.time()
            time.sleep(BACK_SECONDS + 1.5)
        webhooks = traffic.webhooks()
        crowd.all_is_well(world, traffic.cases)
        crowd.all_hear(world, panels, newest)

    failed = [one for one in traffic.told if one[3] not in {200, 202}]
    failed_webhooks = [one for one in webhooks if one[3] != "200"]
    outside = [one for one in failed + failed_webhooks if one[1] < began or one[0] > over + BACK_SECONDS]
    assert outside == []
    assert failed + failed_webhooks, "there was no outage"
    assert {status for *_when, status in failed_webhooks} <= AWAY
    assert {status for *_when, what, status in failed if what == "call"} <= {503}
    assert {status for *_when, what, status in failed if what == "page"} <= {500, 503}
    assert [desk.wait(0) for desk in desks] == [None] * len(desks)
    assert [story["mode"] for story in world.call("stories", [one.customer for one in traffic.greeted])] == [
        "bot"
    ] * 2
