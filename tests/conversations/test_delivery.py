"""The outbox: in order, never twice, and every doubt settled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import clock, delivery, errors, handoffs, leases, outcomes, work
from conversations.bots.base import HandoffRequest
from conversations.contract import Cause
from conversations.models import AddressKind, ContactAddress, Conversation, Delivery, Event, Message, Sender
from conversations.twilio import client
from conversations.twilio.errors import Trouble
from handoffflow.simulator.standin import StandIn, free_port
from operators.models import Operator
from tests.builders import CUSTOMER, JOAO, fresh, make_held, make_with_bot, says
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

pytestmark = pytest.mark.django_db

OPERATOR = Cause(kind="operator", door="panel")
MARIA = "whatsapp:+5511900000002"
USER_ID = "whatsapp:BR.1502576394655843"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    only_deliveries(monkeypatch)
    monkeypatch.setattr(client, "DEADLINE_SECONDS", 1.0)


@pytest.fixture
def held(ana: Operator, twilio: StandIn) -> Conversation:
    """João talks with Ana, and everything said so far has gone out."""
    conversation = make_held(ana)
    Delivery.objects.all().delete()
    return conversation


def in_(**kwargs: float) -> Any:
    return clock.now() + timedelta(**kwargs)


class TestSending:
    def test_hands_the_line_to_twilio(self, held: Conversation, ana: Operator, twilio: StandIn) -> None:
        row = operator_says(held, ana, "Olá, João")

        work.run_once()

        (sent,) = twilio.sent()
        assert (sent.body, sent.customer) == ("Olá, João", JOAO)
        assert shown(row) == ("accepted", "sending")
        assert message_of(row).provider_sid == sent.sid
        callback = twilio.requests()[0]["form"]["StatusCallback"]
        assert callback == [f"https://desk.example.com/api/twilio/status?mid={row.public_id}"]

    def test_leaves_nothing_due(self, held: Conversation, ana: Operator, twilio: StandIn) -> None:
        row = operator_says(held, ana)

        work.run_once()
        work.run_once(in_(hours=1))

        row = reload(row)
        assert (row.due_at, row.leased_until, row.attempts) == (None, None, 0)
        assert len(twilio.sent()) == 1

    def test_costs_few_statements(self, held: Conversation, ana: Operator, twilio: StandIn) -> None:
        operator_says(held, ana)

        with CaptureQueriesContext(
            connection,
        ) as captured:
            work.run_once()

        ours = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
        # Of these, two are for a whole batch: whose numbers may send, and the pace. The last two find nothing else due.
        assert len(ours) - 2 <= 10, "\n".join(ours)

    def test_keeps_the_order_of_a_conversation(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        for number in range(5):
            operator_says(held, ana, f"linha {number}")
        Delivery.objects.filter(body="linha 0").update(due_at=in_(seconds=-1))

        work.run_once(in_(seconds=1))

        assert [sent.body for sent in twilio.sent()] == [f"linha {number}" for number in range(5)]

    def test_waits_for_the_line_before(self, held: Conversation, ana: Operator, twilio: StandIn) -> None:
        first, second = operator_says(held, ana, "um"), operator_says(held, ana, "dois")
        twilio.script("429", retry_after=30)

        work.run_once()

        assert shown(first) == ("queued", "queued")
        assert shown(second) == ("queued", "queued")
        assert len(twilio.requests()) == 1

        work.run_once(in_(seconds=40))

        assert [sent.body for sent in twilio.sent()] == ["um", "dois"]

    def test_does_not_let_one_customer_wait_for_another(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        twilio.meet(MARIA)
        other = make_held(ana, address=MARIA)
        Delivery.objects.all().delete()
        operator_says(held, ana, "para João")
        operator_says(other, ana, "para Maria")
        twilio.script("429", customer=JOAO, retry_after=30)

        work.run_once()

        assert [sent.body for sent in twilio.sent()] == ["para Maria"]

    def test_keeps_to_the_day_after_the_last_message(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        row = operator_says(held, ana)

        work.run_once(in_(hours=25))

        assert shown(row) == ("failed", "failed")
        assert (reload(row).cause, message_of(row).error_code) == ("window_closed", 63016)
        assert told(row) == ["failed"]
        assert twilio.requests() == []

    def test_of_a_demo_sender_stays_at_home(self, held: Conversation, ana: Operator, twilio: StandIn) -> None:
        Sender.objects.update(demo=True)
        row = operator_says(held, ana)

        work.run_once()

        assert shown(row) == ("accepted", "delivered")
        assert told(row) == ["delivered"]
        assert twilio.requests() == []

    def test_logs_nothing_private(
        self, held: Conversation, ana: Operator, twilio: StandIn, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        twilio.script("500")
        operator_says(held, ana, "segredo do João")

        work.run_once()

        assert "segredo" not in caplog.text
        assert JOAO not in caplog.text


class TestTheFence:
    @pytest.mark.forges_rows("a later epoch, and the bot's line not cancelled by what began it")
    def test_stops_a_bot_whose_customer_asked_for_a_person(self, twilio: StandIn) -> None:
        """The engine cancels waiting lines itself; here it has not, as when the two meet."""
        conversation = make_with_bot()
        Delivery.objects.all().delete()
        row = bot_says(conversation)
        Delivery.objects.filter(pk=row.pk).update(fenced=True)
        Conversation.objects.filter(pk=conversation.pk).update(epoch=conversation.epoch + 1)

        work.run_once()

        assert shown(row) == ("cancelled", "cancelled")
        assert told(row) == ["cancelled"]
        assert twilio.requests() == []

    def test_lets_a_bot_speak_in_its_turn(self, twilio: StandIn) -> None:
        conversation = make_with_bot()
        Delivery.objects.all().delete()
        row = bot_says(conversation)

        work.run_once()

        assert reload(row).fenced
        assert shown(row) == ("accepted", "sending")

    def test_decides_between_a_handoff_and_a_send_that_was_already_claimed(self, twilio: StandIn) -> None:
        conversation = make_with_bot()
        Delivery.objects.all().delete()
        row = bot_says(conversation)
        (claimed,), _next = work.claim_due(work.handlers["delivery"], clock.now(), limit=1)
        handoffs.request(
            fresh(conversation),
            cause=CUSTOMER,
            request=HandoffRequest(reason="customer_asked"),
            now=clock.now(),
        )

        assert delivery._start(claimed, clock.now()) is False
        assert shown(row) == ("cancelled", "cancelled")

    @pytest.mark.forges_rows("a later epoch, whatever began it")
    def test_does_not_hold_what_an_operator_said(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        row = operator_says(held, ana)
        Conversation.objects.filter(pk=held.pk).update(epoch=held.epoch + 5)

        work.run_once()

        assert shown(row) == ("accepted", "sending")


class TestAnOutcome:
    @pytest.mark.parametrize(
        "fault", ["empty_201", "500", "reset_after_accept", "accept_then_timeout", "truncated"]
    )
    def test_that_proves_nothing_is_never_sent_again(
        self, held: Conversation, ana: Operator, twilio: StandIn, fault: str
    ) -> None:
        twilio.script(fault)
        row = operator_says(held, ana)

        work.run_once()
        work.run_once(in_(seconds=5))

        assert shown(row) == ("unknown", "unknown")
        assert told(row) == ["unknown"]
        assert len(twilio.requests()) == 1

    def test_that_says_not_now_waits_as_long_as_it_is_told(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        twilio.script("429", retry_after=30)
        row = operator_says(held, ana)
        now = clock.now()

        work.run_once(now)

        due_at = reload(row).due_at
        assert due_at is not None
        assert due_at >= now + timedelta(seconds=30)
        assert told(row) == []

    def test_of_nobody_there_is_tried_again_later_and_later(
        self, held: Conversation, ana: Operator, settings: Any
    ) -> None:
        settings.TWILIO_API_URL = f"http://127.0.0.1:{free_port()}"
        row = operator_says(held, ana)
        pauses = []
        now = clock.now()

        for _ in range(3):
            work.run_once(now)
            due_at = reload(row).due_at
            assert due_at is not None
            pauses.append(due_at - now)
            now = due_at + timedelta(seconds=1)

        assert pauses[0] < pauses[1] < pauses[2]
        assert shown(row) == ("queued", "queued")

    def test_of_refusal_is_shown_with_its_code(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        twilio.meet(JOAO, refuses=21610)
        row = operator_says(held, ana)
        behind = operator_says(held, ana, "dois")

        work.run_once()

        assert shown(row) == ("failed", "failed")
        assert message_of(row).error_code == 21610
        assert told(row) == ["failed"]
        assert shown(behind) == ("failed", "failed")

    def test_of_wrong_credentials_stops_the_sender_and_loses_nothing(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        sender = held.sender
        sender.auth_token = "of yesterday"
        sender.save()
        row = operator_says(held, ana)

        work.run_once()
        work.run_once(in_(seconds=31))

        assert Sender.objects.get().paused == Trouble.CREDENTIALS
        assert shown(row) == ("queued", "queued")
        assert len(twilio.requests()) == 1

    def test_of_a_redirect_fails_and_may_be_tried_again(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        twilio.script("302")
        row = operator_says(held, ana)

        work.run_once()

        assert shown(row) == ("failed", "failed")
        assert delivery.retry(message_of(row), cause=OPERATOR, now=clock.now()).status == "queued"

    def test_of_an_unknown_user_id_tries_the_phone_once(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        twilio.meet(USER_ID, refuses=21211)
        row = operator_says(held, ana)
        Delivery.objects.filter(pk=row.pk).update(recipient=USER_ID)
        assert ContactAddress.objects.filter(
            contact=held.contact, kind=AddressKind.PHONE, value=JOAO
        ).exists()

        work.run_once(in_(seconds=1))

        assert [request["form"]["To"] for request in twilio.requests()] == [[USER_ID], [JOAO]]
        assert shown(row) == ("accepted", "sending")
        assert len(twilio.sent()) == 1

    def test_of_an_unknown_user_id_without_a_phone_is_a_failure(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        twilio.meet(USER_ID, refuses=21211)
        row = operator_says(held, ana)
        Delivery.objects.filter(pk=row.pk).update(recipient=USER_ID)
        ContactAddress.objects.filter(contact=held.contact).update(unreachable_at=clock.now())

        work.run_once()

        assert shown(row) == ("failed", "failed")

    def test_with_the_sid_of_another_message_is_not_sent_again(
        self, held: Conversation, ana: Operator, twilio: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = operator_says(held, ana, "um"), operator_says(held, ana, "dois")

        async def same(*_args: object, **_kwargs: object) -> client.Outcome:
            return client.Outcome("accepted", sid="SM1", status="queued")

        monkeypatch.setattr(client, "send", same)
        work.run_once()

        assert reload(first).state == reload(second).state == "accepted"
        assert (message_of(second).provider_sid, reload(second).cause) == (None, "sid_taken")


class TestAnUnknownDelivery:
    @pytest.fixture
    def row(self, held: Conversation, ana: Operator, twilio: StandIn) -> Delivery:
        """Twilio has it; we do not know."""
        twilio.script("reset_after_accept")
        row = operator_says(held, ana, "um")
        work.run_once()
        return row

    @pytest.fixture
    def lost(self, held: Conversation, ana: Operator, twilio: StandIn) -> Delivery:
        """Twilio does not have it; we do not know."""
        twilio.script("reset_before")
        row = operator_says(held, ana, "um")
        work.run_once()
        return row

    def test_holds_the_line_for_a_while(
        self, row: Delivery, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        behind = operator_says(held, ana, "dois")
        Delivery.objects.filter(pk=row.pk).update(due_at=in_(hours=1))

        work.run_once(in_(seconds=18))
        assert shown(behind) == ("queued", "queued")

        work.run_once(in_(seconds=22))
        assert shown(behind) == ("accepted", "sending")
        assert shown(row) == ("unknown", "unknown")

    def test_is_settled_by_a_callback_that_brings_its_sid(
        self, row: Delivery, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        behind = operator_says(held, ana, "dois")
        (sent,) = twilio.sent()

        report(row, "sent", sid=sent.sid)
        work.run_once()

        assert shown(row) == ("accepted", "sent")
        assert message_of(row).provider_sid == sent.sid
        assert told(row) == ["unknown", "sent"]
        assert shown(behind) == ("accepted", "sending")
        assert [one.body for one in twilio.sent()] == ["um", "dois"]

    @pytest.mark.parametrize("status", ["partially_delivered", ""])
    def test_is_settled_by_any_word_of_it(self, row: Delivery, status: str) -> None:
        report(row, status, sid="SM7")

        assert shown(row) == ("accepted", "sending")

    def test_is_found_in_the_list(self, row: Delivery, twilio: StandIn) -> None:
        work.run_once(in_(seconds=16))

        (sent,) = twilio.sent()
        state, status = shown(row)
        assert (state, message_of(row).provider_sid) == ("accepted", sent.sid)
        assert status in {"sending", "sent", "delivered"}
        assert len(twilio.sent()) == 1

    def test_takes_nobody_elses_message(
        self, lost: Delivery, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        """The same words, said again and known by their SID."""
        Delivery.objects.filter(pk=lost.pk).update(unknown_since=in_(seconds=-25), due_at=in_(hours=1))
        operator_says(held, ana, "um")
        work.run_once()
        Delivery.objects.filter(pk=lost.pk).update(due_at=clock.now())

        work.run_once(in_(seconds=1))

        assert len(twilio.sent()) == 1
        assert shown(lost) == ("unknown", "unknown")

    def test_takes_the_one_of_its_place_among_equals(
        self, row: Delivery, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        twilio.script("reset_after_accept")
        Delivery.objects.filter(pk=row.pk).update(unknown_since=in_(seconds=-25))
        again = operator_says(held, ana, "um")
        work.run_once()
        Delivery.objects.filter(pk=again.pk).update(due_at=in_(seconds=-60))

        work.run_once(in_(seconds=20))

        first, second = twilio.sent()
        assert message_of(row).provider_sid == first.sid
        assert message_of(again).provider_sid == second.sid

    def test_is_given_up_after_a_quarter_of_an_hour_of_looking(self, lost: Delivery, twilio: StandIn) -> None:
        for seconds in (16, 31, 61, 121, 301, 601):
            work.run_once(in_(seconds=seconds))
            assert shown(lost) == ("unknown", "unknown"), seconds

        work.run_once(in_(seconds=910))

        assert shown(lost) == ("failed", "failed")
        assert reload(lost).cause == "not_sent"
        assert told(lost) == ["unknown", "failed"]
        assert twilio.sent() == []

    def test_is_not_given_up_on_one_listing(self, lost: Delivery, twilio: StandIn) -> None:
        work.run_once(in_(minutes=20))
        assert shown(lost) == ("unknown", "unknown")

        work.run_once(in_(minutes=20, seconds=62))
        assert shown(lost) == ("failed", "failed")

    def test_is_not_given_up_while_the_list_cannot_be_read(
        self, lost: Delivery, twilio: StandIn, settings: Any
    ) -> None:
        settings.TWILIO_API_URL = f"http://127.0.0.1:{free_port()}"

        for minutes in (1, 20, 22, 24):
            work.run_once(in_(minutes=minutes))

        assert shown(lost) == ("unknown", "unknown")

    def test_that_was_given_up_is_believed_when_twilio_reports_it(self, lost: Delivery) -> None:
        work.run_once(in_(minutes=20))
        work.run_once(in_(minutes=22))

        report(lost, "delivered", sid="SM7")

        assert shown(lost) == ("accepted", "delivered")


class TestAProcessThatDied:
    @pytest.fixture
    def row(self, held: Conversation, ana: Operator) -> Delivery:
        """Committed as sending, and nobody is left to say what became of it."""
        row = operator_says(held, ana)
        assert leases.claim(row)
        assert delivery._start(row, clock.now())
        return row

    def test_is_waited_for_until_its_lease_ends(self, row: Delivery, twilio: StandIn) -> None:
        work.run_once()

        assert shown(row) == ("sending", "sending")

    def test_leaves_an_unknown_delivery(self, row: Delivery, twilio: StandIn) -> None:
        Delivery.objects.filter(pk=row.pk).update(leased_until=in_(seconds=-1))

        work.run_once()

        assert shown(row) == ("unknown", "unknown")
        assert reload(row).cause == "interrupted"
        assert twilio.requests() == []

    def test_changes_nothing_when_it_was_only_frozen(self, row: Delivery, twilio: StandIn) -> None:
        Delivery.objects.filter(pk=row.pk).update(leased_until=in_(seconds=-1))
        work.run_once()
        before = Delivery.objects.filter(pk=row.pk).values().get()

        for outcome in (
            client.Outcome("accepted", sid="SM5", status="queued"),
            client.Outcome("refused", code=21211),
            client.Outcome("retry"),
            client.Outcome("unknown"),
        ):
            outcomes.settle(row, outcome, clock.now())

        assert Delivery.objects.filter(pk=row.pk).values().get() == before
        assert (message_of(row).provider_sid, shown(row)) == (None, ("unknown", "unknown"))

    def test_is_overtaken_by_its_own_callback(self, row: Delivery, twilio: StandIn) -> None:
        report(row, "sent", sid="SM5")

        outcomes.settle(row, client.Outcome("accepted", sid="SM5", status="queued"), clock.now())

        assert shown(row) == ("accepted", "sent")
        assert told(row) == ["sent"]


class TestASecondTry:
    @pytest.fixture
    def failed(self, held: Conversation, ana: Operator, twilio: StandIn) -> Delivery:
        row = operator_says(held, ana)
        work.run_once()
        report(row, "undelivered", sid=twilio.sent()[0].sid, code=63018)
        return reload(row)

    def test_sends_the_same_line(self, failed: Delivery, twilio: StandIn) -> None:
        delivery.retry(failed.message, cause=OPERATOR, now=clock.now())
        work.run_once()

        first, second = twilio.sent()
        assert first.body == second.body
        assert message_of(failed).provider_sid == second.sid
        assert shown(failed) == ("accepted", "sending")
        assert told(failed) == ["failed", "queued"]

    def test_waits_for_the_line_that_is_under_way(
        self, failed: Delivery, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        later = operator_says(held, ana, "Ainda está aí?")
        (claimed,), _next = work.claim_due(work.handlers["delivery"], clock.now(), limit=1)
        assert claimed.begun
        delivery.retry(failed.message, cause=OPERATOR, now=clock.now())

        work.run_once()
        assert shown(failed) == ("queued", "queued")

        outcomes.settle(claimed, client.Outcome("accepted", sid="SM5", status="queued"), clock.now())
        work.run_once()
        assert shown(later) == ("accepted", "sending")
        assert shown(failed) == ("accepted", "sending")

    def test_is_not_disturbed_by_reports_of_the_first(self, failed: Delivery, twilio: StandIn) -> None:
        delivery.retry(failed.message, cause=OPERATOR, now=clock.now())

        report(failed, "undelivered", sid=twilio.sent()[0].sid, code=63018)

        assert shown(failed) == ("queued", "queued")

    def test_is_refused_where_it_cannot_help(self, failed: Delivery) -> None:
        Message.objects.filter(pk=failed.message_id).update(error_code=63016)

        with pytest.raises(delivery.NotRetryable):
            delivery.retry(failed.message, cause=OPERATOR, now=clock.now())

    def test_is_refused_outside_the_window(self, failed: Delivery) -> None:
        with pytest.raises(errors.WindowClosed):
            delivery.retry(failed.message, cause=OPERATOR, now=in_(hours=25))

    def test_happens_once_however_often_it_is_asked_for(self, failed: Delivery, twilio: StandIn) -> None:
        delivery.retry(failed.message, cause=OPERATOR, now=clock.now())

        with pytest.raises(delivery.NotRetryable):
            delivery.retry(failed.message, cause=OPERATOR, now=clock.now())

    def test_of_an_unconfirmed_one_has_to_be_meant(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        twilio.script("reset_before")
        row = operator_says(held, ana)
        work.run_once()
        with pytest.raises(delivery.NotRetryable):
            delivery.retry(message_of(row), cause=OPERATOR, now=clock.now())

        delivery.retry(message_of(row), cause=OPERATOR, now=in_(minutes=2), unconfirmed=True)
        work.run_once(in_(minutes=2))

        assert shown(row) == ("accepted", "sending")
        assert len(twilio.sent()) == 1

    def test_of_an_unconfirmed_one_waits_until_it_is_in_doubt(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        """A form that is sent again must not repeat what has just been repeated."""
        twilio.script("reset_after_accept")
        row = operator_says(held, ana)
        work.run_once()

        with pytest.raises(delivery.NotRetryable):
            delivery.retry(message_of(row), cause=OPERATOR, now=in_(seconds=50), unconfirmed=True)

        assert shown(row) == ("unknown", "unknown")

    def test_is_refused_once_the_customer_asked_for_silence(self, failed: Delivery, twilio: StandIn) -> None:
        says("parar")

        with pytest.raises(errors.OptedOut):
            delivery.retry(failed.message, cause=OPERATOR, now=clock.now())

        work.run_once()
        assert len(twilio.sent()) == 1

    def test_may_be_given_up(self, failed: Delivery, twilio: StandIn) -> None:
        delivery.discard(failed.message, cause=OPERATOR, now=clock.now())
        work.run_once(in_(hours=1))

        assert shown(failed) == ("cancelled", "cancelled")
        assert len(twilio.sent()) == 1

    def test_cannot_be_given_up_while_it_is_on_its_way(self, held: Conversation, ana: Operator) -> None:
        row = operator_says(held, ana)
        (claimed,), _next = work.claim_due(work.handlers["delivery"], clock.now(), limit=1)
        assert claimed.begun

        with pytest.raises(delivery.NotRetryable):
            delivery.discard(row.message, cause=OPERATOR, now=clock.now())


def test_every_status_event_has_a_number_of_its_own(
    held: Conversation, ana: Operator, twilio: StandIn
) -> None:
    twilio.script("reset_after_accept")
    row = operator_says(held, ana)
    work.run_once()
    for status in ("queued", "sent", "sent", "delivered", "sent", "read"):
        report(row, status, sid=twilio.sent()[0].sid)

    numbers = [
        *Event.objects.filter(conversation=held).values_list("seq", flat=True),
        *Message.objects.filter(conversation=held).values_list("seq", flat=True),
    ]
    assert sorted(numbers) == list(range(1, fresh(held).seq + 1))
    assert told(row) == ["unknown", "sending", "sent", "delivered", "read"]
