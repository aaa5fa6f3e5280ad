"""The week itself: a clock that jumps, customers and operators who act, and a worker that is sometimes down."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Min

from conversations import clock, heartbeats, work
from conversations.models import (
    BotAnswer,
    BotTurn,
    Conversation,
    Delivery,
    Due,
    Handoff,
    Mode,
    Queue,
    Sender,
    WorkerHeartbeat,
)
from conversations.twilio import client
from operators.models import Operator, Presence
from tests import builders
from tests.week.customers import Customer
from tests.week.shape import HOUR, MONDAY, QUEUES, Shape
from tests.week.team import Agent
from tests.week.watch import Watch

WORKER = "week"
LATEST = 36 * HOUR
"""After the last shift everybody comes once more and clears up; by then all is done."""


class World:
    def __init__(self, shape: Shape, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shape, self.rng = shape, random.Random(seed)  # noqa: S311 (a story, not a secret)
        self.now, self.counts = MONDAY, Counter[str]()
        self.started_at: datetime | None = None
        self.swept_at = MONDAY
        self.clearing_up = False
        self._sids = itertools.count(1)
        monkeypatch.setattr(clock, "now", lambda: self.now)
        monkeypatch.setattr(client, "send", self._sent)
        self.sender = self._company()
        self.team = [Agent(operator, self) for operator in self._operators()]
        self._coming: list[tuple[datetime, int, Customer]] = []
        self._ties = itertools.count()
        for number in range(shape.conversations):
            self._expect(Customer(number, self), MONDAY + self._somewhen())
        self.watch = Watch(self)

    async def _sent(self, *_account: Any, **_message: Any) -> client.Outcome:
        self.counts["messages sent"] += 1
        return client.Outcome("accepted", sid=f"SMe{next(self._sids):031x}", status="queued")

    def _company(self) -> Sender:
        sender = builders.make_sender()
        for name, settings in QUEUES.items():
            queue, _made = Queue.objects.get_or_create(organization=sender.organization, name=name)
            Queue.objects.filter(pk=queue.pk).update(**settings)
            if not queue.is_default:
                BotAnswer.objects.create(
                    sender=sender, label=name, keywords=name.lower(), hands_over=True, queue=queue
                )
        return sender

    def _operators(self) -> list[Operator]:
        queues = list(Queue.objects.order_by("pk"))
        people = []
        for number in range(self.shape.operators):
            person = builders.make_operator(
                f"operator{number}", capacity=self.rng.randint(2, 5), staff=number == 0
            )
            # Between them they serve every queue, and nobody but the supervisor all of them.
            person.queues.set([queues[number % len(queues)], *self.rng.sample(queues, 2)])
            people.append(person)
        return people

    def _somewhen(self) -> timedelta:
        """Mostly while somebody is there, sometimes at night."""
        shape, day = self.shape, self.rng.randrange(self.shape.days) * 24 * HOUR
        if self.rng.random() < 0.1:
            return day + self.rng.random() * 24 * HOUR
        return day + shape.opens + self.rng.uniform(-0.05, 0.9) * shape.shift

    # The loop -------------------------------------------------------------------------------------

    def run(self) -> None:
        end = MONDAY + (self.shape.days - 1) * 24 * HOUR + self.shape.opens + self.shape.shift
        for day in range(self.shape.days):
            opens = MONDAY + day * 24 * HOUR + self.shape.opens
            self._roster(opens)
            self._live(until=min(opens + 24 * HOUR - self.shape.opens, end))
        self._coming.clear()  # from here on nobody writes
        self.clearing_up = True
        for agent in self.team:
            agent.shift = (self.now, self.now + LATEST)
        self._live(until=self.now + LATEST, all_done=True)
        self.watch.at_the_end()

    def _roster(self, opens: datetime) -> None:
        for agent in self.team:
            comes = opens + self.rng.uniform(-0.05, 0.1) * self.shape.shift
            agent.shift = (comes, opens + self.rng.uniform(0.75, 1.0) * self.shape.shift)

    def _live(self, *, until: datetime, all_done: bool = False) -> None:
        while self.now < until and not (all_done and self._done()):
            self._tick(self._next(until))

    def _done(self) -> bool:
        return not Conversation.objects.exclude(mode=Mode.BOT).exists()

    def _tick(self, then: datetime) -> None:
        while self._coming and self._coming[0][0] <= then:
            self.now, _tie, customer = heapq.heappop(self._coming)
            if pause := customer.act(self.now):
                self._expect(customer, self.now + pause)
        self.now = then
        for agent in self.rng.sample(self.team, len(self.team)):
            agent.act(then, self.watch.shown)
        if self._works(then):
            self._sweep(then)
        self.watch.after_step(then)
        self.counts["steps"] += 1

    def _expect(self, customer: Customer, at: datetime) -> None:
        heapq.heappush(self._coming, (at, next(self._ties), customer))

    def _next(self, until: datetime) -> datetime:
        soonest = self.now + self.shape.step
        if any(agent.here for agent in self.team):
            return soonest
        expected = [agent.shift[0] for agent in self.team if agent.shift and agent.shift[0] > self.now]
        expected += [self._coming[0][0]] if self._coming else []
        expected += _due()
        return max(soonest, min([*expected, until]))

    # The worker -----------------------------------------------------------------------------------

    def _works(self, now: datetime) -> bool:
        return not any(MONDAY + begins <= now < MONDAY + begins + span for begins, span in self.shape.outages)

    def _sweep(self, now: datetime) -> None:
        if self.started_at is None or any(
            self.swept_at < MONDAY + begins + span <= now for begins, span in self.shape.outages
        ):
            self.started_at = now
            heartbeats.leave(WORKER)
            self.counts["workers started"] += 1
        else:
            # It has beaten all along, which nobody looked at.
            WorkerHeartbeat.objects.filter(name=WORKER).update(beat_at=now - timedelta(seconds=1))
        heartbeats.beat(WORKER, started_at=self.started_at, now=now)
        if min(_due(), default=now) <= now:
            self.counts["rows handled"] += work.run_once(now)
        self.swept_at = now


def _due() -> list[datetime]:
    """When the next row of each kind falls due: a worker that looked earlier would find nothing."""
    models: tuple[type[Due], ...] = (Handoff, BotTurn, Delivery, Queue, Presence)
    soonest = [model._default_manager.aggregate(at=Min("due_at"))["at"] for model in models]
    return [at for at in soonest if at]
