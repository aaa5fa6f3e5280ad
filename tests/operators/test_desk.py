"""Handing on: to whom it may go, and the end of a shift."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from conversations import clock, errors
from conversations.contract import Cause
from conversations.models import Conversation, Mode, Note, Priority, Queue
from operators import desk, presence
from operators.models import Operator, PresenceStatus
from tests.builders import (
    fresh,
    make_held,
    make_operator,
    make_present,
    make_queue,
    make_stranger,
    make_waiting,
    make_with_bot,
)

pytestmark = pytest.mark.django_db

NOW = clock.now()
ADDRESSES = [f"whatsapp:+551190000000{number}" for number in range(5)]
API = Cause(kind="api", door="api")
PANEL = Cause(kind="operator", door="panel")


def transfer(conversation: Conversation, to: Operator | Queue, **changes: Any) -> None:
    given: dict[str, Any] = {
        "by": PANEL,
        "author": conversation.operator,
        "operator": conversation.operator,
        "note": "Sua cliente.",
        "now": NOW,
        "epoch": conversation.epoch,
    }
    desk.transfer(conversation, to=to, **(given | changes))


def unreachable(operator: Operator, state: str) -> None:
    match state:
        case "absent":
            presence.beat(operator, now=NOW - presence.LIFE)
        case "away":
            presence.send_away(operator, now=NOW)
        case "on_break" | "offline":
            presence.choose(operator, PresenceStatus(state), now=NOW)
        case _:
            Operator.objects.filter(pk=operator.pk).update(is_active=False)


class TestTransfer:
    def test_goes_to_somebody_who_is_there(self) -> None:
        conversation, bia = make_held(make_operator("ana")), make_present("bia", now=NOW)

        transfer(conversation, bia)

        assert fresh(conversation).offered_to == bia

    @pytest.mark.parametrize("state", ["absent", "away", "on_break", "offline", "inactive"])
    @pytest.mark.parametrize("by", [PANEL, API], ids=lambda by: by.door)
    def test_does_not_go_to_somebody(self, state: str, by: Cause) -> None:
        conversation, bia = make_held(make_operator("ana")), make_present("bia", now=NOW)
        unreachable(bia, state)

        with pytest.raises(errors.AgentUnavailable):
            transfer(conversation, bia, by=by)

        assert fresh(conversation).operator == conversation.operator
        assert not Note.objects.exists()

    def test_goes_only_over_the_api_to_somebody_without_a_panel(self) -> None:
        conversation, bia = make_held(make_operator("ana")), make_operator("bia")

        with pytest.raises(errors.AgentUnavailable):
            transfer(conversation, bia)
        transfer(conversation, bia, by=API)

        assert fresh(conversation).offered_to == bia

    def test_does_not_go_to_somebody_full(self) -> None:
        conversation = make_held(make_operator("ana"))
        bia = make_present("bia", now=NOW, capacity=1)
        make_held(bia, address=ADDRESSES[0])

        with pytest.raises(errors.AtCapacity) as refused:
            transfer(conversation, bia)

        assert refused.value.extras == {"limit": 1}
        assert fresh(conversation).operator == conversation.operator

    def test_counts_what_they_were_offered_already(self) -> None:
        ana, bia = make_operator("ana"), make_present("bia", now=NOW, capacity=1)
        first, second = (make_held(ana, address=address) for address in ADDRESSES[:2])
        transfer(first, bia)

        with pytest.raises(errors.AtCapacity):
            transfer(second, bia)

    def test_goes_to_a_queue_whoever_is_there(self) -> None:
        conversation, finance = make_held(make_operator("ana")), make_queue("Financeiro")

        transfer(conversation, finance)

        assert fresh(conversation).queue == finance

    def test_does_not_leave_the_company(self) -> None:
        held = make_held(make_operator("ana"))
        theirs = Queue.objects.create(organization=make_stranger().organization, name="Deles")

        with pytest.raises(errors.AgentUnavailable):
            transfer(held, theirs)
        assert fresh(held).mode == Mode.HUMAN


class TestOffer:
    def offer(self, conversation: Conversation, operator: Operator) -> None:
        desk.offer(
            conversation,
            operator=operator,
            by=PANEL,
            why="longest_idle",
            answer_in=timedelta(seconds=30),
            now=NOW,
        )

    def test_is_not_made_to_somebody_full(self) -> None:
        ana = make_operator("ana", capacity=2)
        make_held(ana, address=ADDRESSES[0])
        first, second = (make_waiting(address=address) for address in ADDRESSES[1:3])

        self.offer(first, ana)
        with pytest.raises(errors.AtCapacity):
            self.offer(second, ana)

        assert (fresh(first).offered_to, fresh(second).offered_to) == (ana, None)

    def test_is_not_made_to_somebody_who_is_no_longer_of_the_team(self) -> None:
        ana, conversation = make_operator("ana"), make_waiting()
        Operator.objects.update(is_active=False)

        with pytest.raises(errors.AgentUnavailable):
            self.offer(conversation, ana)

    def test_does_not_count_as_a_conversation_they_got(self) -> None:
        ana = make_operator("ana")

        self.offer(make_waiting(), ana)

        ana.refresh_from_db()
        assert ana.claimed_at is None


class TestTakeAway:
    def test_puts_it_at_the_front(self) -> None:
        conversation = make_held(make_operator("ana"))

        desk.take_away(conversation, by=PANEL, now=NOW)

        after = fresh(conversation)
        assert (after.mode, after.priority) == (Mode.QUEUED, Priority.HIGH)
        assert conversation.events.get(kind="handoff.requeued").data["why"] == "supervisor"


class TestTheEndOfAShift:
    def hand_over(self, operator: Operator, to: Operator | None = None, note: str = "Fim do turno.") -> Any:
        caio = Operator.objects.filter(is_staff=True).first() or make_operator("caio", staff=True)
        return desk.hand_over_all(operator, author=caio, to=to, note=note, now=NOW)

    def test_hands_each_to_its_queue(self) -> None:
        ana, finance = make_operator("ana"), make_queue("Financeiro")
        of_finance, other = (make_held(ana, address=address) for address in ADDRESSES[:2])
        Conversation.objects.filter(pk=of_finance.pk).update(queue=finance)

        assert self.hand_over(ana) == (2, 0)

        assert (fresh(of_finance).queue, fresh(other).queue) == (finance, other.queue)
        assert {fresh(one).mode for one in (of_finance, other)} == {Mode.QUEUED}
        assert set(Note.objects.values_list("author__username", "body")) == {("caio", "Fim do turno.")}

    def test_hands_what_came_straight_from_the_bot_to_the_default_queue(self) -> None:
        ana, conversation = make_operator("ana"), make_with_bot()
        desk.claim(conversation, operator=ana, door="panel", now=NOW)

        assert self.hand_over(ana) == (1, 0)

        assert fresh(conversation).queue == Queue.objects.get()

    def test_hands_as_many_to_a_colleague_as_they_have_places(self) -> None:
        ana, bia = make_operator("ana"), make_present("bia", now=NOW, capacity=2)
        for address in ADDRESSES[:3]:
            make_held(ana, address=address)

        assert self.hand_over(ana, bia) == (2, 1)

        assert Conversation.objects.filter(offered_to=bia).count() == 2
        assert Conversation.objects.held_by(ana).count() == 1

    def test_leaves_all_with_them_when_the_colleague_is_absent(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        make_held(ana)

        assert self.hand_over(ana, bia) == (0, 1)
        assert Conversation.objects.held_by(ana).count() == 1

    def test_needs_a_note_before_anything_moves(self) -> None:
        ana = make_operator("ana")
        make_held(ana)

        with pytest.raises(errors.NoteRequired):
            self.hand_over(ana, note=" ")

        assert Conversation.objects.held_by(ana).count() == 1

    def test_of_somebody_with_nothing_is_nothing(self) -> None:
        assert self.hand_over(make_operator("ana")) == (0, 0)

    def test_passes_over_what_they_finish_meanwhile(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        first, second = (make_held(ana, address=address) for address in ADDRESSES[:2])
        moves = desk.transfer

        def late(conversation: Conversation, **given: Any) -> Any:
            if conversation.pk == first.pk:
                desk.claim(first, operator=bia, door="panel", now=NOW, force=True)
            return moves(conversation, **given)

        monkeypatch.setattr(desk, "transfer", late)

        assert self.hand_over(ana) == (1, 0)
        assert (fresh(first).operator, fresh(second).mode) == (bia, Mode.QUEUED)
