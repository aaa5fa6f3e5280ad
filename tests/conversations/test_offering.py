"""What waits is kept for one person for a while; mode and epoch stay as they are."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conversations import clock, errors, handoffs
from conversations.contract import Cause
from conversations.models import Conversation, DueKind, Handoff, Mode
from operators import desk
from operators.models import Operator
from tests.builders import (
    bubbles,
    fresh,
    last_event,
    make_held,
    make_operator,
    make_queue,
    make_waiting,
    numbers,
    says,
    time_passes,
)

pytestmark = pytest.mark.django_db

SYSTEM = Cause(kind="system", door="worker")
PANEL = Cause(kind="operator", door="panel")
NOW = clock.now()
HALF_A_MINUTE = timedelta(seconds=30)


def offer(conversation: Conversation, operator: Operator) -> Handoff:
    return handoffs.offer(
        conversation, cause=SYSTEM, operator=operator, why="least_loaded", answer_in=HALF_A_MINUTE, now=NOW
    )


def decline(conversation: Conversation, operator: Operator) -> Handoff:
    return handoffs.decline(conversation, cause=PANEL, operator=operator, now=NOW)


def episode(conversation: Conversation) -> Handoff:
    return Handoff.objects.get(open_for=conversation)


class TestAnOffer:
    def test_keeps_it_for_one_person(self) -> None:
        ana, conversation = make_operator("ana"), make_waiting(now=NOW)

        offer(conversation, ana)

        after, handoff = fresh(conversation), episode(conversation)
        assert (after.mode, after.epoch, after.offered_to) == (Mode.QUEUED, conversation.epoch, ana)
        assert after.waiting_since == conversation.waiting_since
        assert (handoff.due_kind, handoff.due_at) == (DueKind.OFFER, NOW + HALF_A_MINUTE)
        assert handoff.due_epoch == conversation.epoch
        told = last_event(conversation)
        assert (told.kind, told.data["offered_to"], told.data["why"]) == (
            "handoff.offered",
            str(ana.public_id),
            "least_loaded",
        )
        assert told.epoch_before == told.epoch_after

    def test_says_nothing_to_the_customer(self) -> None:
        ana, conversation = make_operator("ana"), make_waiting(now=NOW)
        before = len(bubbles(conversation))

        offer(conversation, ana)
        decline(conversation, ana)

        assert len(bubbles(conversation)) == before
        assert numbers(conversation) == list(range(1, fresh(conversation).seq + 1))

    def test_can_be_taken_by_nobody_else(self) -> None:
        ana, bia, conversation = make_operator("ana"), make_operator("bia"), make_waiting(now=NOW)
        offer(conversation, ana)

        with pytest.raises(errors.AlreadyClaimed) as refused:
            desk.claim(conversation, operator=bia, door="panel", now=NOW)

        assert refused.value.extras["operator"] == ana
        assert fresh(conversation).offered_to == ana

    def test_is_made_once(self) -> None:
        ana, bia, conversation = make_operator("ana"), make_operator("bia"), make_waiting(now=NOW)
        offer(conversation, ana)

        with pytest.raises(errors.NotWaiting):
            offer(conversation, bia)

        assert fresh(conversation).offered_to == ana

    def test_is_not_made_of_what_somebody_has(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        conversation = make_held(ana)

        with pytest.raises(errors.NotWaiting):
            offer(conversation, bia)

        assert fresh(conversation).offered_to is None

    def test_is_not_made_of_what_has_moved_since_it_was_read(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        read = make_waiting(now=NOW)
        desk.claim(read, operator=ana, door="panel", now=NOW)
        handoffs.requeue(read, cause=SYSTEM, why="supervisor", now=NOW)

        with pytest.raises(errors.NotWaiting):
            offer(read, bia)

    def test_ends_when_it_is_accepted(self) -> None:
        ana, conversation = make_operator("ana"), make_waiting(now=NOW)
        offer(conversation, ana)

        desk.claim(conversation, operator=ana, door="panel", now=NOW, epoch=conversation.epoch)

        after = fresh(conversation)
        assert (after.mode, after.operator, after.offered_to) == (Mode.HUMAN, ana, None)
        assert episode(conversation).due_kind == DueKind.FIRST_REPLY

    def test_ends_when_the_customer_gives_up(self) -> None:
        ana, conversation = make_operator("ana"), make_waiting(now=NOW)
        offer(conversation, ana)

        says("voltar")

        assert (fresh(conversation).mode, fresh(conversation).offered_to) == (Mode.BOT, None)
        assert time_passes("deadline", NOW + timedelta(hours=1)) == 0


class TestAnOfferNotTaken:
    def test_is_for_anybody_again(self) -> None:
        ana, bia, conversation = make_operator("ana"), make_operator("bia"), make_waiting(now=NOW)
        offer(conversation, ana)

        decline(conversation, ana)

        assert fresh(conversation).offered_to is None
        assert episode(conversation).passed_over == [str(ana.public_id)]
        assert last_event(conversation).kind == "handoff.declined"
        assert desk.claim_next(bia, door="panel", now=NOW) == conversation

    def test_is_declined_by_nobody_else(self) -> None:
        ana, bia, conversation = make_operator("ana"), make_operator("bia"), make_waiting(now=NOW)
        offer(conversation, ana)

        with pytest.raises(errors.NotWaiting):
            decline(conversation, bia)

        assert fresh(conversation).offered_to == ana

    def test_is_declined_once(self) -> None:
        ana, conversation = make_operator("ana"), make_waiting(now=NOW)
        offer(conversation, ana)
        decline(conversation, ana)

        with pytest.raises(errors.NotWaiting):
            decline(conversation, ana)

        assert episode(conversation).passed_over == [str(ana.public_id)]

    def test_waits_on_from_where_it_was(self) -> None:
        ana, conversation = make_operator("ana"), make_waiting(now=NOW - timedelta(minutes=4))
        before = episode(conversation)
        offer(conversation, ana)

        decline(conversation, ana)

        after = episode(conversation)
        assert (after.due_kind, after.due_at, after.due_epoch, after.due_step) == (
            DueKind.WAITING,
            before.due_at,
            before.due_epoch,
            before.due_step,
        )

    def test_passes_by_itself(self) -> None:
        ana, conversation = make_operator("ana"), make_waiting(now=NOW)
        offer(conversation, ana)

        assert time_passes("deadline", NOW + HALF_A_MINUTE) == 1

        assert fresh(conversation).offered_to is None
        assert episode(conversation).passed_over == [str(ana.public_id)]
        told = last_event(conversation)
        assert (told.kind, told.data["operator"]) == ("handoff.offer_expired", str(ana.public_id))

    def test_lets_a_queue_that_offers_look_for_somebody_else(self) -> None:
        ana = make_operator("ana")
        conversation = make_waiting(now=NOW)
        queue = make_queue("Vendas", auto_offer=True)
        Conversation.objects.filter(pk=conversation.pk).update(queue=queue)
        offer(fresh(conversation), ana)
        queue.refresh_from_db()
        assert queue.due_at is None

        decline(fresh(conversation), ana)

        queue.refresh_from_db()
        assert queue.due_at == NOW
