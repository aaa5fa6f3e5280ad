"""Several lines in one commit: faster, and nothing else is different."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from unittest import mock

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from conversations import clock, delivery, leases, threads, trace
from conversations.models import Conversation, Delivery, Message, Sender, Status
from conversations.together import Together
from conversations.twilio import client
from conversations.worker import Worker
from handoffflow.simulator.standin import StandIn
from operators.models import Operator
from tests.builders import make_held, make_operator, make_sender, make_with_bot
from tests.conversations.outbox import (
    bot_says,
    message_of,
    only_deliveries,
    operator_says,
    reload,
    report,
    shown,
    told,
)
from tests.conversations.outbox import twilio as twilio

PEOPLE = [f"whatsapp:+55119000000{number:02d}" for number in range(12)]


class Calls:
    """Doubles numbers, and remembers which it was given at once and which alone."""

    def __init__(self) -> None:
        self.together: list[list[int]] = []
        self.alone: list[tuple[int, str]] = []
        self.fails = False
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.under_way = threading.Event()

    def many(self, numbers: Sequence[int]) -> dict[int, int]:
        self.together.append(list(numbers))
        self.under_way.set()
        assert self.goes_on.wait(10)
        if self.fails:
            raise ValueError("all of them")
        return {place: 2 * number for place, number in enumerate(numbers) if number < 100}

    def one(self, number: int) -> int:
        self.alone.append((number, trace.work.get()))
        if number == 13:
            raise ValueError("thirteen")
        return 2 * number


@pytest.fixture
def calls() -> Calls:
    return Calls()


def asked(calls: Calls, *numbers: int) -> list[int | BaseException]:
    together = Together(calls.many, calls.one)

    async def ask(number: int) -> int:
        with trace.about(f"line {number}"):
            return await together.do(number)

    async def all_of_them() -> list[int | BaseException]:
        return await asyncio.gather(*map(ask, numbers), return_exceptions=True)

    return asyncio.run(all_of_them())


class TestTogether:
    def test_does_in_one_call_what_comes_at_one_moment(self, calls: Calls) -> None:
        assert asked(calls, 1, 2, 3) == [2, 4, 6]
        assert (calls.together, calls.alone) == ([[1, 2, 3]], [])

    def test_leaves_a_lone_one_alone(self, calls: Calls) -> None:
        assert asked(calls, 1) == [2]
        assert (calls.together, calls.alone) == ([], [(1, "line 1")])

    def test_does_alone_what_does_not_go_together_under_its_own_name(self, calls: Calls) -> None:
        assert asked(calls, 1, 100, 2) == [2, 200, 4]
        assert calls.alone == [(100, "line 100")]

    def test_does_each_alone_when_together_fails(self, calls: Calls) -> None:
        calls.fails = True

        assert asked(calls, 1, 2) == [2, 4]
        assert [number for number, _name in calls.alone] == [1, 2]

    def test_tells_only_the_one_that_fails(self, calls: Calls) -> None:
        calls.fails = True

        first, second, third = asked(calls, 12, 13, 14)

        assert (first, third) == (24, 28)
        assert isinstance(second, ValueError)

    def test_gathers_while_a_call_is_under_way(self, calls: Calls) -> None:
        together = Together(calls.many, calls.one)
        calls.goes_on.clear()

        async def story() -> list[int]:
            pool = threads.begin()
            early = [asyncio.create_task(together.do(number)) for number in (1, 2)]
            await asyncio.to_thread(calls.under_way.wait, 10)
            late = [asyncio.create_task(together.do(number)) for number in (3, 4, 5)]
            await asyncio.sleep(0)
            calls.goes_on.set()
            results = [await task for task in early + late]
            pool.shutdown()
            return results

        assert asyncio.run(story()) == [2, 4, 6, 8, 10]
        assert calls.together == [[1, 2], [3, 4, 5]]

    def test_goes_on_after_somebody_who_waits_no_more(self, calls: Calls) -> None:
        together = Together(calls.many, calls.one)

        async def story() -> int:
            given_up = asyncio.create_task(together.do(1))
            await asyncio.sleep(0)
            given_up.cancel()
            return await together.do(2)

        assert asyncio.run(story()) == 4


@pytest.fixture
def ana() -> Operator:
    return make_operator("ana", capacity=20)


@pytest.fixture
def rows(ana: Operator, monkeypatch: pytest.MonkeyPatch) -> list[Delivery]:
    """Two lines to two people, claimed."""
    only_deliveries(monkeypatch)
    make_sender()
    Sender.objects.update(per_second=1000)
    talks = [make_held(ana, address=address) for address in PEOPLE[:2]]
    Delivery.objects.all().delete()
    return [reload(operator_says(talk, ana, f"Olá, {number}")) for number, talk in enumerate(talks)]


def begun(rows: list[Delivery]) -> list[str]:
    """Claim them as the worker does; the texts of those that are on their way then."""
    return [row.body for row in delivery.claim(rows, delivery.LEASE, clock.now()) if row.begun]


def ended(rows: list[Delivery], *answers: client.Outcome) -> dict[int, None]:
    now = clock.now()
    return delivery._end_all([(row, answer, now) for row, answer in zip(rows, answers, strict=True)])


def taken(sid: str, status: str = "queued") -> client.Outcome:
    return client.Outcome("accepted", sid=sid, status=status)


def stolen(row: Delivery) -> None:
    """Somebody else has claimed it since."""
    assert leases.claim(Delivery.objects.get(pk=row.pk))


@pytest.mark.django_db
class TestClaimingTogether:
    def test_takes_all_as_one_by_one_would(self, rows: list[Delivery]) -> None:
        assert leases.claim_all(rows)

        for row in rows:
            stored = Delivery.objects.get(pk=row.pk)
            assert (stored.lease_number, stored.attempts) == (row.lease_number, row.attempts) == (1, 1)
            assert stored.leased_until is not None

    def test_takes_none_when_one_is_gone(self, rows: list[Delivery]) -> None:
        first, second = rows
        stolen(second)
        before = list(Delivery.objects.order_by("pk").values())

        assert not leases.claim_all([first, second])

        assert list(Delivery.objects.order_by("pk").values()) == before
        assert first.lease_number == 0

    def test_takes_the_others_when_one_is_gone(self, rows: list[Delivery]) -> None:
        stolen(rows[0])

        assert leases.claim_some(rows, delivery.LEASE, clock.now()) == [rows[1]]


@pytest.mark.django_db
class TestStartingTogether:
    def test_is_one_commit_of_two_statements(self, rows: list[Delivery]) -> None:
        with CaptureQueriesContext(connection) as queries:
            assert begun(rows) == ["Olá, 0", "Olá, 1"]

        # Besides, one moves the number's pace on by as many as there are.
        assert len([query for query in queries if query["sql"].startswith("UPDATE")]) == 3
        for row in rows:
            stored = reload(row)
            assert shown(row) == ("sending", "sending")
            assert (stored.lease_number, stored.attempts, stored.started_at) == (1, 1, row.started_at)

    def test_claims_only_the_others_when_one_is_gone(self, rows: list[Delivery]) -> None:
        stolen(rows[1])

        claimed = delivery.claim(rows, delivery.LEASE, clock.now())

        assert [(row.body, row.begun) for row in claimed] == [("Olá, 0", False)]
        assert {shown(row) for row in rows} == {("queued", "queued")}

    def test_begins_none_when_one_was_given_up(self, rows: list[Delivery]) -> None:
        Message.objects.filter(pk=rows[0].message_id).update(status=Status.CANCELLED)

        assert begun(rows) == []

        assert [shown(row) for row in rows] == [("queued", "cancelled"), ("queued", "queued")]

    def test_only_claims_a_line_of_the_bot(self, rows: list[Delivery]) -> None:
        """The fence is looked at row by row, with the conversation's row held."""
        fenced = reload(bot_says(make_with_bot(address=PEOPLE[2])))

        assert begun([fenced, *rows]) == ["Olá, 0", "Olá, 1"]

        assert shown(fenced) == ("queued", "queued")
        assert reload(fenced).lease_number == 1

    def test_begins_nothing_when_the_others_cannot_be_claimed(
        self, rows: list[Delivery], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Begun and then forgotten, a line would be unconfirmed, and a person would have to decide."""
        fenced = reload(bot_says(make_with_bot(address=PEOPLE[2])))
        monkeypatch.setattr(leases, "claim_some", mock.Mock(side_effect=OperationalError))

        with pytest.raises(OperationalError):
            delivery.claim([*rows, fenced], delivery.LEASE, clock.now())

        assert {shown(row) for row in rows} == {("queued", "queued")}

    def test_only_claims_what_may_not_be_sent(self, rows: list[Delivery]) -> None:
        closed, paused = rows
        Conversation.objects.filter(pk=closed.conversation_id).update(window_expires_at=clock.now())
        assert begun([reload(closed)]) == []
        Sender.objects.update(paused="credentials_refused")
        assert begun([reload(paused)]) == []

        assert {shown(row) for row in rows} == {("queued", "queued")}

    def test_leaves_what_another_process_began_to_be_found_out(self, rows: list[Delivery]) -> None:
        begun(rows)
        Delivery.objects.update(leased_until=clock.now())

        assert begun([reload(row) for row in rows]) == []
        assert [reload(row).lease_number for row in rows] == [2, 2]


@pytest.mark.django_db
class TestEndingTogether:
    @pytest.fixture(autouse=True)
    def _sending(self, rows: list[Delivery]) -> None:
        assert len(begun(rows)) == 2

    def test_gives_each_its_own_sid(self, rows: list[Delivery]) -> None:
        assert ended(rows, taken("SM1"), taken("SM2")) == {0: None, 1: None}

        assert [message_of(row).provider_sid for row in rows] == ["SM1", "SM2"]
        assert {shown(row) for row in rows} == {("accepted", "sending")}
        assert {(reload(row).due_at, reload(row).leased_until, reload(row).attempts) for row in rows} == {
            (None, None, 0)
        }

    def test_applies_a_report_that_came_before(self, rows: list[Delivery]) -> None:
        report(rows[1], "sent", sid="SM2", with_mid=False)

        ended(rows, taken("SM1"), taken("SM2"))

        assert [shown(row) for row in rows] == [("accepted", "sending"), ("accepted", "sent")]
        assert told(rows[1]) == ["sent"]

    def test_changes_nothing_when_one_is_no_longer_ours(self, rows: list[Delivery]) -> None:
        stolen(rows[0])

        assert ended(rows, taken("SM1"), taken("SM2")) == {}

        assert {shown(row) for row in rows} == {("sending", "sending")}
        assert {message_of(row).provider_sid for row in rows} == {None}

    def test_changes_nothing_when_a_report_was_faster(self, rows: list[Delivery]) -> None:
        report(rows[0], "delivered", sid="SM1")

        assert ended(rows, taken("SM1"), taken("SM2")) == {}

        assert [shown(row) for row in rows] == [("accepted", "delivered"), ("sending", "sending")]

    def test_fails_for_all_when_a_sid_is_taken(self, rows: list[Delivery]) -> None:
        """Alone, each then finds out whether it is the one."""
        earlier = Message.objects.filter(conversation=rows[0].conversation_id, seq__lt=rows[0].seq)
        assert earlier.filter(pk=earlier.latest("pk").pk).update(provider_sid="SM2")

        with pytest.raises(IntegrityError), transaction.atomic():
            ended(rows, taken("SM1"), taken("SM2"))

        assert {shown(row) for row in rows} == {("sending", "sending")}

    @pytest.mark.parametrize(
        "other",
        [
            client.Outcome("unknown", cause="timeout"),
            client.Outcome("retry", cause="busy"),
            client.Outcome("refused", code=21211),
            client.Outcome("alarm", cause="credentials"),
            taken("SM2", "sent"),
            taken("SM2", "failed"),
            taken("SM2", "sending"),
            taken("SM2", "never-heard-of"),
            client.Outcome("accepted", sid="SM2", status="queued", code=63016),
        ],
        ids=lambda outcome: f"{outcome.kind}-{outcome.status}-{outcome.code}",
    )
    def test_leaves_out_every_other_answer(self, rows: list[Delivery], other: client.Outcome) -> None:
        assert ended(rows, taken("SM1"), other) == {0: None}

        assert [shown(row) for row in rows] == [("accepted", "sending"), ("sending", "sending")]


@pytest.mark.django_db(transaction=True)
def test_a_worker_sends_many_conversations_at_once(
    twilio: StandIn, ana: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_deliveries(monkeypatch)
    talks = [make_held(ana, address=address) for address in PEOPLE]
    for address in PEOPLE:
        twilio.meet(address)
    Delivery.objects.all().delete()
    rows = [operator_says(talk, ana, f"linha {number}") for number in range(3) for talk in talks]
    together: list[int] = []
    begin_all = delivery._begin_all

    def watched(rows: list[Delivery], lease: timedelta, now: datetime) -> bool:
        together.append(len(rows))
        return begin_all(rows, lease, now)

    monkeypatch.setattr(delivery, "_begin_all", watched)
    worker = Worker("one")
    worker.start()
    sent = twilio.wait_for_sent(len(rows), timeout=60)
    assert worker.stop()

    assert max(together) == len(talks)
    for address in PEOPLE:
        assert [one.body for one in sent if one.customer == address] == ["linha 0", "linha 1", "linha 2"]
    assert {shown(row) for row in rows} == {("accepted", "sending")}
