"""Two threads of one person: which of them goes on, in whose hands, and what becomes of the other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from conversations import clock, contacts, delivery, errors, handoffs, merging, notes, statuses
from conversations.contract import Cause, Release
from conversations.models import (
    BotTurn,
    Contact,
    Conversation,
    Delivery,
    DeliveryState,
    Handoff,
    Message,
    Mode,
    Outcomes,
    Sender,
    Status,
)
from conversations.twilio import client
from operators import desk
from operators.models import Operator
from tests import builders
from tests.builders import (
    JOAO,
    bubbles,
    fresh,
    kinds,
    last_event,
    make_held,
    make_sender,
    make_waiting,
    make_with_bot,
    says,
    thread,
)

pytestmark = pytest.mark.django_db

OLD = "whatsapp:+551187654321"
THIRD = "whatsapp:+5521987654321"
CAIO = Cause(kind="supervisor", door="panel", id="caio's id")
NOW = clock.now()


def _made(mode: str, address: str, holder: Operator, **params: Any) -> Conversation:
    if mode == Mode.BOT:
        return make_with_bot(address=address, **params)
    if mode == Mode.QUEUED:
        return make_waiting(address=address, **params)
    return make_held(holder, address=address, **params)


def merge(winner: Conversation, loser: Conversation) -> Conversation:
    return merging.merge(winner, loser, cause=CAIO, now=clock.now())


def unmerge(loser: Conversation) -> Conversation:
    return merging.unmerge(loser, cause=CAIO, now=clock.now())


BOT, QUEUED, HUMAN = Mode.BOT, Mode.QUEUED, Mode.HUMAN
PAIRS = [
    # winner, loser, mode it goes on in, holder, opens a new epoch
    (BOT, BOT, BOT, None, False),
    (BOT, QUEUED, QUEUED, None, True),
    (BOT, HUMAN, HUMAN, "bia", True),
    (QUEUED, BOT, QUEUED, None, False),
    (QUEUED, QUEUED, QUEUED, None, False),
    (QUEUED, HUMAN, HUMAN, "bia", True),
    (HUMAN, BOT, HUMAN, "ana", False),
    (HUMAN, QUEUED, HUMAN, "ana", False),
    (HUMAN, HUMAN, HUMAN, "ana", False),
]


class TestTwoModes:
    @pytest.mark.parametrize(("winners", "losers", "mode", "holder", "moves"), PAIRS)
    def test_become_the_stronger_one(
        self, ana: Operator, bia: Operator, winners: Mode, losers: Mode, mode: Mode, holder: str, moves: bool
    ) -> None:
        winner, loser = _made(winners, JOAO, ana), _made(losers, OLD, bia)
        service = loser.handoff

        merge(winner, loser)

        now, left = fresh(winner), fresh(loser)
        assert (now.mode, now.operator and now.operator.username) == (mode, holder)
        assert now.epoch == winner.epoch + moves
        assert kinds(now)[-1] == ("handoff.inherited" if moves else "handoff.joined")
        assert (left.mode, left.operator, left.offered_to, left.unread) == (Mode.BOT, None, None, 0)
        assert (left.merged_into, left.contact.merged_into) == (winner, winner.contact)
        assert left.epoch == loser.epoch + 1
        assert kinds(left)[-1] == "handoff.merged"
        assert (now.handoff is not None) == (mode != Mode.BOT)
        if service is not None:
            service.refresh_from_db()
            assert (service.open_for, service.outcome, service.due_at) == (None, Outcomes.MERGED, None)
            assert now.handoff is not None
            assert now.handoff.operator == now.operator
        told = last_event(left).data
        assert told.get("operator") == (str(bia.public_id) if losers == Mode.HUMAN else None)
        assert {one.username: Conversation.objects.held_by(one).count() for one in (ana, bia)} == {
            "ana": int(holder == "ana"),
            "bia": int(holder == "bia"),
        }

    @pytest.mark.parametrize("winners", [BOT, QUEUED, HUMAN])
    def test_wait_since_the_earlier_moment_as_urgently_as_either(self, ana: Operator, winners: Mode) -> None:
        winner = _made(winners, JOAO, ana)
        earlier = clock.now() - timedelta(minutes=20)
        loser = make_waiting(address=OLD, now=earlier)
        handoffs.overdue(loser, cause=CAIO, due=Handoff.objects.get(open_for=loser), now=clock.now())

        merge(winner, loser)

        now = fresh(winner)
        assert now.handoff is not None
        assert now.handoff.requested_at == earlier
        assert now.waiting_since == (None if winners == Mode.HUMAN else earlier)
        assert now.priority == 1

    def test_go_on_with_the_losers_reason_and_what_its_bot_knew(self, ana: Operator, bia: Operator) -> None:
        winner, loser = make_with_bot(), make_held(bia, address=OLD)
        before = loser.handoff
        assert before is not None

        merge(winner, loser)

        now = Handoff.objects.get(open_for=winner)
        same = ("reason", "summary", "requested_at", "handoff_at", "first_handoff_at", "due_kind", "due_at")
        assert [getattr(now, name) for name in same] == [getattr(before, name) for name in same]
        assert (now.number, now.due_epoch) == (1, fresh(winner).epoch if before.due_kind else None)

    def test_leave_who_was_offered_it_the_offer(self, ana: Operator) -> None:
        loser = make_waiting(address=OLD)
        builders.make_offered(loser, ana)

        merge(make_with_bot(), loser)

        assert thread(JOAO).offered_to == ana

    def test_leave_one_place_taken_to_whoever_had_both(self, ana: Operator) -> None:
        winner, loser = make_held(ana), make_held(ana, address=OLD)
        assert Conversation.objects.held_by(ana).count() == 2

        merge(winner, loser)

        assert [one.pk for one in Conversation.objects.held_by(ana)] == [winner.pk]

    @pytest.mark.parametrize("answered", [True, False])
    def test_keep_whether_the_customer_has_the_last_word(self, bia: Operator, answered: bool) -> None:
        winner, loser = make_with_bot(), make_held(bia, address=OLD)
        if answered:
            _reply(loser, bia)

        merge(winner, loser)

        now = fresh(winner)
        assert (now.last_inbound_seq <= now.answered_seq) == answered


def _reply(conversation: Conversation, operator: Operator) -> Message:
    said = desk.reply(
        conversation,
        operator=operator,
        door="panel",
        body="Já vejo.",
        epoch=fresh(conversation).epoch,
        client_key=None,
        now=clock.now(),
    )
    return said[0]


class TestTheLoser:
    def test_bot_says_nothing_more_and_people_are_still_heard(self, bia: Operator) -> None:
        loser = make_with_bot(address=OLD)
        says("oi?", address=OLD)
        bot = _bot_line(loser)
        assert BotTurn.objects.filter(open_for=loser).exists()
        merge(make_with_bot(), loser)

        assert not BotTurn.objects.filter(open_for=loser).exists()
        bot.refresh_from_db()
        assert (bot.status, bot.delivery.state) == (Status.CANCELLED, DeliveryState.CANCELLED)

    def test_operators_words_still_go_out_and_their_reports_apply(self, bia: Operator) -> None:
        loser = make_held(bia, address=OLD)
        said = _reply(loser, bia)

        merge(make_with_bot(), loser)

        assert Delivery.objects.get(message=said).state == DeliveryState.QUEUED
        assert [row.conversation for row in delivery.waiting(clock.now())] == [loser]
        assert statuses.observe(said, status="delivered", code=None, cause=CAIO, now=clock.now())
        said.refresh_from_db()
        assert said.status == Status.DELIVERED
        assert kinds(loser)[-1] == "message.status"

    def test_takes_nothing_more(self, ana: Operator) -> None:
        winner, loser = make_with_bot(), make_waiting(address=OLD)
        merge(winner, loser)
        now = clock.now()

        with pytest.raises(errors.Merged) as refused:
            desk.claim(loser, operator=ana, door="panel", now=now)
        with pytest.raises(errors.NotWaiting):
            handoffs.cancel(loser, cause=CAIO, now=now)
        with pytest.raises(errors.Merged):
            notes.add(loser, author=ana, body="nota", cause=CAIO, now=now)

        assert refused.value.extras["into"] == winner

    def test_messages_go_on_in_the_winners_thread(self, ana: Operator) -> None:
        winner, loser = make_held(ana), make_with_bot(address=OLD)
        merge(winner, loser)
        later = clock.now() + timedelta(hours=1)

        says("sou eu de novo", address=OLD, now=later)

        now = fresh(winner)
        assert bubbles(now)[-1].body == "sou eu de novo"
        assert (now.reply_address, now.window_expires_at) == (OLD, later + timedelta(hours=24))
        assert [one.body for one in bubbles(loser)] == ["oi"]
        assert _reply(now, ana).delivery.recipient == OLD

    def test_is_the_winner_to_whoever_writes_first(self) -> None:
        winner, loser = make_with_bot(), make_with_bot(address=OLD)
        merge(winner, loser)

        assert contacts.reach(make_sender(), OLD) == winner

    def test_new_address_goes_to_whom_it_came_with(self) -> None:
        winner, loser = make_with_bot(), make_with_bot(address=OLD)
        merge(winner, loser)

        says("com meu nome", address=OLD, ExternalUserId="whatsapp:BR.7")
        says("só o nome", address="whatsapp:BR.7", ExternalUserId="whatsapp:BR.7")

        assert [one.body for one in bubbles(winner)][-2:] == ["com meu nome", "só o nome"]
        assert loser.contact.addresses.count() == 2
        assert Conversation.objects.count() == 2


def _bot_line(conversation: Conversation) -> Message:
    from conversations import replies
    from conversations.models import Author

    return replies.say(
        conversation,
        cause=Cause(kind="bot", door="worker"),
        author=Author.BOT,
        body="Olá!",
        now=clock.now(),
        epoch=conversation.epoch,
    )[0]


class TestThePerson:
    @pytest.mark.parametrize(("apart", "address"), [(-60, JOAO), (60, OLD)])
    def test_is_written_to_where_they_wrote_last(self, ana: Operator, apart: int, address: str) -> None:
        now = clock.now()
        winner = make_with_bot(now=now)
        loser = make_with_bot(address=OLD, now=now + timedelta(minutes=apart))

        merge(winner, loser)

        joined = fresh(winner)
        last = max(now, now + timedelta(minutes=apart))
        assert (joined.reply_address, joined.last_inbound_at) == (address, last)
        assert joined.window_expires_at == last + timedelta(hours=24)

    @pytest.mark.parametrize(("wrote_later", "silent"), [(False, True), (True, False)])
    def test_stays_silent_who_asked_for_it_last(self, wrote_later: bool, silent: bool) -> None:
        now = clock.now()
        winner, loser = make_with_bot(now=now), make_with_bot(address=OLD, now=now)
        says("PARAR", address=OLD, now=now + timedelta(minutes=1))
        if wrote_later:
            says("oi", now=now + timedelta(minutes=2))

        merge(winner, loser)

        assert (fresh(winner).contact.opted_out_at is not None) == silent

    @pytest.mark.parametrize("phone_stays", [True, False])
    def test_is_tried_by_phone_when_twilio_does_not_know_their_user_id(
        self, ana: Operator, phone_stays: bool
    ) -> None:
        """The last message came from a user id; the phone is known of the other one."""
        user_id, later = "whatsapp:BR.42", clock.now() + timedelta(seconds=1)
        winner = make_held(ana, address=JOAO if phone_stays else user_id)
        loser = make_with_bot(address=user_id if phone_stays else JOAO)
        says("de novo", address=user_id, now=later)
        merge(winner, loser)
        sent = Delivery.objects.select_related("message", "conversation", "sender").get(
            message=_reply(fresh(winner), ana)
        )
        assert sent.recipient == user_id

        _refuse(sent)

        sent.refresh_from_db()
        assert (sent.recipient, sent.fell_back, sent.state) == (JOAO, True, DeliveryState.QUEUED)


def _refuse(row: Delivery) -> None:
    from conversations import leases, outcomes

    now = clock.now()
    taken = leases.claim_some([row], timedelta(seconds=30), now)
    assert taken
    outcomes.settle(taken[0], client.Outcome("refused", code=21211, cause="refused"), now)


class TestRefusals:
    def test_of_what_cannot_be_one(self) -> None:
        second = Sender.objects.create(
            organization=make_sender().organization, account_sid="AC2", address="whatsapp:+550002"
        )
        one, two, three = make_with_bot(), make_with_bot(address=OLD), make_with_bot(address=THIRD)
        elsewhere = contacts.reach(second, JOAO)
        merge(one, two)

        for winner, loser, reason in (
            (one, one, "itself"),
            (one, elsewhere, "other_sender"),
            (three, two, "merged"),
            (two, three, "merged"),
            (three, one, "has_merged"),
        ):
            with pytest.raises(errors.CannotMerge) as refused:
                merge(winner, loser)
            assert refused.value.extras == {"reason": reason}
        with pytest.raises(errors.NotMerged):
            unmerge(three)

    def test_not_of_a_second_loser(self) -> None:
        one, two, three = make_with_bot(), make_with_bot(address=OLD), make_with_bot(address=THIRD)

        merge(one, two)
        merge(one, three)

        assert set(one.merged.all()) == {two, three}


class TestTakenApart:
    def test_the_loser_is_with_the_bot_and_begins_afresh(self, ana: Operator) -> None:
        winner, loser = make_held(ana), make_waiting(address=OLD)
        merge(winner, loser)
        session = fresh(loser).bot_session

        unmerge(loser)

        now, left = fresh(winner), fresh(loser)
        assert (now.mode, now.operator) == (Mode.HUMAN, ana)
        assert (left.mode, left.merged_into, left.contact.merged_into) == (Mode.BOT, None, None)
        assert (left.bot_session, left.bot_state) == (session + 1, {})
        assert (kinds(now)[-1], kinds(left)[-1]) == ("handoff.parted", "handoff.separated")
        says("e eu?", address=OLD)
        assert bubbles(loser)[-1].body == "e eu?"
        assert BotTurn.objects.filter(open_for=loser).exists()

    def test_nobody_is_answered_on_the_others_phone(self, ana: Operator) -> None:
        winner, loser = make_held(ana), make_with_bot(address=OLD)
        merge(winner, loser)
        later = clock.now() + timedelta(hours=1)
        says("do número antigo", address=OLD, now=later)

        merging.unmerge(loser, cause=CAIO, now=later)

        now, left = fresh(winner), fresh(loser)
        assert now.reply_address == JOAO
        assert now.window_expires_at == winner.window_expires_at
        assert (left.reply_address, left.window_expires_at) == (OLD, later + timedelta(hours=24))

    def test_whoever_wrote_long_ago_has_no_window(self) -> None:
        now = clock.now()
        winner = make_with_bot(now=now - timedelta(days=2))
        loser = make_with_bot(address=OLD, now=now)
        merge(winner, loser)

        merging.unmerge(loser, cause=CAIO, now=now)

        assert (fresh(winner).reply_address, fresh(winner).window_open(now)) == (JOAO, False)

    def test_both_can_be_one_again(self) -> None:
        winner, loser = make_with_bot(), make_with_bot(address=OLD)
        merge(winner, loser)
        unmerge(loser)

        merge(loser, winner)

        assert fresh(winner).merged_into == loser
        assert Contact.objects.exclude(merged_into=None).count() == 1


def test_a_service_that_goes_on_here_can_be_finished_here(ana: Operator, bia: Operator) -> None:
    winner, loser = make_waiting(), make_held(bia, address=OLD)
    merge(winner, loser)
    now = fresh(winner)

    desk.release(
        now,
        operator=bia,
        by=desk.cause(bia, "panel"),
        epoch=now.epoch,
        seen=now.seq,
        release=Release(outcome="solved"),
        now=clock.now(),
    )

    assert fresh(winner).mode == Mode.BOT
    assert Handoff.objects.exclude(open_for=None).count() == 0
