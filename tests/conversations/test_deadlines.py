"""What happens when nobody does anything, and that somebody who does something at that moment is heard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from conversations import clock, contacts, deadlines, errors, handoffs, heartbeats, leases, work
from conversations.contract import Cause, Release
from conversations.models import (
    Author,
    Conversation,
    DueKind,
    Handoff,
    Mode,
    Outcomes,
    Priority,
    Queue,
    WaitingThen,
    WorkerHeartbeat,
)
from operators import desk
from operators.models import Operator
from tests.builders import (
    bubbles,
    fresh,
    kinds,
    make_held,
    make_offered,
    make_operator,
    make_waiting,
    numbers,
    says,
    time_passes,
)

pytestmark = pytest.mark.django_db

NOW = clock.now()
WAIT, REPLY, SILENCE = timedelta(minutes=10), timedelta(minutes=10), timedelta(minutes=30)
SYSTEM = Cause(kind="system", door="worker")


def episode(conversation: Conversation) -> Handoff:
    return Handoff.objects.get(conversation=conversation)


def passes(now: datetime) -> int:
    return time_passes("deadline", now)


def told(conversation: Conversation) -> list[str]:
    """What the product itself has said, without its first notice."""
    return [bubble.body for bubble in bubbles(conversation) if bubble.author == Author.SYSTEM][1:]


def replies(conversation: Conversation, operator: Operator, now: datetime = NOW) -> None:
    current = fresh(conversation)
    desk.reply(
        current,
        operator=operator,
        door="panel",
        body="Oi!",
        epoch=current.epoch,
        client_key=None,
        now=now,
    )


def claimed_deadline(now: datetime) -> Handoff:
    """The row as a worker has it in hand, which somebody may change before it goes on."""
    (row,), _next = work.claim_due(work.handlers["deadline"], now, limit=1)
    assert isinstance(row, Handoff)
    return row


@pytest.fixture
def silent() -> Conversation:
    """Ana has answered, and João says nothing more, in a queue that asks after half an hour."""
    ana = make_operator("ana")
    Queue.objects.update(silent_minutes=30)
    conversation = make_held(ana, now=NOW)
    replies(conversation, ana)
    return fresh(conversation)


class TestWaiting:
    def test_longer_than_the_queue_allows_is_told_and_raised(self) -> None:
        conversation = make_waiting(now=NOW)
        assert passes(NOW + WAIT - timedelta(seconds=1)) == 0

        assert passes(NOW + WAIT) == 1

        after = fresh(conversation)
        assert (after.mode, after.epoch, after.priority) == (
            Mode.QUEUED,
            conversation.epoch,
            Priority.RAISED,
        )
        assert after.waiting_since == conversation.waiting_since
        assert told(conversation)[0].startswith("Obrigado por esperar.")
        raised = conversation.events.get(kind="handoff.overdue")
        assert (raised.data["step"], raised.epoch_before, raised.epoch_after) == (1, after.epoch, after.epoch)
        assert numbers(conversation) == list(range(1, after.seq + 1))

    def test_is_told_once_and_raised_each_time_up_to_urgent(self) -> None:
        conversation = make_waiting(now=NOW)

        for round_ in range(1, 6):
            assert passes(NOW + round_ * WAIT) == 1

        assert fresh(conversation).priority == Priority.URGENT
        assert len(told(conversation)) == 1
        assert kinds(conversation).count("handoff.overdue") == 5

    def test_in_a_queue_that_gives_back_ends_with_an_apology(self) -> None:
        conversation = make_waiting(now=NOW)
        Queue.objects.update(waiting_then=WaitingThen.BOT)

        passes(NOW + WAIT)

        after = fresh(conversation)
        assert (after.mode, after.epoch, after.queue) == (Mode.BOT, conversation.epoch + 1, None)
        assert (episode(conversation).outcome, episode(conversation).open_for) == (Outcomes.EXPIRED, None)
        assert told(conversation)[0].startswith("Desculpe a espera")
        assert passes(NOW + timedelta(days=1)) == 0

    def test_in_a_queue_without_a_longest_wait_has_no_end(self) -> None:
        make_operator("ana")
        Queue.objects.update(waiting_minutes=None)
        conversation = make_waiting(now=NOW)

        assert passes(NOW + timedelta(days=30)) == 0
        assert episode(conversation).due_kind == ""

    def test_is_over_when_somebody_takes_it(self) -> None:
        ana, conversation = make_operator("ana"), make_waiting(now=NOW)
        desk.claim(conversation, operator=ana, door="panel", now=NOW + WAIT)

        assert passes(NOW + WAIT) == 0
        assert fresh(conversation).priority == Priority.NORMAL

    def test_says_nothing_outside_the_window(self) -> None:
        conversation = make_waiting(now=NOW)
        Queue.objects.update(waiting_minutes=24 * 60)
        Handoff.objects.update(due_at=NOW + timedelta(hours=25))

        passes(NOW + timedelta(hours=25))

        assert (told(conversation), fresh(conversation).priority) == ([], Priority.RAISED)

    @pytest.mark.parametrize("then", WaitingThen.values)
    def test_is_over_for_whoever_is_taken_at_that_moment(self, then: str) -> None:
        ana, conversation = make_operator("ana"), make_waiting(now=NOW)
        Queue.objects.update(waiting_then=then)
        row = claimed_deadline(NOW + WAIT)

        desk.claim(conversation, operator=ana, door="panel", now=NOW + WAIT)
        deadlines.run(row, NOW + WAIT)

        after = fresh(conversation)
        assert (after.mode, after.operator, after.priority) == (Mode.HUMAN, ana, Priority.NORMAL)
        assert episode(conversation).due_kind == DueKind.FIRST_REPLY
        assert told(conversation) == []

    @pytest.mark.parametrize("then", WaitingThen.values)
    def test_stands_back_behind_an_offer_made_at_that_moment(self, then: str) -> None:
        """Mode and epoch are the same: only the row of the deadline tells."""
        ana, conversation = make_operator("ana"), make_waiting(now=NOW)
        Queue.objects.update(waiting_then=then)
        row = claimed_deadline(NOW + WAIT)

        handoffs.offer(
            conversation,
            cause=SYSTEM,
            operator=ana,
            why="longest_idle",
            answer_in=timedelta(seconds=30),
            now=NOW + WAIT,
        )
        deadlines.run(row, NOW + WAIT)

        after = fresh(conversation)
        assert (after.mode, after.offered_to, after.priority) == (Mode.QUEUED, ana, Priority.NORMAL)
        assert episode(conversation).due_kind == DueKind.OFFER
        assert (told(conversation), after.seq) == ([], conversation.seq + 1)


class TestTheFirstReply:
    def test_that_does_not_come_puts_it_back_at_the_front(self) -> None:
        conversation = make_held(make_operator("ana"), now=NOW)
        assert passes(NOW + REPLY - timedelta(seconds=1)) == 0

        assert passes(NOW + REPLY) == 1

        after = fresh(conversation)
        assert (after.mode, after.operator, after.priority) == (Mode.QUEUED, None, Priority.HIGH)
        assert after.waiting_since == NOW
        assert told(conversation)[0].startswith("Desculpe a demora.")
        assert conversation.events.get(kind="handoff.requeued").data["why"] == "unanswered"
        assert episode(conversation).due_kind == DueKind.WAITING

    def test_ends_it(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana, now=NOW)

        replies(conversation, ana)

        assert episode(conversation).due_kind == ""
        assert passes(NOW + timedelta(days=1)) == 0
        assert fresh(conversation).operator == ana

    def test_at_that_very_moment_counts(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana, now=NOW)
        row = claimed_deadline(NOW + REPLY)

        replies(conversation, ana, NOW + REPLY)
        deadlines.run(row, NOW + REPLY)

        assert fresh(conversation).operator == ana
        assert "handoff.requeued" not in kinds(conversation)

    def test_counts_even_if_the_customer_has_written_on(self) -> None:
        """They have the last word again; what the deadline was about is done all the same."""
        ana = make_operator("ana")
        conversation = make_held(ana, now=NOW)
        row = claimed_deadline(NOW + REPLY)

        replies(conversation, ana, NOW + REPLY)
        says("mais uma coisa", now=NOW + REPLY)
        deadlines.run(row, NOW + REPLY)

        assert fresh(conversation).operator == ana
        assert "handoff.requeued" not in kinds(conversation)

    def test_of_another_operator_has_a_time_of_its_own(self) -> None:
        ana, caio = make_operator("ana"), make_operator("caio", staff=True)
        conversation = make_held(ana, now=NOW)
        row = claimed_deadline(NOW + REPLY)

        desk.claim(conversation, operator=caio, door="panel", now=NOW + REPLY, force=True)
        deadlines.run(row, NOW + REPLY)

        assert fresh(conversation).operator == caio
        assert episode(conversation).due_at == NOW + 2 * REPLY

    def test_is_not_asked_for_while_the_customer_has_been_answered(self) -> None:
        """Bia took over what Ana had answered: it is the customer's turn."""
        ana, caio = make_operator("ana"), make_operator("caio", staff=True)
        conversation = make_held(ana, now=NOW)
        replies(conversation, ana)
        desk.claim(conversation, operator=caio, door="panel", now=NOW, force=True)

        assert passes(NOW + REPLY) == 1

        assert fresh(conversation).operator == caio
        assert episode(conversation).due_at == NOW + 2 * REPLY

    def test_is_asked_for_once_the_customer_has_written_on(self) -> None:
        ana, caio = make_operator("ana"), make_operator("caio", staff=True)
        conversation = make_held(ana, now=NOW)
        replies(conversation, ana)
        desk.claim(conversation, operator=caio, door="panel", now=NOW, force=True)
        passes(NOW + REPLY)
        says("e aí?", now=NOW + 1.5 * REPLY)

        passes(NOW + 2 * REPLY)

        assert fresh(conversation).mode == Mode.QUEUED


