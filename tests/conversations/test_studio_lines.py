"""What a Studio flow says by itself stands in the thread: once, in its order, and never one of our lines again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from conversations import clock, flow_lines
from conversations.models import (
    Author,
    BotTurn,
    Delivery,
    DeliveryState,
    Event,
    Message,
    Reconciliation,
    Sender,
    Status,
    StatusReport,
)
from conversations.twilio.reading import Received
from handoffflow.simulator.ledger import new_sid
from handoffflow.simulator.standin import StandIn
from tests.builders import JOAO, bubbles, make_operator, make_sender, make_waiting, numbers, says, thread
from tests.conftest import TWILIO_SID
from tests.conversations.outbox import bot_says, operator_says
from tests.conversations.outbox import twilio as twilio
from tests.conversations.studio import make_studio_sender, takes
from tests.conversations.test_reconcile import again, ago, compare, listed
from tests.signed import post
from tests.story import disagreements

pytestmark = pytest.mark.django_db


def spoke(twilio: StandIn, *said: tuple[str, float], to: str = JOAO, status: str = "delivered") -> list[str]:
    """Twilio has these of a flow's in its books."""
    sids = listed(twilio, *[(to, body, at) for body, at in said], direction="outbound-api")
    with twilio.ledger.writing() as connection:
        connection.execute("UPDATE messages SET status = ? WHERE direction <> 'inbound'", (status,))
    return sids


def lines() -> list[tuple[str, str]]:
    return [(str(one.author), one.body) for one in bubbles(thread())]


class TestWhatAFlowSaid:
    @pytest.fixture(autouse=True)
    def sender(self) -> Sender:
        return make_studio_sender()

    def test_is_heard_once_in_order_as_the_bots(self, twilio: StandIn) -> None:
        says("oi", now=clock.now() - timedelta(minutes=10))
        at = float(int(ago(minutes=9)))
        sids = spoke(twilio, ("Olá!", at), ("Escolha:", at), ("1 ou 2", at + 1))

        compare()
        again(clock.now() + timedelta(minutes=6))

        assert lines() == [
            ("customer", "oi"),
            ("bot", "Olá!"),
            ("bot", "Escolha:"),
            ("bot", "1 ou 2"),
        ]
        said = Message.objects.filter(author=Author.BOT)
        assert [one.provider_sid for one in said.in_order()] == sids
        assert {(one.status, one.late, one.occurred_at.timestamp()) for one in said} == {
            (Status.DELIVERED, True, at),
            (Status.DELIVERED, True, at + 1),
        }
        assert not Delivery.objects.exists()
        assert thread().last_preview == "1 ou 2"
        assert numbers(thread()) == list(range(1, thread().seq + 1))
        assert disagreements() == []

    def test_after_the_handoff_stands_after_it(self, twilio: StandIn) -> None:
        """The one answer that was on its way already: people see that the bot has said it, and when."""
        says("oi", now=clock.now() - timedelta(minutes=5))
        make_waiting()
        Delivery.objects.update(state=DeliveryState.ACCEPTED)
        Message.objects.filter(author=Author.SYSTEM).update(provider_sid=new_sid("SM"))
        takes(make_operator("ana"))
        spoke(twilio, ("tarde demais", ago(minutes=3)))

        compare()

        assert lines()[-1] == ("bot", "tarde demais")
        assert thread().mode == "human"
        newest = Event.objects.order_by("-pk")[0]
        assert (newest.kind, newest.data["mode"]) == ("message.accepted", "human")

    def test_waits_until_it_cannot_be_one_of_ours(self, twilio: StandIn) -> None:
        says("oi")
        spoke(twilio, ("agora mesmo", ago(seconds=30)))

        row = compare()
        assert lines() == [("customer", "oi")]
        assert row.due_at is not None
        assert row.due_at - clock.now() < timedelta(minutes=1)
        again(clock.now() + timedelta(minutes=3))

        assert lines()[-1] == ("bot", "agora mesmo")

    def test_that_a_report_tells_of_is_heard_at_once(self, twilio: StandIn, client: Any) -> None:
        says("oi")
        compare()
        [sid] = spoke(twilio, ("agora mesmo", ago(seconds=2)))
        told = {"MessageSid": sid, "MessageStatus": "sent", "AccountSid": TWILIO_SID, "To": JOAO}
        given = {**told, "From": make_sender().address}

        assert post(client, given, path="/api/twilio/status").status_code == 204
        due_at = Reconciliation.objects.get().due_at
        assert due_at is not None
        assert due_at - clock.now() <= timedelta(seconds=3)
        again(clock.now() + timedelta(seconds=4))

        assert lines()[-1] == ("bot", "agora mesmo")

    def test_is_not_put_off_by_a_second_report(self, twilio: StandIn, client: Any) -> None:
        says("oi")
        compare()
        given = {"MessageSid": new_sid("SM"), "AccountSid": TWILIO_SID, "From": make_sender().address}
        post(client, {**given, "MessageStatus": "sent"}, path="/api/twilio/status")
        first = Reconciliation.objects.get().due_at

        post(client, {**given, "MessageStatus": "delivered"}, path="/api/twilio/status")

        assert Reconciliation.objects.get().due_at == first

    def test_to_somebody_who_never_wrote_is_left_out(self, twilio: StandIn) -> None:
        spoke(twilio, ("campanha", ago(minutes=3)), to="whatsapp:+5511900000000")

        compare()

        assert not Message.objects.exists()

    def test_that_failed_is_left_out(self, twilio: StandIn) -> None:
        says("oi")
        spoke(twilio, ("não chegou", ago(minutes=3)), status="failed")

        compare()

        assert lines() == [("customer", "oi")]

    def test_does_not_come_twice_from_two_passes(self) -> None:
        says("oi")
        line = Received(
            sid=new_sid("SM"),
            from_=make_sender().address,
            to=JOAO,
            body="Olá!",
            at=clock.now() - timedelta(minutes=3),
            status="sent",
        )

        for _pass in range(2):
            assert flow_lines._append(make_sender(), line, clock.now())

        assert lines() == [("customer", "oi"), ("bot", "Olá!")]
        assert numbers(thread()) == list(range(1, thread().seq + 1))


