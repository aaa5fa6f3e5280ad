"""The worker: one row, one holder; a handler may fail, the loop may not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.db.models.functions import Now

from conversations import clock, heartbeats, leases, threads, wakeup, work
from conversations.models import BotTurn, Conversation, Delivery, WorkerHeartbeat
from conversations.worker import Worker
from handoffflow.simulator.standin import StandIn
from operators.models import Operator
from tests.builders import make_held, make_operator, make_with_bot
from tests.conversations.outbox import only_deliveries, operator_says, shown
from tests.conversations.outbox import twilio as twilio

JOAOS = [f"whatsapp:+55119000000{number:02d}" for number in range(6)]


@pytest.fixture
def due(db: None) -> BotTurn:
    """A row that is due, of a kind that these tests handle themselves."""
    conversation = make_with_bot()
    BotTurn.objects.all().delete()
    return BotTurn.objects.create(
        conversation=conversation, cause_seq=1, epoch=0, latest_at=clock.now(), due_at=clock.now()
    )


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a function handle bot turns, and nothing else handle anything."""
    monkeypatch.setattr(work, "MODULES", ())
    monkeypatch.setattr(work, "handlers", {})

    def by(function: Any, **options: Any) -> None:
        work.handles(BotTurn, name="turn", **options)(function)

    return by


def read(row: BotTurn) -> BotTurn:
    return BotTurn.objects.get(pk=row.pk)


def _due(row: BotTurn) -> datetime:
    due_at = read(row).due_at
    assert due_at
    return due_at


class Refusing:
    """Rows that answer every change with this code of MariaDB's."""

    def __init__(self, code: int) -> None:
        self.code = code

    def update(self, **_changes: Any) -> int:
        raise OperationalError from RuntimeError(self.code)