class TestASilentCustomer:
    def test_is_asked_twice_and_then_given_back(self, silent: Conversation) -> None:
        assert passes(NOW + SILENCE - timedelta(seconds=1)) == 0

        assert [passes(NOW + step * SILENCE) for step in (1, 2, 3, 4)] == [1, 1, 1, 0]

        after, handoff = fresh(silent), episode(silent)
        assert (after.mode, after.operator, after.epoch) == (Mode.BOT, None, silent.epoch + 1)
        assert (handoff.outcome, handoff.open_for) == ("customer_left", None)
        assert [line[:12] for line in told(silent)] == ["Você ainda e", "Como não tiv", "Encerramos e"]
        assert kinds(silent).count("handoff.nudged") == 2
        assert numbers(silent) == list(range(1, after.seq + 1))

    def test_keeps_the_operator_meanwhile(self, silent: Conversation) -> None:
        passes(NOW + SILENCE)

        after = fresh(silent)
        assert (after.mode, after.operator, after.epoch) == (Mode.HUMAN, silent.operator, silent.epoch)

    def test_who_answers_is_asked_no_more(self, silent: Conversation) -> None:
        passes(NOW + SILENCE)
        says("estou aqui", now=NOW + SILENCE)

        assert [passes(NOW + step * SILENCE) for step in (2, 3, 4)] == [1, 0, 0]

        assert (fresh(silent).mode, len(told(silent))) == (Mode.HUMAN, 1)

    def test_begins_anew_with_each_reply(self, silent: Conversation) -> None:
        assert silent.operator
        passes(NOW + SILENCE)
        replies(silent, silent.operator, NOW + SILENCE)

        assert passes(NOW + 2 * SILENCE - timedelta(seconds=1)) == 0
        passes(NOW + 2 * SILENCE)

        assert [line[:12] for line in told(silent)] == ["Você ainda e"] * 2

    @pytest.mark.parametrize("steps", [0, 1, 2])
    def test_who_writes_at_that_moment_was_not_silent(self, silent: Conversation, steps: int) -> None:
        for step in range(steps):
            passes(NOW + (step + 1) * SILENCE)
        now = NOW + (steps + 1) * SILENCE
        row = claimed_deadline(now)
        conversation, before = fresh(silent), len(told(silent))

        says("voltei", now=now)
        _as_read_before(row, conversation, now)

        assert (fresh(silent).mode, len(told(silent))) == (Mode.HUMAN, before)

    @pytest.mark.parametrize("steps", [0, 1, 2])
    def test_whom_the_operator_writes_to_at_that_moment_has_time_again(
        self, silent: Conversation, steps: int
    ) -> None:
        assert silent.operator
        for step in range(steps):
            passes(NOW + (step + 1) * SILENCE)
        now = NOW + (steps + 1) * SILENCE
        row, before = claimed_deadline(now), len(told(silent))

        replies(silent, silent.operator, now)
        deadlines.run(row, now)

        assert (fresh(silent).mode, len(told(silent))) == (Mode.HUMAN, before)
        assert (episode(silent).due_at, episode(silent).due_step) == (now + SILENCE, 0)

    @pytest.mark.parametrize("why", ["the window is closed", "they asked for silence"])
    def test_whom_nobody_may_ask_stays_with_the_operator(self, silent: Conversation, why: str) -> None:
        if why == "they asked for silence":
            contacts.opt_out(silent.contact, now=NOW)
        else:
            Conversation.objects.update(window_expires_at=NOW + SILENCE)

        assert [passes(NOW + step * SILENCE) for step in (1, 2, 3, 4)] == [1, 0, 0, 0]

        assert (fresh(silent).mode, told(silent)) == (Mode.HUMAN, [])
        assert "handoff.nudged" not in kinds(silent)

    def test_is_not_given_back_unasked_once_the_window_has_closed(self, silent: Conversation) -> None:
        Conversation.objects.update(window_expires_at=NOW + 3 * SILENCE)

        for step in (1, 2, 3):
            passes(NOW + step * SILENCE)

        assert (fresh(silent).mode, len(told(silent))) == (Mode.HUMAN, 2)

    def test_is_left_alone_in_a_queue_that_does_not_ask(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana, now=NOW)
        replies(conversation, ana)

        assert passes(NOW + timedelta(hours=23)) == 0
        assert fresh(conversation).operator == ana


