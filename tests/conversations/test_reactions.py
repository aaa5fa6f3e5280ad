"""What each of Twilio's codes leads to: a sentence, a next step, and what the product does about it by itself."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations, permutations
from typing import Any

import pytest

from conversations import clock, delivery, errors, outcomes, statuses, work
from conversations.models import ContactAddress, Conversation, Delivery, Message, Status
from conversations.statuses import LATTICE
from conversations.twilio import client
from conversations.twilio import errors as codes
from conversations.twilio.errors import Step
from handoffflow.simulator.standin import StandIn
from operators.models import Operator
from operators.views import failures
from tests.builders import JOAO, make_held, says
from tests.conversations.outbox import message_of, only_deliveries, operator_says, reload, report, shown
from tests.conversations.outbox import twilio as twilio

pytestmark = pytest.mark.django_db

LISTED = {
    *(63016, 63015, 63018, 63017, 63024, 63032, 63049, 63051, 63112, 63014, 63013, 63007, 63003, 63019),
    *(63021, 63008, 63020, 63059, 63012, 63037, 63038, 21211, 21614, 21610, 21603, 21619, 21703, 21611),
    *(30001, 21617, 14103, 14107, 20429, 20500, 20003, 20404, 11200, 12300),
}
ONCE = [63012, 63019]
BACK_OFF = [63018, 63017, 20429, 21611, 30001, 14107]
NEVER = [63049, 63032, 63016, 63024, 63013, 63015, 63021, 63037, 99999]
STOPS = [63014, 21610]


@pytest.fixture(autouse=True)
def _only_deliveries(monkeypatch: pytest.MonkeyPatch) -> None:
    only_deliveries(monkeypatch)


@pytest.fixture
def held(ana: Operator, twilio: StandIn, monkeypatch: pytest.MonkeyPatch) -> Conversation:
    monkeypatch.setattr("conversations.pauses.SANDBOX", "whatsapp:+551150280000")
    conversation = make_held(ana)
    Delivery.objects.all().delete()
    return conversation


@pytest.fixture
def sent(held: Conversation, ana: Operator) -> Delivery:
    row = operator_says(held, ana)
    work.run_once()
    return reload(row)


def in_(**span: float) -> Any:
    return clock.now() + timedelta(**span)


def sid_of(row: Delivery) -> str:
    return message_of(row).provider_sid or ""


def undelivered(row: Delivery, code: int, **params: Any) -> None:
    report(reload(row), "undelivered", sid=sid_of(row), code=code, **params)


class TestTheTable:
    def test_knows_every_code_of_the_reference(self) -> None:
        assert set(codes.REACTIONS) >= LISTED

    def test_has_a_sentence_and_a_step_for_each(self) -> None:
        for code, reaction in codes.REACTIONS.items():
            assert str(reaction.text), code
            assert str(codes.STEPS[reaction.step]) or code == 63037, code

    def test_tries_by_itself_only_what_a_person_may_try(self) -> None:
        assert [code for code, one in codes.REACTIONS.items() if one.again and not one.retryable] == []

    def test_gives_up_those_who_want_nothing_more(self) -> None:
        assert {code for code, one in codes.REACTIONS.items() if one.stops} == set(STOPS)
        assert {codes.reaction(code).step for code in STOPS} == {Step.WAIT}


class TestWhatIsShown:
    def test_is_the_sentence_and_the_step(self, sent: Delivery) -> None:
        undelivered(sent, 63013)

        failure = failures.of(fetched(sent), clock.now())

        assert failure is not None
        assert (failure.text, failure.link) == (str(codes.reaction(63013).text), "")
        assert failure.step == str(codes.STEPS[Step.CHANGE])

    def test_of_an_unknown_code_are_twilios_words_without_numbers_and_its_page(self, sent: Delivery) -> None:
        report_with_text(sent, 99999, f"Carrier of {JOAO} is on strike")

        failure = failures.of(fetched(sent), clock.now())

        assert failure is not None
        assert failure.text.endswith("Carrier of … is on strike")
        assert failure.link == "https://www.twilio.com/docs/api/errors/99999"

    def test_of_a_refusal_are_twilios_words_too(
        self, held: Conversation, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = operator_says(held, ana)
        answer(monkeypatch, client.Outcome("refused", code=99999, cause="refused", text="No such thing"))

        work.run_once()

        assert (failures.of(fetched(row), clock.now()) or failures.Failure("", None, False)).text.endswith(
            "No such thing"
        )

    def test_says_when_it_is_sent_once_more_by_itself(self, sent: Delivery) -> None:
        undelivered(sent, 63012)

        failure = failures.of(fetched(sent), clock.now())

        assert failure is not None
        assert (failure.retryable, bool(failure.step)) == (False, True)


class TestSentOnceMore:
    @pytest.mark.parametrize("code", ONCE)
    def test_once_when_whatsapp_or_a_file_failed(self, sent: Delivery, twilio: StandIn, code: int) -> None:
        first = sid_of(sent)
        undelivered(sent, code)
        assert shown(sent) == ("accepted", "failed")

        work.run_once(in_(minutes=5))

        assert (len(twilio.sent()), shown(sent)) == (2, ("accepted", "sending"))
        assert first != sid_of(sent)
        undelivered(sent, code)
        work.run_once(in_(hours=1))
        assert (len(twilio.sent()), shown(sent)) == (2, ("accepted", "failed"))

    @pytest.mark.parametrize("code", BACK_OFF)
    def test_later_and_later_while_there_is_too_much(
        self, sent: Delivery, twilio: StandIn, code: int
    ) -> None:
        pauses = []
        for _attempt in range(codes.OFTEN):
            now = clock.now()
            undelivered(sent, code, now=now)
            due_at = reload(sent).due_at
            assert due_at is not None
            pauses.append(due_at - now)
            work.run_once(due_at)
        undelivered(sent, code)
        work.run_once(in_(hours=2))

        assert min(pauses) >= timedelta(seconds=20)
        assert pauses[2] > pauses[0]
        assert len(twilio.sent()) == 1 + codes.OFTEN
        assert shown(sent) == ("accepted", "failed")

    @pytest.mark.parametrize("code", NEVER)
    def test_never_when_that_helps_nobody(self, sent: Delivery, twilio: StandIn, code: int) -> None:
        undelivered(sent, code)

        work.run_once(in_(hours=2))

        assert (len(twilio.sent()), shown(sent)) == (1, ("accepted", "failed"))

    def test_not_when_it_arrived_after_all(self, sent: Delivery, twilio: StandIn) -> None:
        undelivered(sent, 63012)
        report(sent, "delivered", sid=sid_of(sent))

        work.run_once(in_(minutes=5))

        assert (len(twilio.sent()), shown(sent)) == (1, ("accepted", "delivered"))
        assert reload(sent).due_at is None

    def test_not_when_it_then_failed_for_good(self, sent: Delivery, twilio: StandIn) -> None:
        report(sent, "failed", sid=sid_of(sent), code=63012)
        undelivered(sent, 63024)

        work.run_once(in_(minutes=5))

        assert (len(twilio.sent()), message_of(sent).error_code) == (1, 63024)

    def test_so_that_reports_of_the_first_attempt_say_nothing_of_it(self, sent: Delivery) -> None:
        first, before = sid_of(sent), reload(sent)
        undelivered(sent, 63012)
        work.run_once(in_(minutes=5))

        for status in ("undelivered", "delivered"):
            report(before, status, sid=first, code=63024 if status == "undelivered" else None)

        assert shown(sent) == ("accepted", "sending")

    def test_even_if_such_a_report_comes_before_the_next_attempt(self, sent: Delivery) -> None:
        """It would take the line for one that Twilio has, and nobody would send it."""
        first, before = sid_of(sent), reload(sent)
        undelivered(sent, 63012)
        (row,), _next = work.claim_due(work.handlers["delivery"], in_(minutes=5), limit=1)
        outcomes.send_again(row, clock.now())

        report(before, "sent", sid=first)

        assert shown(sent) == ("queued", "queued")

    @pytest.mark.parametrize("code", ONCE)
    def test_once_when_it_was_refused_at_once(
        self, held: Conversation, ana: Operator, twilio: StandIn, code: int
    ) -> None:
        twilio.script("refused", code=code, times=5)
        row = operator_says(held, ana)

        for minutes in (0, 5, 10, 15):
            work.run_once(in_(minutes=minutes))

        assert (len(twilio.requests()), shown(row)) == (2, ("failed", "failed"))

    def test_after_half_a_minute_at_least_where_a_pair_said_too_much(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        twilio.script("refused", code=14107)
        row, now = operator_says(held, ana), clock.now()

        work.run_once(now)

        assert (reload(row).due_at or now) >= now + timedelta(seconds=30)


class TestWhoWantsNothingMore:
    @pytest.mark.parametrize("code", STOPS)
    def test_is_left_alone_until_they_write(
        self, sent: Delivery, held: Conversation, ana: Operator, twilio: StandIn, code: int
    ) -> None:
        waiting = operator_says(held, ana, "já aceita")
        undelivered(sent, code)

        work.run_once(in_(seconds=1))

        assert (shown(waiting), message_of(waiting).error_code) == (("failed", "failed"), code)
        assert len(twilio.requests()) == 1
        with pytest.raises(errors.OptedOut):
            operator_says(held, ana, "e esta")

        says("voltei", now=in_(seconds=2))

        assert not ContactAddress.objects.exclude(unreachable_code=None).exists()
        operator_says(held, ana, "e esta")
        work.run_once(in_(seconds=3))
        assert [one.body for one in twilio.sent()][1:] == ["e esta"]

    @pytest.mark.parametrize("code", STOPS)
    def test_is_known_from_a_refusal_too(
        self, held: Conversation, ana: Operator, twilio: StandIn, code: int
    ) -> None:
        twilio.script("refused", code=code)
        operator_says(held, ana)

        work.run_once()

        assert ContactAddress.objects.get(value=JOAO).unreachable_code == code

    def test_is_not_whoever_has_written_since(self, sent: Delivery) -> None:
        says("oi de novo", now=in_(seconds=1))

        undelivered(sent, 63014)

        assert not ContactAddress.objects.exclude(unreachable_code=None).exists()


class TestEveryOrder:
    """Not a sample: each order of any three statuses, the first of them doubled."""

    STATUSES = ("sending", "sent", "canceled", "failed", "undelivered", "delivered", "read")

    def test_of_what_twilio_says_ends_the_same(self, sent: Delivery) -> None:
        for chosen in combinations(self.STATUSES, 3):
            ends = {self.end(sent, (*order, order[0])) for order in permutations(chosen)}

            assert len(ends) == 1, chosen

    def end(self, row: Delivery, order: tuple[str, ...]) -> tuple[Any, ...]:
        Message.objects.filter(pk=row.message_id).update(status=Status.SENDING, rank=0, error_code=None)
        for status in order:
            code = 63024 if LATTICE[status][1] == Status.FAILED else None
            message = Message.objects.get(pk=row.message_id)
            statuses.observe(message, status=status, code=code, cause=statuses.REPORTED, now=clock.now())
        message = message_of(row)
        return message.status, message.rank, message.error_code


def fetched(row: Delivery) -> Message:
    return Message.objects.select_related("delivery").get(pk=row.message_id)


def report_with_text(row: Delivery, code: int, text: str) -> None:
    account = row.sender.account_sid
    params = {
        "MessageSid": sid_of(row),
        "MessageStatus": "failed",
        "ErrorCode": str(code),
        "AccountSid": account,
    }
    delivery.apply_report(
        params | {"ErrorMessage": text}, mid=row.public_id, account_sid=account, now=clock.now()
    )


def answer(monkeypatch: pytest.MonkeyPatch, outcome: client.Outcome) -> None:
    async def send(*_args: object, **_kwargs: object) -> client.Outcome:
        return outcome

    monkeypatch.setattr(client, "send", send)
