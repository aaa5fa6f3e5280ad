"""A conversation changes hands: to a queue, to a colleague, to the front of the queue, to a supervisor."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from conversations import clock, contacts, episodes, errors, handoffs
from conversations.contract import Cause, Release
from conversations.models import (
    Author,
    Conversation,
    DueKind,
    Handoff,
    Mode,
    Note,
    NoteKind,
    Priority,
    Queue,
)
from operators import desk
from operators.models import Operator
from tests.builders import (
    bubbles,
    fresh,
    kinds,
    last_event,
    make_held,
    make_operator,
    make_queue,
    make_waiting,
    make_with_bot,
    numbers,
    says,
    time_passes,
)
from tests.conversations.outbox import operator_says

pytestmark = pytest.mark.django_db

PANEL = Cause(kind="operator", door="panel")
SYSTEM = Cause(kind="system", door="worker")
NOTE = "Já pediu o boleto duas vezes."


def episode(conversation: Conversation) -> Handoff:
    return Handoff.objects.select_related("operator").get(open_for=conversation)


def transfer(conversation: Conversation, to: Operator | Queue, **changes: Any) -> Handoff:
    given: dict[str, Any] = {
        "operator": conversation.operator,
        "author": conversation.operator,
        "epoch": conversation.epoch,
        "note": NOTE,
        "now": clock.now(),
    }
    return handoffs.transfer(conversation, cause=PANEL, to=to, **(given | changes))


def requeue(conversation: Conversation, **changes: Any) -> Handoff:
    given: dict[str, Any] = {"why": "supervisor", "now": clock.now()}
    return handoffs.requeue(conversation, cause=SYSTEM, **(given | changes))


class TestTransferToAQueue:
    def test_lets_it_wait_there_for_anybody(self) -> None:
        ana, finance = make_operator("ana"), make_queue("Financeiro")
        conversation = make_held(ana)

        handoff = transfer(conversation, finance)

        after = fresh(conversation)
        assert (after.mode, after.operator, after.offered_to) == (Mode.QUEUED, None, None)
        assert (after.queue, after.epoch) == (finance, conversation.epoch + 1)
        assert (episode(after), handoff.number) == (handoff, 1)
        assert (episode(after).queue, episode(after).operator, episode(after).handoff_at) == (
            finance,
            None,
            None,
        )

    def test_keeps_the_time_since_the_customer_asked(self) -> None:
        asked = clock.now() - timedelta(minutes=40)
        conversation = make_held(make_operator("ana"), now=asked)

        transfer(conversation, make_queue("Financeiro"))

        assert fresh(conversation).waiting_since == asked == episode(conversation).requested_at

    def test_needs_a_note(self) -> None:
        conversation, finance = make_held(make_operator("ana")), make_queue("Financeiro")

        for nothing in ("", "  ", "\n\t"):
            with pytest.raises(errors.NoteRequired):
                transfer(conversation, finance, note=nothing)

        assert fresh(conversation).epoch == conversation.epoch

    def test_is_undone_with_a_note_that_is_too_long(self) -> None:
        conversation, finance = make_held(make_operator("ana")), make_queue("Financeiro")

        with pytest.raises(errors.MessageTooLong):
            transfer(conversation, finance, note="a" * 4001)

        after = fresh(conversation)
        assert (after.mode, after.seq, after.epoch) == (Mode.HUMAN, conversation.seq, conversation.epoch)

    def test_numbers_the_note_before_the_event_that_names_it(self) -> None:
        ana, finance = make_operator("ana"), make_queue("Financeiro")
        conversation = make_held(ana)

        transfer(conversation, finance)

        note = Note.objects.get(conversation=conversation)
        assert (note.kind, note.author, note.body, note.seq) == (
            NoteKind.TRANSFER,
            ana,
            NOTE,
            conversation.seq + 1,
        )
        told = conversation.events.get(kind="handoff.transferred")
        assert told.seq == note.seq + 1
        assert (told.data["note"], told.data["queue"], told.data["offered_to"]) == (
            note.pk,
            str(finance.public_id),
            "",
        )
        assert (told.epoch_before, told.epoch_after) == (conversation.epoch, conversation.epoch + 1)
        assert numbers(conversation) == list(range(1, fresh(conversation).seq + 1))

    def test_of_an_integration_has_a_note_of_nobody(self) -> None:
        conversation, finance = make_held(make_operator("ana")), make_queue("Financeiro")

        transfer(conversation, finance, operator=None, author=None, epoch=None)

        assert Note.objects.get().author is None

    def test_tells_the_customer(self) -> None:
        conversation, finance = make_held(make_operator("ana")), make_queue("Financeiro")

        transfer(conversation, finance)

        notice = bubbles(conversation)[-1]
        assert (notice.author, notice.body[:22]) == (Author.SYSTEM, "Vou passar você para u")
        assert fresh(conversation).last_preview.startswith("Vou passar você")

    def test_speaks_in_the_words_of_the_queue_it_goes_to(self) -> None:
        conversation = make_held(make_operator("ana"))
        finance = make_queue("Financeiro", texts={"transferred": {"pt-br": "O financeiro já vem."}})

        transfer(conversation, finance)

        assert bubbles(conversation)[-1].body == "O financeiro já vem."

    @pytest.mark.parametrize("silence", ["the window is closed", "they asked for silence"])
    def test_says_nothing_to_whom_nothing_may_be_sent(self, silence: str) -> None:
        conversation, finance, now = make_held(make_operator("ana")), make_queue("Financeiro"), clock.now()
        if silence == "the window is closed":
            now += timedelta(hours=25)
        else:
            contacts.opt_out(conversation.contact, now=now)
        before = len(bubbles(conversation))

        transfer(fresh(conversation), finance, now=now)

        assert len(bubbles(conversation)) == before
        assert numbers(conversation) == list(range(1, fresh(conversation).seq + 1))

    def test_is_only_for_whoever_holds_it(self) -> None:
        bia = make_operator("bia")
        conversation, finance = make_held(make_operator("ana")), make_queue("Financeiro")

        with pytest.raises(errors.NotYours) as refused:
            transfer(conversation, finance, operator=bia)

        assert refused.value.extras["operator"] == conversation.operator
        assert fresh(conversation).mode == Mode.HUMAN

    def test_refuses_an_older_epoch(self) -> None:
        conversation, finance = make_held(make_operator("ana")), make_queue("Financeiro")

        with pytest.raises(errors.StaleEpoch) as refused:
            transfer(conversation, finance, epoch=conversation.epoch - 1)

        assert refused.value.extras == {"epoch": conversation.epoch}
        assert fresh(conversation).mode == Mode.HUMAN

    def test_is_refused_once_nobody_holds_it(self) -> None:
        ana, finance = make_operator("ana"), make_queue("Financeiro")

        for conversation in (make_with_bot(), make_waiting(address="whatsapp:+5511900000001")):
            with pytest.raises(errors.NotHuman):
                transfer(conversation, finance, operator=ana, epoch=None)

    def test_lets_nobody_speak_any_more(self) -> None:
        ana, finance = make_operator("ana"), make_queue("Financeiro")
        conversation = make_held(ana)
        transfer(conversation, finance)

        with pytest.raises(errors.NotHuman):
            operator_says(conversation, ana)

    def test_begins_the_time_to_wait_afresh(self) -> None:
        now = clock.now()
        conversation = make_held(make_operator("ana"), now=now - timedelta(minutes=30))

        transfer(conversation, make_queue("Financeiro", waiting_minutes=7), now=now)

        handoff = episode(conversation)
        assert (handoff.due_kind, handoff.due_at) == (DueKind.WAITING, now + timedelta(minutes=7))
        assert (handoff.due_epoch, handoff.due_step) == (fresh(conversation).epoch, 0)
        assert handoff.waiting_due_at == handoff.due_at

    def test_lets_a_queue_that_offers_look_for_somebody(self) -> None:
        now, conversation = clock.now(), make_held(make_operator("ana"))
        finance = make_queue("Financeiro", auto_offer=True)

        transfer(conversation, finance, now=now)

        finance.refresh_from_db()
        assert finance.due_at == now

    def test_is_not_offered_back_to_whoever_handed_it_on(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)

        transfer(conversation, make_queue("Financeiro"))

        assert episode(conversation).passed_over == [str(ana.public_id)]

    def test_keeps_the_first_times_of_the_service(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        conversation = make_held(ana)
        operator_says(conversation, ana)
        first = episode(conversation)

        transfer(conversation, make_queue("Financeiro"))
        desk.claim(conversation, operator=bia, door="panel", now=clock.now() + timedelta(minutes=5))

        after = episode(conversation)
        assert (after.first_handoff_at, after.first_reply_at) == (
            first.first_handoff_at,
            first.first_reply_at,
        )
        assert (after.operator, fresh(conversation).handoff_count) == (bia, 1)

    def test_touches_no_other_service_than_the_one_it_read(self) -> None:
        """Finished, asked for again and taken again between two looks: the guard is the row of the service."""
        ana = make_operator("ana")
        conversation = make_held(ana)
        read = episode(conversation)
        release = Release(outcome="solved")
        handoffs.release(
            conversation, cause=PANEL, operator=ana, epoch=None, seen=999, release=release, now=clock.now()
        )
        says("atendente")
        desk.claim(fresh(conversation), operator=ana, door="panel", now=clock.now())

        with pytest.raises(errors.StaleEpoch):
            episodes.waits_again(read, fresh(conversation), clock.now(), answer_by=None, due=None)


class TestTransferToAPerson:
    def test_is_an_offer_to_them_for_two_minutes(self) -> None:
        now, ana, bia = clock.now(), make_operator("ana"), make_operator("bia")
        conversation = make_held(ana, now=now - timedelta(minutes=3))

        transfer(conversation, bia, now=now)

        after, handoff = fresh(conversation), episode(conversation)
        assert (after.mode, after.offered_to, after.queue) == (Mode.QUEUED, bia, conversation.queue)
        assert (handoff.due_kind, handoff.due_at) == (DueKind.OFFER, now + timedelta(minutes=2))
        assert handoff.waiting_due_at == now + timedelta(minutes=10)
        told = conversation.events.get(kind="handoff.transferred")
        assert told.data["offered_to"] == str(bia.public_id)

    def test_is_for_nobody_else(self) -> None:
        ana, bia, carla = make_operator("ana"), make_operator("bia"), make_operator("carla")
        conversation = make_held(ana)
        transfer(conversation, bia)

        for somebody in (carla, ana):
            with pytest.raises(errors.AlreadyClaimed) as refused:
                desk.claim(conversation, operator=somebody, door="panel", now=clock.now())
            assert refused.value.extras["operator"] == bia
            assert desk.claim_next(somebody, door="panel", now=clock.now()) is None

        assert desk.claim_next(bia, door="panel", now=clock.now()) == conversation

    def test_comes_back_to_the_queue_when_they_decline(self) -> None:
        now, ana, bia = clock.now(), make_operator("ana"), make_operator("bia")
        conversation = make_held(ana, now=now - timedelta(minutes=3))
        transfer(conversation, bia, now=now)

        handoffs.decline(conversation, cause=PANEL, operator=bia, now=now + timedelta(seconds=20))

        after, handoff = fresh(conversation), episode(conversation)
        assert (after.mode, after.offered_to, after.waiting_since) == (
            Mode.QUEUED,
            None,
            handoff.requested_at,
        )
        assert (handoff.due_kind, handoff.due_at) == (DueKind.WAITING, now + timedelta(minutes=10))
        assert handoff.passed_over == [str(ana.public_id), str(bia.public_id)]
        assert last_event(conversation).kind == "handoff.declined"

    def test_comes_back_to_the_queue_when_they_do_not_answer(self) -> None:
        now, ana, bia = clock.now(), make_operator("ana"), make_operator("bia")
        conversation = make_held(ana, now=now - timedelta(minutes=3))
        transfer(conversation, bia, now=now)

        assert time_passes("deadline", now + timedelta(seconds=119)) == 0
        assert time_passes("deadline", now + timedelta(seconds=120)) == 1

        after = fresh(conversation)
        assert (after.mode, after.offered_to) == (Mode.QUEUED, None)
        assert last_event(conversation).kind == "handoff.offer_expired"
        assert desk.claim_next(ana, door="panel", now=now) == conversation

    def test_of_what_came_straight_from_the_bot_waits_in_the_default_queue(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        conversation = make_with_bot()
        desk.claim(conversation, operator=ana, door="panel", now=clock.now())
        assert fresh(conversation).queue is None

        transfer(fresh(conversation), bia)

        assert fresh(conversation).queue == Queue.objects.get(is_default=True)

    def test_is_seen_by_them_whatever_their_queues_are(self) -> None:
        ana, bia, carla = make_operator("ana"), make_operator("bia"), make_operator("carla")
        bia.queues.clear()
        carla.queues.clear()
        conversation = make_held(ana)
        assert not Conversation.objects.visible_to(bia).filter(pk=conversation.pk).exists()

        transfer(conversation, bia)

        sees = {one for one in (bia, carla) if Conversation.objects.visible_to(one).exists()}
        assert sees == {bia}


class TestRequeue:
    def test_puts_it_at_the_front_with_its_original_time(self) -> None:
        now = clock.now()
        older = make_waiting(now=now - timedelta(minutes=50), address="whatsapp:+5511900000001")
        conversation = make_held(make_operator("ana"), now=now - timedelta(minutes=5))

        requeue(conversation, now=now)

        after = fresh(conversation)
        assert (after.mode, after.operator, after.epoch) == (Mode.QUEUED, None, conversation.epoch + 1)
        assert (after.priority, after.waiting_since) == (Priority.HIGH, now - timedelta(minutes=5))
        assert list(Conversation.objects.queued().in_turn()) == [conversation, older]
        assert desk.claim_next(make_operator("bia"), door="panel", now=now) == conversation

    def test_does_not_lower_an_urgent_one(self) -> None:
        conversation = make_held(make_operator("ana"))
        Conversation.objects.filter(pk=conversation.pk).update(priority=Priority.URGENT)

        requeue(conversation)

        assert fresh(conversation).priority == Priority.URGENT

    def test_tells_the_customer_and_the_story_why(self) -> None:
        conversation = make_held(make_operator("ana"))

        requeue(conversation, why="operator_gone")

        assert bubbles(conversation)[-1].body.startswith("Desculpe a demora.")
        told = conversation.events.get(kind="handoff.requeued")
        assert (told.data["why"], told.epoch_before, told.epoch_after) == (
            "operator_gone",
            conversation.epoch,
            conversation.epoch + 1,
        )
        assert numbers(conversation) == list(range(1, fresh(conversation).seq + 1))

    def test_can_be_only_for_whom_the_customer_waits_for(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)
        operator_says(conversation, ana)

        with pytest.raises(errors.HandoffError):
            requeue(conversation, unanswered=True)
        assert fresh(conversation).mode == Mode.HUMAN

        says("e então?")
        requeue(conversation, unanswered=True)
        assert fresh(conversation).mode == Mode.QUEUED

    def test_can_be_guarded_by_holder_and_epoch(self) -> None:
        conversation = make_held(make_operator("ana"))

        with pytest.raises(errors.NotYours):
            requeue(conversation, operator=make_operator("bia"))
        with pytest.raises(errors.StaleEpoch):
            requeue(conversation, epoch=conversation.epoch - 1)

        assert fresh(conversation).mode == Mode.HUMAN

    def test_is_refused_when_nobody_has_it(self) -> None:
        with pytest.raises(errors.NotHuman):
            requeue(make_waiting())

    def test_is_not_offered_back_to_whoever_had_it(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)

        requeue(conversation)

        assert episode(conversation).passed_over == [str(ana.public_id)]


class TestAForcedClaim:
    def force(self, conversation: Conversation, operator: Operator, **changes: Any) -> Handoff:
        given: dict[str, Any] = {"now": clock.now()}
        return desk.claim(conversation, operator=operator, door="panel", force=True, **(given | changes))

    def test_takes_it_from_whoever_has_it(self) -> None:
        ana, caio = make_operator("ana"), make_operator("caio", staff=True)
        conversation = make_held(ana)

        handoff = self.force(conversation, caio)

        after = fresh(conversation)
        assert (after.mode, after.operator, after.epoch) == (Mode.HUMAN, caio, conversation.epoch + 1)
        assert (handoff.number, episode(conversation).operator) == (1, caio)
        assert kinds(conversation).count("handoff.claimed") == 2
        with pytest.raises(errors.NotYours):
            desk.reply(
                conversation,
                operator=ana,
                door="panel",
                body="Ainda eu",
                epoch=conversation.epoch,
                client_key=None,
                now=clock.now(),
            )

    def test_takes_what_is_offered_to_somebody_else(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        caio = make_operator("caio", staff=True)
        conversation = make_held(ana)
        transfer(conversation, bia)

        self.force(conversation, caio)

        after = fresh(conversation)
        assert (after.operator, after.offered_to, after.waiting_since) == (caio, None, None)
        assert episode(conversation).due_kind == DueKind.FIRST_REPLY

    def test_takes_what_waits_and_what_is_with_the_bot(self) -> None:
        caio = make_operator("caio", staff=True)

        for conversation in (make_waiting(), make_with_bot(address="whatsapp:+5511900000001")):
            self.force(conversation, caio)
            assert fresh(conversation).operator == caio

    def test_still_needs_a_place(self) -> None:
        caio = make_operator("caio", staff=True, capacity=1)
        make_held(caio, address="whatsapp:+5511900000001")
        conversation = make_held(make_operator("ana"))

        with pytest.raises(errors.AtCapacity):
            self.force(conversation, caio)

        assert fresh(conversation).operator == conversation.operator

    def test_refuses_an_epoch_that_is_over(self) -> None:
        caio = make_operator("caio", staff=True)
        conversation = make_held(make_operator("ana"))

        with pytest.raises(errors.AlreadyClaimed):
            self.force(conversation, caio, epoch=conversation.epoch - 1)

    def test_begins_the_time_to_the_first_reply_afresh(self) -> None:
        caio = make_operator("caio", staff=True)
        taken_at = clock.now()
        conversation = make_held(make_operator("ana"), now=taken_at)
        later: datetime = taken_at + timedelta(minutes=9)

        self.force(conversation, caio, now=later)

        handoff = episode(conversation)
        assert (handoff.due_kind, handoff.due_at) == (DueKind.FIRST_REPLY, later + timedelta(minutes=10))
        assert (handoff.handoff_at, handoff.first_handoff_at) == (later, taken_at)

    def test_without_force_leaves_it_where_it_is(self) -> None:
        ana, caio = make_operator("ana"), make_operator("caio", staff=True)
        conversation = make_held(ana)

        with pytest.raises(errors.AlreadyClaimed):
            desk.claim(conversation, operator=caio, door="panel", now=clock.now())

        assert fresh(conversation).operator == ana
