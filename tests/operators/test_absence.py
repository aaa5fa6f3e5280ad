"""Whoever is gone loses the chats in which somebody waits for them; whoever lets an offer pass is away."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from conversations import clock, errors, handoffs, heartbeats, work
from conversations.contract import Cause
from conversations.models import Conversation, Mode, Priority, WorkerHeartbeat
from operators import absence, desk, presence
from operators.models import Operator, Presence, PresenceStatus
from tests.builders import (
    fresh,
    kinds,
    last_event,
    make_held,
    make_operator,
    make_present,
    make_waiting,
    says,
    time_passes,
)
from tests.conversations.outbox import operator_says

pytestmark = pytest.mark.django_db

NOW = clock.now()
GONE = NOW + presence.LIFE + presence.GONE_AFTER


def passes(now: datetime) -> int:
    return time_passes("absence", now)


def works(since: datetime, now: datetime) -> None:
    """There has been a worker all the time."""
    heartbeats.beat("worker", started_at=since, now=now)
    WorkerHeartbeat.objects.update(started_at=since)


@pytest.fixture
def ana() -> Operator:
    return make_present("ana", now=NOW)


class TestSomebodyGone:
    def test_loses_the_chats_in_which_a_customer_waits(self, ana: Operator) -> None:
        waiting = make_held(ana, now=NOW)
        answered = make_held(ana, now=NOW, address="whatsapp:+5511900000001")
        operator_says(answered, ana)
        assert passes(GONE - timedelta(seconds=1)) == 0

        assert passes(GONE) == 1

        after = fresh(waiting)
        assert (after.mode, after.operator, after.priority) == (Mode.QUEUED, None, Priority.HIGH)
        assert after.waiting_since == NOW
        requeued = waiting.events.get(kind="handoff.requeued")
        assert (requeued.data["why"], requeued.actor_kind) == ("operator_gone", "system")
        assert fresh(answered).operator == ana

    def test_loses_the_others_once_their_customers_write(self, ana: Operator) -> None:
        conversation = make_held(ana, now=NOW)
        operator_says(conversation, ana)
        passes(GONE)
        says("alguém aí?", now=GONE)

        assert passes(GONE + absence.LOOK_AGAIN) == 1

        assert fresh(conversation).mode == Mode.QUEUED

    def test_is_looked_at_no_more_once_nothing_is_left(self, ana: Operator) -> None:
        make_held(ana, now=NOW)

        passes(GONE)

        assert Presence.objects.get().due_at is None

    def test_is_not_whose_row_is_looked_at_too_early(self, ana: Operator) -> None:
        conversation = make_held(ana, now=NOW)
        Presence.objects.update(due_at=NOW)

        assert passes(NOW) == 1

        assert fresh(conversation).operator == ana
        assert Presence.objects.get().due_at == GONE

    def test_is_whoever_signed_out_two_minutes_ago(self, ana: Operator) -> None:
        conversation = make_held(ana, now=NOW)
        presence.leave(ana, now=NOW)

        assert passes(NOW + presence.GONE_AFTER - timedelta(seconds=1)) == 0
        assert passes(NOW + presence.GONE_AFTER) == 1
        assert fresh(conversation).mode == Mode.QUEUED

    def test_is_whoever_chose_to_be_offline_though_the_panel_is_open(self, ana: Operator) -> None:
        conversation = make_held(ana, now=NOW)
        presence.choose(ana, PresenceStatus.OFFLINE, now=NOW)
        presence.beat(ana, now=NOW + timedelta(seconds=110))

        assert passes(NOW + presence.GONE_AFTER) == 1
        assert fresh(conversation).mode == Mode.QUEUED

    @pytest.mark.parametrize("status", [PresenceStatus.AVAILABLE, PresenceStatus.ON_BREAK])
    def test_is_not_whose_panel_beats(self, ana: Operator, status: PresenceStatus) -> None:
        conversation = make_held(ana, now=NOW)
        presence.choose(ana, status, now=NOW)
        for beats in range(20):
            presence.beat(ana, now=NOW + beats * timedelta(seconds=25), idle=beats * timedelta(minutes=1))

        assert passes(GONE) == 0
        assert fresh(conversation).operator == ana

    def test_is_not_whoever_works_without_a_panel(self) -> None:
        conversation = make_held(make_operator("bia"), now=NOW)

        assert passes(NOW + timedelta(days=1)) == 0
        assert fresh(conversation).mode == Mode.HUMAN

    def test_is_not_who_comes_back_at_that_moment(self, ana: Operator) -> None:
        make_held(ana, now=NOW)
        make_held(ana, now=NOW, address="whatsapp:+5511900000001")
        work.load_handlers()
        (row,), _next = work.claim_due(work.handlers["absence"], GONE, limit=1)

        presence.beat(ana, now=GONE)
        absence.run(row, GONE)

        assert Conversation.objects.held_by(ana).count() == 2
        assert Presence.objects.get().due_at == GONE + presence.LIFE + presence.GONE_AFTER

    def test_keeps_what_they_answer_at_that_moment(
        self, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The row was read while the customer waited; the guard is in the UPDATE."""
        conversation = make_held(ana, now=NOW)
        requeue = handoffs.requeue

        def late(*args: object, **given: object) -> object:
            operator_says(conversation, ana)
            return requeue(*args, **given)  # type: ignore[arg-type]

        monkeypatch.setattr(handoffs, "requeue", late)
        passes(GONE)

        assert fresh(conversation).operator == ana
        assert "handoff.requeued" not in kinds(conversation)

    def test_is_nobody_for_ten_minutes_after_a_restart(self, ana: Operator) -> None:
        conversation = make_held(ana, now=NOW)
        back = NOW + timedelta(hours=1)
        heartbeats.beat("worker", started_at=back, now=back)

        passes(back)
        assert fresh(conversation).operator == ana
        assert Presence.objects.get().due_at == back + absence.AFTER_A_RESTART

        works(back, back + absence.AFTER_A_RESTART)
        assert passes(back + absence.AFTER_A_RESTART) == 1
        assert fresh(conversation).mode == Mode.QUEUED

    def test_is_nobody_after_an_outage_without_a_restart(self, ana: Operator) -> None:
        """The database was away: no panel could beat, and the worker neither."""
        conversation = make_held(ana, now=NOW)
        works(NOW - timedelta(days=1), NOW)

        passes(GONE + timedelta(minutes=20))

        assert fresh(conversation).operator == ana

    def test_is_gone_while_a_worker_was_there_all_the_time(self, ana: Operator) -> None:
        conversation = make_held(ana, now=NOW)
        works(NOW - timedelta(days=1), GONE)

        passes(GONE)

        assert fresh(conversation).mode == Mode.QUEUED