class TestAClaim:
    def test_is_won_by_one(self, due: BotTurn) -> None:
        first, second = read(due), read(due)

        assert (leases.claim(first), leases.claim(second)) == (True, False)
        assert (read(due).lease_number, read(due).attempts) == (1, 1)
        assert (first.lease_number, first.attempts) == (1, 1)

    @pytest.mark.django_db(transaction=True)
    def test_that_a_deadlock_picks_is_lost_like_any_other(
        self, due: BotTurn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On MariaDB one that only waits for the row can be the victim. Within a transaction all of that is lost."""
        row = read(due)
        monkeypatch.setattr(leases, "_as_read", lambda _row: Refusing(1213))

        assert leases.claim(row) is False
        assert row.lease_number == 0
        with pytest.raises(OperationalError), transaction.atomic():
            leases.claim(row)
        monkeypatch.setattr(leases, "_as_read", lambda _row: Refusing(2006))
        with pytest.raises(OperationalError):
            leases.claim(row)

    def test_keeps_others_away_until_the_lease_ends(self, due: BotTurn) -> None:
        row = read(due)
        leases.claim(row, timedelta(seconds=60))
        later = clock.now() + timedelta(days=1)
        assert not leases.due(BotTurn.objects.all(), later).exists()

        BotTurn.objects.update(leased_until=Now() - timedelta(seconds=1))

        assert leases.due(BotTurn.objects.all(), later).get() == due

    def test_is_measured_by_the_clock_of_the_database(self, due: BotTurn) -> None:
        row = read(due)
        leases.claim(row, timedelta(seconds=60))

        assert BotTurn.objects.filter(
            leased_until__gt=Now() + timedelta(seconds=30), leased_until__lte=Now() + timedelta(seconds=60)
        ).exists()

    def test_finds_the_longest_due_first(self, due: BotTurn) -> None:
        older = BotTurn.objects.create(
            conversation=due.conversation,
            cause_seq=1,
            epoch=0,
            latest_at=clock.now(),
            due_at=clock.now() - timedelta(hours=1),
        )
        BotTurn.objects.create(conversation=due.conversation, cause_seq=1, epoch=0, latest_at=clock.now())

        assert list(leases.due(BotTurn.objects.all(), clock.now())) == [older, due]


class TestAHolder:
    def test_may_finish(self, due: BotTurn) -> None:
        row = read(due)
        leases.claim(row)

        assert leases.finish(row, cause_seq=9)
        assert (read(due).due_at, read(due).leased_until, read(due).cause_seq) == (None, None, 9)

    def test_that_was_taken_for_dead_changes_nothing(self, due: BotTurn) -> None:
        frozen = read(due)
        leases.claim(frozen)
        BotTurn.objects.update(leased_until=Now() - timedelta(seconds=1))
        leases.claim(read(due))
        before = BotTurn.objects.values().get()

        assert not leases.finish(frozen, cause_seq=9)
        assert not leases.reschedule(frozen, clock.now(), cause_seq=9)
        assert not leases.keep(frozen, cause_seq=9)
        assert not leases.push_away(frozen, clock.now())
        assert BotTurn.objects.values().get() == before

    def test_finishes_once(self, due: BotTurn) -> None:
        row = read(due)
        leases.claim(row)

        assert (leases.finish(row), leases.finish(row)) == (True, False)


class TestBackOff:
    def test_doubles_up_to_its_limit(self) -> None:
        pauses = [leases.back_off(attempts).total_seconds() for attempts in (1, 3, 5, 7, 9, 50, 10_000)]

        assert pauses[0] < pauses[1] < pauses[2] < pauses[3]
        assert pauses[-1] <= leases.LONGEST_PAUSE * 1.25

    def test_is_never_shorter_than_it_was_asked_to_be(self) -> None:
        assert leases.back_off(1, retry_after=300).total_seconds() >= 300

    def test_spreads(self) -> None:
        assert len({leases.back_off(4) for _ in range(20)}) > 10


class TestRunOnce:
    def test_hands_each_due_row_to_its_handler(self, due: BotTurn, handled: Callable[..., None]) -> None:
        seen: list[tuple[int, datetime]] = []

        def run(row: BotTurn, now: datetime) -> None:
            seen.append((row.pk, now))
            leases.finish(row)

        handled(run)
        now = clock.now()

        assert work.run_once(now) == 1
        assert work.run_once(now) == 0
        assert seen == [(due.pk, now)]

    def test_lets_an_async_handler_use_the_database(self, due: BotTurn, handled: Callable[..., None]) -> None:
        async def run(row: BotTurn, now: datetime) -> None:
            await asyncio.sleep(0)
            await work.in_thread(leases.finish, row, cause_seq=5)

        handled(run)
        work.run_once()

        assert read(due).cause_seq == 5

    def test_leaves_what_is_not_due_or_not_a_candidate(
        self, due: BotTurn, handled: Callable[..., None]
    ) -> None:
        handled(lambda row, now: leases.finish(row), candidates=lambda now: BotTurn.objects.filter(epoch=7))
        assert work.run_once() == 0

        handled(lambda row, now: leases.finish(row))
        assert work.run_once(clock.now() - timedelta(hours=1)) == 0
        assert work.run_once() == 1

    def test_asks_about_candidates_only_when_something_is_due(
        self, due: BotTurn, handled: Callable[..., None]
    ) -> None:
        asked: list[datetime] = []

        def candidates(now: datetime) -> Any:
            asked.append(now)
            return BotTurn.objects.all()

        handled(lambda row, _now: leases.finish(row), candidates=candidates)
        now, second = clock.now(), timedelta(seconds=1)
        look = partial(work.claim_due, work.handlers["turn"], now, limit=1, ahead=second)

        for due_at in (None, now + 2 * second):
            BotTurn.objects.update(due_at=due_at)
            assert look() == ([], None)
        assert asked == []
        BotTurn.objects.update(due_at=now + second)
        assert look() == ([], now + second)
        BotTurn.objects.update(due_at=now)
        assert look() == ([due], None)
        assert asked == [now, now]

    def test_pushes_a_poisonous_row_away_and_goes_on(
        self, due: BotTurn, handled: Callable[..., None], caplog: pytest.LogCaptureFixture
    ) -> None:
        other = BotTurn.objects.create(
            conversation=due.conversation, cause_seq=2, epoch=0, latest_at=clock.now(), due_at=clock.now()
        )

        def run(row: BotTurn, now: datetime) -> None:
            if row.pk == due.pk:
                raise ValueError("whatsapp:+5511987654321 wrote a secret")
            leases.finish(row)

        handled(run)
        now = clock.now()
        work.run_once(now)

        assert read(other).due_at is None
        pushed = read(due)
        assert pushed.due_at
        assert pushed.due_at > now
        assert pushed.leased_until is None
        assert "ValueError" in caplog.text
        assert "secret" not in caplog.text

        pauses = [pushed.due_at - now]
        for _ in range(3):
            now = _due(due)
            work.run_once(now)
            pauses.append(_due(due) - now)
        assert pauses[-1] > 2 * pauses[0]

    def test_notices_a_handler_that_never_finishes(
        self, due: BotTurn, handled: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(work, "MOST_ROUNDS", 20)
        handled(lambda row, now: leases.reschedule(row, now))

        with pytest.raises(RuntimeError):
            work.run_once()


@pytest.mark.django_db(transaction=True)
class TestAWorker:
    @pytest.fixture
    def workers(self) -> Iterator[list[Worker]]:
        started: list[Worker] = []
        yield started
        for worker in started:
            assert worker.stop()

    def start(self, workers: list[Worker], name: str = "") -> Worker:
        worker = Worker(name)
        workers.append(worker)
        worker.start()
        return worker

    def test_wakes_when_it_is_rung(
        self,
        due: BotTurn,
        handled: Callable[..., None],
        workers: list[Worker],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Nobody polls for an hour here: only the ring can wake it."""
        monkeypatch.setattr("conversations.worker.IDLE", timedelta(hours=1))
        BotTurn.objects.update(due_at=None)
        done = threading.Event()

        def run(row: BotTurn, now: datetime) -> None:
            leases.finish(row)
            done.set()

        handled(run)
        waits = threading.Event()
        monkeypatch.setattr(Worker, "_wait", _telling(Worker._wait, waits))
        self.start(workers)
        assert waits.wait(10)
        BotTurn.objects.update(due_at=clock.now())
        wakeup.ring()

        assert done.wait(10)

    def test_notices_what_others_made_due(
        self, due: BotTurn, handled: Callable[..., None], workers: list[Worker]
    ) -> None:
        BotTurn.objects.update(due_at=clock.now() + timedelta(seconds=0.3))
        done = threading.Event()
        handled_at: list[datetime] = []

        def run(row: BotTurn, now: datetime) -> None:
            handled_at.append(clock.now())
            leases.finish(row)
            done.set()

        handled(run)
        self.start(workers)

        assert done.wait(10)
        assert handled_at[0] >= due.due_at  # type: ignore[operator]

    def test_outlives_a_handler_and_a_database_that_fail(
        self,
        due: BotTurn,
        handled: Callable[..., None],
        workers: list[Worker],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("conversations.worker.TROUBLE_SECONDS", 0.01)
        monkeypatch.setattr(leases, "POISON_PAUSE", 0.01)
        failures = iter([OSError("the database is away")] * 3)
        claim_due = work.claim_due

        def failing(*args: Any, **kwargs: Any) -> Any:
            if error := next(failures, None):
                raise error
            return claim_due(*args, **kwargs)

        done = threading.Event()
        tries: list[int] = []

        def run(row: BotTurn, now: datetime) -> None:
            tries.append(row.attempts)
            if len(tries) < 2:
                raise ValueError
            leases.finish(row)
            done.set()

        monkeypatch.setattr(work, "claim_due", failing)
        handled(run)
        worker = self.start(workers)

        assert done.wait(20)
        assert tries == [1, 2]
        assert worker.alive

    def test_beats_while_it_lives(
        self, handled: Callable[..., None], workers: list[Worker], monkeypatch: Any
    ) -> None:
        beaten = threading.Event()
        beat = heartbeats.beat

        def beating(*args: Any, **kwargs: Any) -> None:
            beat(*args, **kwargs)
            beaten.set()

        monkeypatch.setattr(heartbeats, "beat", beating)
        worker = self.start(workers, "ana's machine")

        assert beaten.wait(10)
        assert WorkerHeartbeat.objects.get().name == "ana's machine"
        assert worker.stop()
        assert not WorkerHeartbeat.objects.exists()

    def test_lets_what_is_under_way_end(
        self, due: BotTurn, handled: Callable[..., None], workers: list[Worker]
    ) -> None:
        begun = threading.Event()

        async def run(row: BotTurn, now: datetime) -> None:
            begun.set()
            await asyncio.sleep(0.3)
            await work.in_thread(leases.finish, row, cause_seq=8)

        handled(run)
        worker = self.start(workers)
        assert begun.wait(10)

        assert worker.stop()
        assert read(due).cause_seq == 8

    def test_does_not_wait_for_ever_for_what_hangs(
        self,
        due: BotTurn,
        handled: Callable[..., None],
        workers: list[Worker],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("conversations.worker.DRAIN_SECONDS", 0.05)
        begun = threading.Event()

        async def run(row: BotTurn, now: datetime) -> None:
            begun.set()
            await asyncio.sleep(3600)

        handled(run)
        worker = self.start(workers)
        assert begun.wait(10)

        assert worker.stop(timeout=10)
        assert read(due).leased_until is not None

    def test_can_be_told_to_stop_before_it_started(self) -> None:
        worker = Worker()
        worker.wake()

        assert not worker.alive


def _telling(wait: Any, waits: threading.Event) -> Any:
    async def told(self: Worker, seconds: float) -> None:
        waits.set()
        await wait(self, seconds)

    return told


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_every_line_once_and_in_order(
    twilio: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_deliveries(monkeypatch)
    ana: Operator = make_operator("ana", capacity=20)
    talks: list[Conversation] = [make_held(ana, address=address) for address in JOAOS]
    for address in JOAOS:
        twilio.meet(address)
    Delivery.objects.all().delete()
    rows = [operator_says(talk, ana, f"linha {number}") for number in range(4) for talk in talks]

    workers = [Worker("um"), Worker("dois")]
    for worker in workers:
        worker.start()
    sent = twilio.wait_for_sent(len(rows), timeout=60)
    for worker in workers:
        assert worker.stop()

    assert len(sent) == len(rows)
    for address in JOAOS:
        assert [one.body for one in sent if one.customer == address] == [
            f"linha {number}" for number in range(4)
        ]
    assert {shown(row) for row in rows} == {("accepted", "sending")}


def test_threads_close_their_connections(db: None) -> None:
    used: set[int] = set()

    async def use() -> None:
        pool = threads.begin()
        try:
            await asyncio.gather(*(threads.run(used.add, number) for number in range(8)))
        finally:
            await asyncio.to_thread(threads.end, pool)

    asyncio.run(use())

    assert used == set(range(8))