class TestAnOffer:
    @pytest.fixture
    def offered(self) -> Conversation:
        conversation = make_waiting(now=NOW)
        handoffs.offer(
            conversation,
            cause=SYSTEM,
            operator=make_operator("ana"),
            why="longest_idle",
            answer_in=timedelta(seconds=30),
            now=NOW,
        )
        return fresh(conversation)

    def test_that_is_accepted_at_that_moment_holds(self, offered: Conversation) -> None:
        assert offered.offered_to
        now = NOW + timedelta(seconds=30)
        row = claimed_deadline(now)

        desk.claim(offered, operator=offered.offered_to, door="panel", now=now)
        deadlines.run(row, now)

        assert fresh(offered).operator == offered.offered_to
        assert "handoff.offer_expired" not in kinds(offered)
        assert episode(offered).due_kind == DueKind.FIRST_REPLY

    def test_that_was_declined_and_made_again_is_another_one(self, offered: Conversation) -> None:
        """The same person, mode and epoch: only the row of the deadline tells."""
        assert offered.offered_to
        now = NOW + timedelta(seconds=30)
        row, operator = claimed_deadline(now), offered.offered_to

        handoffs.decline(offered, cause=SYSTEM, operator=operator, now=now)
        handoffs.offer(
            fresh(offered),
            cause=SYSTEM,
            operator=operator,
            why="supervisor",
            answer_in=timedelta(minutes=2),
            now=now,
        )
        deadlines.run(row, now)

        assert fresh(offered).offered_to == operator
        assert episode(offered).due_at == now + timedelta(minutes=2)


