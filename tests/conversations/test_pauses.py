"""Trouble with an account or a number: one pause, nothing lost, and it goes on by itself."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from conversations import clock, outcomes, pauses, settling, work
from conversations.models import AuditEntry, Conversation, Delivery, Organization, Sender
from conversations.twilio import client
from conversations.twilio import errors as codes
from conversations.twilio.errors import Trouble
from handoffflow.simulator.standin import StandIn
from operators.models import Operator
from tests.builders import JOAO, make_held
from tests.conversations.outbox import message_of, operator_says, reload, report, shown
from tests.conversations.outbox import twilio as twilio

pytestmark = pytest.mark.django_db

MARIA = "whatsapp:+5511900000002"
TROUBLES = {
    63051: Trouble.LOCKED,
    63112: Trouble.LOCKED,
    63038: Trouble.LIMIT,
    63015: Trouble.SANDBOX,
    63007: Trouble.SETUP,
    63008: Trouble.SETUP,
    63020: Trouble.SETUP,
    63059: Trouble.SETUP,
    20003: Trouble.CREDENTIALS,
}


@pytest.fixture(autouse=True)
def _only_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    work.load_handlers()
    only = {name: work.handlers[name] for name in ("delivery", "sender")}
    monkeypatch.setattr(work, "handlers", only)


@pytest.fixture
def held(ana: Operator, twilio: StandIn) -> Conversation:
    conversation = make_held(ana)
    Delivery.objects.all().delete()
    return conversation


@pytest.fixture
def other(held: Conversation, ana: Operator, twilio: StandIn) -> Conversation:
    twilio.meet(MARIA)
    conversation = make_held(ana, address=MARIA)
    Delivery.objects.filter(conversation=conversation).delete()
    return conversation


def sender() -> Sender:
    return Sender.objects.get()


def in_(**span: float) -> datetime:
    return clock.now() + timedelta(**span)


def sid_of(row: Delivery) -> str:
    return message_of(row).provider_sid or ""


class TestTrouble:
    def test_is_what_these_codes_mean_and_no_other(self) -> None:
        listed = {code: one.trouble for code, one in codes.REACTIONS.items() if one.trouble}
        assert listed == TROUBLES

    @pytest.mark.parametrize("code", TROUBLES)
    def test_pauses_the_number_and_fails_nothing_when_refused(
        self, held: Conversation, ana: Operator, twilio: StandIn, code: int
    ) -> None:
        twilio.script("refused", code=code)
        lines = [operator_says(held, ana, text) for text in ("um", "dois")]

        work.run_once()

        assert (sender().paused, sender().paused_code) == (TROUBLES[code], code)
        assert [shown(line) for line in lines] == [("queued", "queued")] * 2
        assert len(twilio.requests()) == 1

    @pytest.mark.parametrize("code", [63051, 63038, 63007])
    def test_pauses_the_number_when_reported_and_the_line_waits_again(
        self, held: Conversation, ana: Operator, twilio: StandIn, code: int
    ) -> None:
        row = operator_says(held, ana, "um")
        work.run_once()
        behind = operator_says(held, ana, "dois")

        report(row, "failed", sid=sid_of(row), code=code)
        work.run_once(in_(seconds=1))

        assert sender().paused == TROUBLES[code]
        assert [shown(line) for line in (row, behind)] == [("queued", "queued")] * 2
        assert len(twilio.requests()) == 1

    def test_of_the_sandbox_is_its_customers_own(
        self, held: Conversation, ana: Operator, twilio: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pauses, "SANDBOX", held.sender.address)
        twilio.script("refused", code=63015)
        row = operator_says(held, ana)

        work.run_once()

        assert (sender().paused, shown(row)) == ("", ("failed", "failed"))

    def test_pauses_once_however_many_fail_at_once(
        self, held: Conversation, other: Conversation, ana: Operator, caplog: pytest.LogCaptureFixture
    ) -> None:
        rows = [operator_says(held, ana), operator_says(other, ana)]
        begun, _next = work.claim_due(work.handlers["delivery"], clock.now(), limit=10)
        for row in begun:
            outcomes.settle(row, client.Outcome("refused", code=63051, cause="refused"), clock.now())

        assert len(begun) == 2
        assert caplog.text.count("is paused") == 1
        assert (sender().trials, sender().paused) == (0, Trouble.LOCKED)
        assert {shown(row) for row in rows} == {("queued", "queued")}

    def test_does_not_touch_what_a_person_paused(self, held: Conversation, ana: Operator) -> None:
        operator_says(held, ana)
        (row,), _next = work.claim_due(work.handlers["delivery"], clock.now(), limit=1)
        Sender.objects.update(paused="obra no prédio")

        outcomes.settle(row, client.Outcome("refused", code=63051, cause="refused"), clock.now())
        work.run_once(in_(days=2))

        assert (sender().paused, sender().due_at) == ("obra no prédio", None)
        assert shown(row) == ("queued", "queued")

    def test_leaves_other_numbers_alone(self, held: Conversation, ana: Operator, twilio: StandIn) -> None:
        mine = operator_says(held, ana)
        Sender.objects.create(
            organization=Organization.objects.get(),
            address="whatsapp:+5511400000000",
            account_sid="AC9",
            paused="number_locked",
        )

        work.run_once()

        assert shown(mine) == ("accepted", "sending")


class TestPausedInFlight:
    def test_loses_nothing(
        self, held: Conversation, other: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        """One is under way while another's refusal pauses the number: its own answer still counts."""
        first, second = operator_says(held, ana, "um"), operator_says(other, ana, "dois")
        one, two = work.claim_due(work.handlers["delivery"], clock.now(), limit=10)[0]
        outcomes.settle(one, client.Outcome("refused", code=63007, cause="refused"), clock.now())

        outcomes.settle(two, client.Outcome("accepted", sid="SM7", status="queued"), clock.now())

        assert shown(first) == ("queued", "queued")
        assert shown(second) == ("accepted", "sending")