class TestWhoeverLetsAnOfferPass:
    ANSWER_IN = timedelta(seconds=30)

    @pytest.fixture
    def offered(self, ana: Operator) -> Conversation:
        conversation = make_waiting(now=NOW)
        handoffs.offer(
            conversation,
            cause=Cause(kind="system", door="worker"),
            operator=ana,
            why="longest_idle",
            answer_in=self.ANSWER_IN,
            now=NOW,
        )
        return fresh(conversation)

    def test_is_sent_away(self, offered: Conversation, ana: Operator) -> None:
        time_passes("deadline", NOW + self.ANSWER_IN)

        assert last_event(offered).kind == "handoff.offer_expired"
        assert presence.state(ana, NOW + self.ANSWER_IN) == "away"

    def test_is_not_sent_away_for_saying_no(self, offered: Conversation, ana: Operator) -> None:
        desk.decline(offered, operator=ana, door="panel", now=NOW)

        time_passes("deadline", NOW + self.ANSWER_IN)

        assert presence.state(ana, NOW + self.ANSWER_IN) == "available"

    def test_is_not_sent_away_for_accepting_at_that_moment(
        self, offered: Conversation, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is one transaction: who was not late was not sent away either."""
        decline = handoffs.decline

        def late(*args: object, **given: object) -> object:
            desk.claim(offered, operator=ana, door="panel", now=NOW)
            return decline(*args, **given)  # type: ignore[arg-type]

        monkeypatch.setattr(handoffs, "decline", late)
        time_passes("deadline", NOW + self.ANSWER_IN)

        assert presence.state(ana, NOW + self.ANSWER_IN) == "available"

    def test_is_offered_nothing_until_they_are_back(self, offered: Conversation, ana: Operator) -> None:
        time_passes("deadline", NOW + self.ANSWER_IN)
        other = make_held(make_present("bia", now=NOW), address="whatsapp:+5511900000001")
        hand_on = {
            "by": Cause(kind="operator", door="panel"),
            "author": other.operator,
            "operator": other.operator,
            "to": ana,
            "note": "Sua cliente.",
        }

        with pytest.raises(errors.AgentUnavailable):
            desk.transfer(other, now=NOW + self.ANSWER_IN, **hand_on)  # type: ignore[arg-type]

        presence.beat(ana, now=NOW + timedelta(seconds=40))
        desk.transfer(other, now=NOW + timedelta(seconds=40), **hand_on)  # type: ignore[arg-type]
        assert fresh(other).offered_to == ana
