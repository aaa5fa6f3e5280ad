"""Who is offered what waits in a queue that offers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from conversations import clock, handoffs
from conversations.contract import Cause, Release
from conversations.models import Conversation, Handoff, Mode, Queue
from operators import desk, presence, routing
from operators.models import Operator, PresenceStatus
from tests.builders import (
    fresh,
    last_event,
    make_held,
    make_operator,
    make_present,
    make_queue,
    make_sender,
    make_waiting,
    time_passes,
)

pytestmark = pytest.mark.django_db

NOW = clock.now()
JOAO, MARIA, PEDRO = (f"whatsapp:+551190000000{number}" for number in (1, 2, 3))
SYSTEM = Cause(kind="system", door="worker")


@pytest.fixture(autouse=True)
def queue() -> Queue:
    make_sender()
    Queue.objects.update(auto_offer=True, offer_seconds=30)
    return Queue.objects.get()


def look(now: datetime = NOW) -> int:
    """Whoever is there beats on; then the worker looks at the queues."""
    return time_passes("routing", now)


def offered_to(conversation: Conversation) -> Operator | None:
    return fresh(conversation).offered_to


def why(conversation: Conversation) -> str:
    return str(conversation.events.filter(kind="handoff.offered").order_by("-seq")[0].data["why"])


def idle_since(operator: Operator, at: datetime) -> None:
    Operator.objects.filter(pk=operator.pk).update(claimed_at=at)


class TestAnOffer:
    def test_follows_a_request_at_once(self) -> None:
        ana, conversation = make_present("ana", now=NOW), make_waiting(now=NOW)

        assert look() == 1

        after = fresh(conversation)
        assert (after.mode, after.offered_to, after.epoch) == (Mode.QUEUED, ana, conversation.epoch)
        assert Handoff.objects.get().due_at == NOW + timedelta(seconds=30)
        assert Queue.objects.get().due_at is None

    def test_is_not_made_in_a_queue_that_does_not_offer(self) -> None:
        Queue.objects.update(auto_offer=False)
        make_present("ana", now=NOW)
        conversation = make_waiting(now=NOW)

        assert look() == 0
        assert offered_to(conversation) is None

    @pytest.mark.parametrize(
        "state", ["absent", "away", "on_break", "offline", "full", "inactive", "elsewhere"]
    )
    def test_is_not_made_to_somebody(self, state: str) -> None:
        ana = make_present("ana", now=NOW, capacity=1)
        match state:
            case "absent":
                presence.beat(ana, now=NOW - presence.LIFE)
            case "away":
                presence.send_away(ana, now=NOW)
            case "on_break" | "offline":
                presence.choose(ana, PresenceStatus(state), now=NOW)
            case "full":
                make_held(ana, now=NOW, address=MARIA)
            case "inactive":
                Operator.objects.update(is_active=False)
            case _:
                ana.queues.set([make_queue("Outra")])
        conversation = make_waiting(now=NOW, address=JOAO)

        look()

        assert offered_to(conversation) is None

    def test_is_tried_again_while_nobody_is_there(self, queue: Queue) -> None:
        conversation = make_waiting(now=NOW)
        look()
        queue.refresh_from_db()
        assert queue.due_at == NOW + routing.LOOK_AGAIN
        ana = make_present("ana", now=NOW)

        look(NOW + routing.LOOK_AGAIN)

        assert offered_to(conversation) == ana

    def test_counts_what_was_offered_and_not_taken_yet(self) -> None:
        make_present("ana", now=NOW, capacity=2)
        threads = [make_waiting(now=NOW, address=address) for address in (JOAO, MARIA, PEDRO)]

        look()

        assert [bool(offered_to(one)) for one in threads] == [True, True, False]

    def test_goes_to_whoever_waits_longest_and_by_priority(self) -> None:
        make_present("ana", now=NOW, capacity=1)
        old = make_waiting(now=NOW - timedelta(minutes=9), address=JOAO)
        urgent = make_waiting(now=NOW, address=MARIA)
        Conversation.objects.filter(pk=urgent.pk).update(priority=3)

        look()

        assert (bool(offered_to(urgent)), offered_to(old)) == (True, None)

    def test_goes_to_the_demo_last(self) -> None:
        make_present("ana", now=NOW, capacity=1)
        demo = make_waiting(now=NOW - timedelta(minutes=9), address=JOAO)
        other = type(demo.sender).objects.create(
            organization=demo.sender.organization,
            address="whatsapp:+10000000000",
            account_sid="ACd",
            demo=True,
        )
        Conversation.objects.filter(pk=demo.pk).update(sender=other)
        real = make_waiting(now=NOW, address=MARIA)

        look()

        assert (offered_to(demo), bool(offered_to(real))) == (None, True)

    def test_is_skipped_for_what_was_taken_meanwhile(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_present("ana", now=NOW)
        bia = make_operator("bia")
        first, second = (make_waiting(now=NOW, address=address) for address in (JOAO, MARIA))
        team = routing.team

        def late(*args: Any) -> Any:
            desk.claim(first, operator=bia, door="panel", now=NOW)
            return team(*args)

        monkeypatch.setattr(routing, "team", late)
        look()

        assert (fresh(first).operator, offered_to(first)) == (bia, None)
        assert offered_to(second) is not None


class TestWhoIsNext:
    def test_is_the_operator_of_last_time_though_others_have_less_to_do(self) -> None:
        ana, _bia = make_present("ana", now=NOW), make_present("bia", now=NOW)
        conversation = make_held(ana, now=NOW, address=JOAO)
        handoffs.release(
            conversation,
            cause=SYSTEM,
            operator=ana,
            epoch=None,
            seen=999,
            release=Release(outcome="solved"),
            now=NOW,
        )
        make_held(ana, now=NOW, address=MARIA)

        again = make_waiting(now=NOW, address=JOAO)
        look()

        assert (offered_to(again), why(again)) == (ana, "last_served")

    def test_is_not_the_operator_of_last_time_when_they_are_full(self) -> None:
        ana, bia = make_present("ana", now=NOW, capacity=1), make_present("bia", now=NOW)
        conversation = make_held(ana, now=NOW, address=JOAO)
        handoffs.release(
            conversation,
            cause=SYSTEM,
            operator=ana,
            epoch=None,
            seen=999,
            release=Release(outcome="solved"),
            now=NOW,
        )
        make_held(ana, now=NOW, address=MARIA)

        again = make_waiting(now=NOW, address=JOAO)
        look()

        assert offered_to(again) == bia

    def test_is_whoever_has_least_to_do(self) -> None:
        ana, bia = make_present("ana", now=NOW), make_present("bia", now=NOW)
        idle_since(bia, NOW)
        make_held(ana, now=NOW - timedelta(hours=1), address=MARIA)
        conversation = make_waiting(now=NOW, address=JOAO)

        look()

        assert (offered_to(conversation), why(conversation)) == (bia, "least_loaded")

    def test_is_whoever_has_been_without_one_for_longest(self) -> None:
        ana, bia = make_present("ana", now=NOW), make_present("bia", now=NOW)
        idle_since(ana, NOW - timedelta(minutes=1))
        idle_since(bia, NOW - timedelta(minutes=2))
        conversation = make_waiting(now=NOW, address=JOAO)

        look()

        assert (offered_to(conversation), why(conversation)) == (bia, "longest_idle")

    def test_is_one_after_the_other(self) -> None:
        ana, bia = make_present("ana", now=NOW), make_present("bia", now=NOW)
        threads = [make_waiting(now=NOW, address=address) for address in (JOAO, MARIA)]

        look()

        assert {offered_to(one) for one in threads} == {ana, bia}

    def test_is_nobody_who_said_no(self) -> None:
        ana, bia = make_present("ana", now=NOW), make_present("bia", now=NOW)
        conversation = make_waiting(now=NOW)
        for _round in range(2):
            look()
            operator = offered_to(conversation)
            assert operator
            desk.decline(conversation, operator=operator, door="panel", now=NOW)

        look()

        assert set(Handoff.objects.get().passed_over) == {str(ana.public_id), str(bia.public_id)}
        assert offered_to(conversation) is None
        assert last_event(conversation).kind == "handoff.declined"

    def test_is_nobody_who_let_it_pass(self) -> None:
        ana, bia = make_present("ana", now=NOW), make_present("bia", now=NOW)
        conversation = make_waiting(now=NOW)
        look()
        first = offered_to(conversation)

        time_passes("deadline", NOW + timedelta(seconds=30))
        look(NOW + timedelta(seconds=30))

        assert {first, offered_to(conversation)} == {ana, bia}

    def test_is_somebody_else_when_it_was_not_answered(self) -> None:
        """Whoever had it has less to do now, and let a customer wait."""
        ana, bia = make_present("ana", now=NOW), make_present("bia", now=NOW)
        conversation, other = make_held(ana, now=NOW, address=JOAO), make_held(bia, now=NOW, address=MARIA)
        time_passes("deadline", NOW + timedelta(minutes=10))
        for operator in (ana, bia):
            presence.beat(operator, now=NOW + timedelta(minutes=10))

        look(NOW + timedelta(minutes=10))

        assert (offered_to(conversation), offered_to(other)) == (bia, ana)