class TestALineOfOurs:
    @pytest.fixture(autouse=True)
    def sender(self, twilio: StandIn) -> Sender:
        sender = make_studio_sender()
        says("oi")
        return sender

    def test_is_known_by_its_sid(self, twilio: StandIn) -> None:
        row = bot_says(thread())
        [sid] = spoke(twilio, (row.body, ago(minutes=3)))
        Delivery.objects.update(state=DeliveryState.ACCEPTED)
        Message.objects.filter(pk=row.message_id).update(provider_sid=sid)

        compare()

        assert lines() == [("customer", "oi"), ("bot", row.body)]

    def test_is_known_by_a_report_that_names_it(self, twilio: StandIn) -> None:
        row = bot_says(thread())
        [sid] = spoke(twilio, ("outro texto", ago(minutes=3)))
        Delivery.objects.update(state=DeliveryState.FAILED)
        StatusReport.objects.create(
            mid=row.public_id,
            account_sid=TWILIO_SID,
            provider_sid=sid,
            status="sent",
            received_at=clock.now(),
        )

        compare()

        assert lines() == [("customer", "oi"), ("bot", row.body)]

    @pytest.mark.parametrize("state", [DeliveryState.SENDING, DeliveryState.UNKNOWN, DeliveryState.QUEUED])
    def test_that_is_not_settled_keeps_the_others_waiting(
        self, twilio: StandIn, state: DeliveryState
    ) -> None:
        row = bot_says(thread(), body="nossa")
        Delivery.objects.filter(pk=row.pk).update(state=state)
        spoke(twilio, ("nossa", ago(minutes=3)), ("do fluxo", ago(minutes=3)))

        compare()

        assert lines() == [("customer", "oi"), ("bot", "nossa")]

    def test_that_was_given_up_is_not_taken_for_the_flows(self, twilio: StandIn) -> None:
        ana = make_operator("ana")
        takes(ana)
        row = operator_says(thread(), ana, "Bom dia")
        at = ago(minutes=3)
        spoke(twilio, ("Bom dia", at), ("do fluxo", at))
        Delivery.objects.update(
            state=DeliveryState.FAILED, started_at=clock.now() - timedelta(minutes=3, seconds=2)
        )

        compare()

        assert [body for _author, body in lines()].count(row.body) == 1
        assert lines()[-1] == ("bot", "do fluxo")


class TestAFlowInFront:
    """It is told every message, and we of those at its gate: the others come from the list, with its answers."""

    @pytest.fixture(autouse=True)
    def sender(self) -> Sender:
        make_studio_sender()
        Sender.objects.update(gated_at=clock.now())
        return make_sender()

    def test_is_shown_with_what_it_answers(self, twilio: StandIn) -> None:
        says("oi", now=clock.now() - timedelta(minutes=12))
        at = ago(minutes=10)
        listed(twilio, (JOAO, "1", at + 10), (JOAO, "2", at + 30))
        spoke(twilio, ("menu", at), ("um", at + 12), ("menu", at + 13), ("dois", at + 31))

        compare()

        assert [body for _author, body in lines()] == ["oi", "menu", "1", "um", "menu", "2", "dois"]

    def test_is_not_started_with_what_it_had_already(self, twilio: StandIn) -> None:
        listed(twilio, (JOAO, "1", ago(minutes=3)))

        compare()

        assert lines() == [("customer", "1")]
        assert not BotTurn.objects.exists()

    def test_waits_for_the_question_before_the_answer(self, twilio: StandIn) -> None:
        says("oi", now=clock.now() - timedelta(minutes=1))
        listed(twilio, (JOAO, "1", ago(seconds=4)))
        [sid] = spoke(twilio, ("um", ago(seconds=3)))
        StatusReport.objects.create(
            account_sid=TWILIO_SID, provider_sid=sid, status="sent", received_at=clock.now()
        )

        row = compare()
        assert lines() == [("customer", "oi")]
        assert row.due_at is not None
        assert row.due_at - clock.now() <= timedelta(seconds=10)
        again(clock.now() + timedelta(seconds=11))

        assert [body for _author, body in lines()] == ["oi", "1", "um"]


def test_a_late_message_starts_a_flow_that_never_had_it(twilio: StandIn) -> None:
    make_studio_sender()
    listed(twilio, (JOAO, "oi", ago(minutes=3)))

    compare()

    assert BotTurn.objects.get().open_for is not None


def test_a_number_with_another_bot_hears_nothing(twilio: StandIn) -> None:
    make_sender()
    Sender.objects.update(created_at=clock.now() - timedelta(days=1))
    says("oi")
    spoke(twilio, ("de outro", ago(minutes=3)))

    compare()

    assert lines() == [("customer", "oi")]
