"""How fast: a number's pace, a customer's, and that neither fails nor starves anybody. The clock is the test's own."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import clock, leases, pacing, work
from conversations.models import SANDBOX, Conversation, Delivery, DeliveryState, Sender
from operators.models import Operator
from tests.builders import make_held, make_operator
from tests.conversations.outbox import only_deliveries, operator_says

pytestmark = pytest.mark.django_db

PEOPLE = [f"whatsapp:+55119000000{number:02d}" for number in range(30)]


@pytest.fixture(autouse=True)
def _only_deliveries(monkeypatch: pytest.MonkeyPatch) -> None:
    only_deliveries(monkeypatch)


@pytest.fixture
def ana() -> Operator:
    return make_operator("ana", capacity=100)


@pytest.fixture
def held(ana: Operator) -> Conversation:
    conversation = make_held(ana)
    Delivery.objects.all().delete()
    return conversation


def many(ana: Operator, count: int) -> list[Conversation]:
    talks = [make_held(ana, address=address) for address in PEOPLE[:count]]
    Delivery.objects.all().delete()
    return talks


def look(now: datetime, limit: int = 100) -> list[Delivery]:
    """One look of a worker; what it takes is answered at once."""
    rows, _next = work.claim_due(work.handlers["delivery"], now, limit=limit)
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=DeliveryState.ACCEPTED, due_at=None, leased_until=None
    )
    return rows


def drained(now: datetime, count: int) -> list[datetime]:
    """When each went out, if a worker looks whenever it is told to, and else four times a second."""
    went: list[datetime] = []
    while len(went) < count:
        taken = look(now)
        went += [now] * len(taken)
        after = pacing.outlook.at
        now = max(now + timedelta(milliseconds=1), min(after or now + work_idle(), now + work_idle()))
    return went


def work_idle() -> timedelta:
    return timedelta(milliseconds=250)


class TestANumber:
    def test_keeps_its_pace(self, ana: Operator) -> None:
        talks = many(ana, 30)
        for number in range(2):
            for talk in talks:
                operator_says(talk, ana, f"linha {number}")
        Sender.objects.update(per_second=20)
        now = clock.now() + timedelta(seconds=1)

        went = drained(now, 60)

        # What it may be behind and ahead, and then one in a twentieth of a second.
        expected = timedelta(seconds=60 / 20) - pacing.SLACK - pacing.QUANTUM
        assert abs((went[-1] - went[0]) - expected) < 0.05 * expected
        for start in went:
            assert sum(start <= at < start + timedelta(seconds=1) for at in went) <= 20 * 1.35 + 1

    def test_of_the_sandbox_sends_one_in_three_seconds(self, ana: Operator) -> None:
        for talk in many(ana, 4):
            operator_says(talk, ana)
        Sender.objects.update(address=SANDBOX)

        went = drained(clock.now() + timedelta(seconds=1), 4)

        pauses = [later - earlier for earlier, later in itertools.pairwise(went)]
        assert all(timedelta(seconds=3) <= pause < timedelta(seconds=3.1) for pause in pauses)

    def test_that_has_to_wait_holds_no_other_up(self, ana: Operator) -> None:
        slow, quick = many(ana, 2)
        rows = [operator_says(slow, ana), operator_says(quick, ana)]
        number = Sender.objects.get()
        other = Sender.objects.create(
            organization=number.organization, address="whatsapp:+5511400000000", account_sid="AC9"
        )
        Delivery.objects.filter(pk=rows[1].pk).update(sender=other)
        now = clock.now() + timedelta(seconds=1)
        Sender.objects.filter(pk=number.pk).update(next_send_at=now + timedelta(seconds=30))

        assert [row.pk for row in look(now)] == [rows[1].pk]

    def test_is_asked_once_for_a_whole_batch(self, ana: Operator) -> None:
        for talk in many(ana, 10):
            operator_says(talk, ana)
        with CaptureQueriesContext(connection) as queries:
            assert len(look(clock.now() + timedelta(seconds=1))) == 10

        moved = [one["sql"] for one in queries if one["sql"].startswith("UPDATE")]
        assert len([sql for sql in moved if "conversations_sender" in sql]) == 1

    def test_is_not_asked_more_than_it_allows_by_two_workers(self, ana: Operator) -> None:
        """Both have read the number before either moves it on: the second takes nothing."""
        for talk in many(ana, 4):
            operator_says(talk, ana)
        now = clock.now() + timedelta(seconds=1)
        handler = work.handlers["delivery"]
        read = [list(leases.due(handler.candidates(now), now)) for _worker in range(2)]

        taken = [pacing.allowed(rows, now) for rows in read]

        assert [len(rows) for rows in taken] == [4, 0]
        assert pacing.outlook.at == now

    def test_says_when_it_is_worth_while_to_look_again(self, ana: Operator) -> None:
        for talk in many(ana, 2):
            operator_says(talk, ana)
        Sender.objects.update(address=SANDBOX)
        now = clock.now() + timedelta(seconds=1)

        _rows, after = work.claim_due(work.handlers["delivery"], now, limit=10)

        assert after == now + timedelta(seconds=3)
        _rows, after = work.claim_due(work.handlers["delivery"], now, limit=10)
        assert (after, pacing.outlook.ready) == (now + timedelta(seconds=3), False)


class TestOneCustomer:
    def test_gets_a_burst_and_then_one_in_six_seconds(self, held: Conversation, ana: Operator) -> None:
        for number in range(pacing.BURST + 4):
            operator_says(held, ana, f"linha {number}")
        now = clock.now() + timedelta(seconds=1)

        went = drained(now, pacing.BURST + 4)

        assert went[pacing.BURST - 1] - now < timedelta(seconds=6)
        late = went[pacing.BURST - 1 :]
        pauses = [after - before for before, after in itertools.pairwise(late)]
        assert all(timedelta(seconds=6) <= pause < timedelta(seconds=6.5) for pause in pauses)
        assert not Delivery.objects.filter(state=DeliveryState.FAILED).exists()

    def test_never_gets_thirty_in_half_a_minute(self) -> None:
        """Twilio would cut the conversation off (14107)."""
        assert pacing.BURST + timedelta(seconds=30) / pacing.PAIR_PAUSE < 30

    def test_who_is_written_to_much_holds_nobody_up(self, ana: Operator) -> None:
        chatty, quiet = many(ana, 2)
        for number in range(pacing.BURST + 5):
            operator_says(chatty, ana, f"linha {number}")
        now = clock.now() + timedelta(seconds=1)
        drained(now, pacing.BURST)
        row = operator_says(quiet, ana)

        found = [one.pk for _look in range(2) for one in look(now + timedelta(seconds=6), limit=1)]

        assert row.pk in found

    def test_costs_a_look_at_the_last_messages_only_after_a_burst(
        self, held: Conversation, ana: Operator
    ) -> None:
        operator_says(held, ana)
        now = clock.now() + timedelta(seconds=1)

        with CaptureQueriesContext(connection) as queries:
            look(now)

        assert not any("MAX(" in query["sql"] for query in queries)


def test_a_settled_line_keeps_no_place(held: Conversation, ana: Operator) -> None:
    operator_says(held, ana)
    now: Any = clock.now() + timedelta(seconds=1)

    assert (len(look(now)), look(now)) == (1, [])