class TestATrial:
    @pytest.fixture
    def paused(
        self, held: Conversation, other: Conversation, ana: Operator, twilio: StandIn
    ) -> list[Delivery]:
        twilio.script("refused", code=63007)
        lines = [operator_says(held, ana, "um"), operator_says(held, ana, "dois")]
        work.run_once()
        lines.append(operator_says(other, ana, "três"))
        assert sender().paused == Trouble.SETUP
        return lines

    def test_sends_one_line_and_waits_for_what_becomes_of_it(
        self, paused: list[Delivery], twilio: StandIn
    ) -> None:
        work.run_once(in_(minutes=2))

        assert [one.body for one in twilio.sent()] == ["um"]
        assert sender().paused == Trouble.SETUP

        report(reload(paused[0]), "sent", sid=sid_of(paused[0]))
        work.run_once(in_(minutes=3))
        work.run_once(in_(minutes=3))

        assert sender().paused == ""
        assert sorted(one.body for one in twilio.sent()) == ["dois", "três", "um"]

    def test_that_nobody_reports_on_counts_after_a_minute(
        self, paused: list[Delivery], twilio: StandIn
    ) -> None:
        now = in_(minutes=2)
        work.run_once(now)
        work.run_once(now + timedelta(seconds=70))
        work.run_once(now + timedelta(seconds=70))

        assert (sender().paused, len(twilio.sent())) == ("", 3)

    def test_that_fails_comes_again_later_and_later(self, paused: list[Delivery], twilio: StandIn) -> None:
        twilio.script("refused", code=63007, times=20)
        waits, now = [], clock.now()
        for _trial in range(4):
            due_at = sender().due_at
            assert due_at is not None
            waits.append(due_at - now)
            now = due_at
            work.run_once(now)

        assert sender().trials == 4
        assert waits[1] < waits[2] < waits[3]
        assert len(twilio.requests()) == 1 + 4
        assert shown(paused[0]) == ("queued", "queued")

    def test_that_is_reported_to_fail_comes_again_later(
        self, paused: list[Delivery], twilio: StandIn
    ) -> None:
        now = in_(minutes=2)
        work.run_once(now)
        report(reload(paused[0]), "failed", sid=sid_of(paused[0]), code=63051)

        work.run_once(now + timedelta(seconds=10))

        assert (sender().paused, sender().trials) == (Trouble.LOCKED, 1)
        assert shown(paused[0]) == ("queued", "queued")
        assert len(twilio.sent()) == 1

    def test_that_fails_for_a_reason_of_its_own_leaves_it_to_the_next(
        self, paused: list[Delivery], twilio: StandIn
    ) -> None:
        twilio.script("refused", code=63024, customer=JOAO)

        now = in_(minutes=2)
        for seconds in (0, 6, 7, 12):
            work.run_once(now + timedelta(seconds=seconds))

        assert shown(paused[0]) == ("failed", "failed")
        assert [one.body for one in twilio.sent()] == ["dois"]

    def test_waits_for_something_to_be_said(
        self, paused: list[Delivery], held: Conversation, ana: Operator
    ) -> None:
        Delivery.objects.all().delete()
        Sender.objects.update(trial=None)
        now = in_(minutes=2)

        work.run_once(now)

        assert sender().paused == Trouble.SETUP
        assert sender().due_at == now + timedelta(seconds=5)