class TestAnOlderEpoch:
    """The UPDATE asks for the epoch in which the deadline was set, even where its row has stayed as it was."""

    @pytest.mark.parametrize("then", WaitingThen.values)
    def test_of_waiting_is_refused(self, then: str) -> None:
        conversation = make_waiting(now=NOW)
        Queue.objects.update(waiting_then=then)

        self.refused(DueKind.WAITING, conversation, NOW + WAIT)

    def test_of_an_offer_is_refused(self) -> None:
        ana, conversation = make_operator("ana"), make_waiting(now=NOW)
        handoffs.offer(
            conversation,
            cause=SYSTEM,
            operator=ana,
            why="longest_idle",
            answer_in=timedelta(seconds=30),
            now=NOW,
        )

        self.refused(DueKind.OFFER, conversation, NOW + WAIT)

    def test_of_a_first_reply_is_refused(self) -> None:
        self.refused(DueKind.FIRST_REPLY, make_held(make_operator("ana"), now=NOW), NOW + REPLY)

    @pytest.mark.parametrize("step", [0, 2])
    def test_of_silence_is_refused(self, silent: Conversation, step: int) -> None:
        Handoff.objects.update(due_step=step)

        self.refused(DueKind.CUSTOMER_SILENT, silent, NOW + SILENCE)

    def refused(self, kind: DueKind, conversation: Conversation, now: datetime) -> None:
        row = claimed_deadline(now)
        assert row.due_kind == kind
        assert row.due_epoch is not None
        row.due_epoch -= 1
        read = Conversation.objects.with_parties().select_related("offered_to").get(pk=conversation.pk)

        with pytest.raises(errors.HandoffError):
            deadlines._ENDS[kind](row, read, now)

        after = fresh(conversation)
        assert (after.mode, after.seq, after.offered_to) == (read.mode, read.seq, read.offered_to)


class TestAWorker:
    """Deadlines that passed while none was alive have a little time, once."""

    def starts(self, at: datetime, beats: datetime | None = None, name: str = "worker") -> None:
        heartbeats.beat(name, started_at=at, now=at)
        if beats:
            WorkerHeartbeat.objects.filter(name=name).update(beat_at=beats)

    def test_that_was_away_gives_time_once(self) -> None:
        conversation = make_held(make_operator("ana"), now=NOW)
        back = NOW + REPLY + timedelta(hours=1)
        self.starts(back)

        passes(back)
        grace = deadlines.GRACE[DueKind.FIRST_REPLY]
        assert (fresh(conversation).mode, episode(conversation).due_at) == (Mode.HUMAN, back + grace)

        self.starts(back, beats=back + grace)
        assert passes(back + grace) == 1
        assert fresh(conversation).mode == Mode.QUEUED

    def test_that_was_away_gives_time_once_whatever_is_offered_meanwhile(self) -> None:
        """The time to wait runs on behind an offer: from the time that was given, not from the outage."""
        bia, conversation = make_operator("bia"), make_waiting(now=NOW)
        back = NOW + WAIT + timedelta(hours=1)
        self.starts(back)
        passes(back)
        make_offered(conversation, bia, now=back)
        desk.decline(conversation, operator=bia, door="panel", now=back)

        grace = deadlines.GRACE[DueKind.WAITING]
        assert episode(conversation).due_at == back + grace
        self.starts(back, beats=back + grace)
        passes(back + grace)
        assert "handoff.overdue" in kinds(conversation)

    @pytest.mark.parametrize("kind", DueKind.values)
    def test_has_a_grace_for_every_kind(self, kind: str) -> None:
        assert deadlines.GRACE[DueKind(kind)] > timedelta()

    def test_that_was_there_gives_none(self) -> None:
        conversation = make_held(make_operator("ana"), now=NOW)
        self.starts(NOW, beats=NOW + REPLY)

        passes(NOW + REPLY)

        assert fresh(conversation).mode == Mode.QUEUED

    def test_that_comes_second_changes_nothing_for_the_first(self) -> None:
        conversation = make_held(make_operator("ana"), now=NOW)
        self.starts(NOW, beats=NOW + REPLY)
        self.starts(NOW + REPLY + timedelta(seconds=1), name="another")

        passes(NOW + REPLY + timedelta(seconds=1))

        assert fresh(conversation).mode == Mode.QUEUED

    def test_whose_database_was_away_gives_time_too(self) -> None:
        """It was never restarted; it could not beat, and nobody could answer either."""
        conversation = make_held(make_operator("ana"), now=NOW)
        self.starts(NOW, beats=NOW + timedelta(minutes=1))
        back = NOW + timedelta(minutes=40)

        heartbeats.beat("worker", started_at=NOW, now=back)
        passes(back)

        assert fresh(conversation).mode == Mode.HUMAN
        assert heartbeats.working_since(back) == back

    def test_that_has_not_beaten_yet_after_an_outage_gives_time_too(self) -> None:
        conversation = make_held(make_operator("ana"), now=NOW)
        self.starts(NOW, beats=NOW + timedelta(minutes=1))

        passes(NOW + timedelta(minutes=40))

        assert fresh(conversation).mode == Mode.HUMAN

    def test_goes_on_working_since_it_began(self) -> None:
        for seconds in range(0, 120, 5):
            heartbeats.beat("worker", started_at=NOW, now=NOW + timedelta(seconds=seconds))

        assert heartbeats.working_since(NOW + timedelta(minutes=2)) == NOW

    def test_started_again_under_the_same_name_works_since_then(self) -> None:
        """In a container every process has the same number."""
        heartbeats.beat("worker", started_at=NOW, now=NOW)
        again = NOW + timedelta(seconds=10)

        heartbeats.beat("worker", started_at=again, now=again)

        assert heartbeats.working_since(again) == again

    def test_was_never_seen(self) -> None:
        assert heartbeats.working_since(NOW) is None
        assert not heartbeats.nobody_worked_at(NOW, NOW)


def _as_read_before(row: Handoff, conversation: Conversation, now: datetime) -> None:
    """What the worker does with a conversation that it read a moment too early."""
    end: Callable[..., Any] = deadlines._ENDS[DueKind.CUSTOMER_SILENT]
    with pytest.raises(errors.HandoffError):
        end(row, conversation, now)
    leases.finish(row, due_kind="")


def test_the_release_of_a_deadline_is_not_the_release_of_an_operator(silent: Conversation) -> None:
    """Ana finishes with the same outcome at that moment: it is hers, and the deadline adds nothing."""
    for step in (1, 2):
        passes(NOW + step * SILENCE)
    row = claimed_deadline(NOW + 3 * SILENCE)

    handoffs.release(
        silent,
        cause=Cause(kind="operator", door="panel"),
        operator=silent.operator,
        epoch=silent.epoch,
        seen=silent.last_inbound_seq,
        release=Release(outcome="solved"),
        now=NOW + 3 * SILENCE,
    )
    deadlines.run(row, NOW + 3 * SILENCE)

    assert (episode(silent).outcome, kinds(silent).count("handoff.released")) == ("solved", 1)