class TestWrongCredentials:
    def test_are_tried_without_a_message(self, held: Conversation, ana: Operator, twilio: StandIn) -> None:
        number = held.sender
        number.auth_token = "of yesterday"
        number.save()
        row = operator_says(held, ana)
        work.run_once()

        work.run_once(in_(minutes=1))

        assert (sender().paused, sender().trials) == (Trouble.CREDENTIALS, 1)
        Sender.objects.update(auth_token_encrypted="")
        work.run_once(in_(hours=1))
        work.run_once(in_(hours=1))
        assert (sender().paused, shown(row)) == ("", ("accepted", "sending"))
        assert len(twilio.sent()) == 1


class TestADaysLimit:
    def test_is_tried_when_twilio_counts_a_new_day(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        twilio.script("refused", code=63038)
        operator_says(held, ana)

        work.run_once()

        due_at = sender().due_at
        assert due_at is not None
        assert due_at.astimezone(UTC).time().replace(second=0) == time(0, 1)
        assert clock.now() < due_at < in_(hours=25)


class TestResuming:
    def test_lets_everything_go_in_order(self, held: Conversation, ana: Operator, twilio: StandIn) -> None:
        twilio.script("refused", code=63051)
        for number in range(3):
            operator_says(held, ana, f"linha {number}")
        work.run_once()

        assert pauses.resume(sender(), cause=settling.CAUSE, now=clock.now())
        work.run_once(in_(seconds=1))

        assert [one.body for one in twilio.sent()] == ["linha 0", "linha 1", "linha 2"]
        entry = AuditEntry.objects.get(action="sender.resumed")
        assert entry.data["why"] == Trouble.LOCKED

    def test_happens_once(self, held: Conversation) -> None:
        pauses.pause(sender(), Trouble.LOCKED, code=63051, now=clock.now())

        assert pauses.resume(sender(), cause=settling.CAUSE, now=clock.now())
        assert not pauses.resume(sender(), cause=settling.CAUSE, now=clock.now())

    def test_tells_nothing_of_what_a_person_wrote(self, held: Conversation) -> None:
        Sender.objects.update(paused="o João não pagou")

        pauses.resume(sender(), cause=settling.CAUSE, now=clock.now())

        assert "João" not in str(AuditEntry.objects.get(action="sender.resumed").data)
