"""Transitions: what each does, whom it refuses, and what it leaves behind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conversations import clock, errors, handoffs, replies
from conversations.bots.base import HandoffRequest
from conversations.contract import Cause, Release
from conversations.models import (
    Author,
    BotTurn,
    Conversation,
    Delivery,
    DeliveryState,
    Event,
    Handoff,
    Mode,
    Queue,
    Status,
    TurnKind,
)
from operators import desk
from tests.builders import (
    CUSTOMER,
    bubbles,
    fresh,
    make_held,
    make_offered,
    make_operator,
    make_sender,
    make_waiting,
    make_with_bot,
    says,
    thread,
)

pytestmark = pytest.mark.django_db

ASKED = HandoffRequest(reason="customer_asked", summary="Quer trocar o endereço.")
BOT = Cause(kind="bot", door="worker")
SOLVED = Release(outcome="solved", summary="Endereço trocado.")


def request(
    conversation: Conversation, asked: HandoffRequest = ASKED, **kwargs: object
) -> tuple[Handoff, bool]:
    return handoffs.request(conversation, cause=CUSTOMER, request=asked, now=clock.now(), **kwargs)  # type: ignore[arg-type]


def kinds(conversation: Conversation) -> list[str]:
    return list(
        Event.objects.filter(conversation=conversation).order_by("seq").values_list("kind", flat=True)
    )


class TestRequest:
    def test_puts_the_conversation_into_the_queue(self) -> None:
        conversation = make_with_bot()

        handoff, opened = request(conversation)

        after = fresh(conversation)
        assert opened
        assert (after.mode, after.epoch, after.queue) == (Mode.QUEUED, 1, Queue.objects.get())
        assert after.open_handoff == handoff
        assert (handoff.number, handoff.reason, handoff.summary) == (
            1,
            "customer_asked",
            "Quer trocar o endereço.",
        )

    def test_tells_the_customer_in_their_language(self) -> None:
        conversation = make_with_bot()

        request(conversation)

        notice = bubbles(conversation)[-1]
        assert (notice.author, notice.status) == (Author.SYSTEM, Status.QUEUED)
        assert notice.body.startswith("Certo! Vou chamar uma pessoa")
        assert notice.delivery.recipient == conversation.reply_address

    def test_says_nothing_when_the_queue_is_told_to_be_silent(self) -> None:
        conversation = make_with_bot()
        Queue.objects.update(texts={"waiting": {"pt-br": ""}})

        request(conversation)

        assert [bubble.author for bubble in bubbles(conversation)] == [Author.CUSTOMER]

    def test_cancels_what_the_bot_had_not_sent_yet(self) -> None:
        conversation = make_with_bot()
        (line,) = replies.say(
            conversation, cause=BOT, author=Author.BOT, body="Olá!", now=clock.now(), epoch=0
        )

        request(conversation)

        line.refresh_from_db()
        assert line.status == Status.CANCELLED
        assert line.delivery.state == DeliveryState.CANCELLED

    def test_closes_the_bots_turn(self) -> None:
        conversation = make_with_bot()
        assert BotTurn.objects.filter(open_for=conversation).exists()

        request(conversation)

        assert not BotTurn.objects.filter(open_for=conversation).exists()

    def test_sends_the_bots_last_words_first_and_keeps_them(self) -> None:
        conversation = make_with_bot()

        request(conversation, last_words=("Vou chamar alguém.",))

        (last,) = [bubble for bubble in bubbles(conversation) if bubble.author != Author.CUSTOMER]
        assert (last.author, last.body, last.status) == (Author.BOT, "Vou chamar alguém.", Status.QUEUED)

    def test_asked_twice_is_the_same_handoff_with_the_first_reason(self) -> None:
        conversation = make_with_bot()
        first, _opened = request(conversation)

        again, opened = request(conversation, HandoffRequest(reason="api", priority=2))

        assert (again.pk, opened, again.reason) == (first.pk, False, "customer_asked")
        assert fresh(conversation).priority == 2
        assert kinds(conversation)[-1] == "handoff.asked_again"

    def test_never_lowers_the_priority(self) -> None:
        conversation = make_with_bot()
        request(conversation, HandoffRequest(reason="api", priority=3))

        request(conversation, HandoffRequest(reason="api", priority=1))

        assert fresh(conversation).priority == 3

    def test_refuses_a_bot_of_an_older_epoch(self) -> None:
        conversation = make_with_bot()
        request(conversation)

        with pytest.raises(errors.StaleEpoch) as refused:
            request(conversation, epoch=0)

        assert refused.value.extras == {"epoch": 1}


class TestClaim:
    def test_gives_it_to_the_operator(self) -> None:
        conversation, ana = make_waiting(), make_operator("ana")

        handoff = desk.claim(conversation, operator=ana, door="panel", now=clock.now())

        after = fresh(conversation)
        assert (after.mode, after.operator, after.epoch, after.waiting_since) == (Mode.HUMAN, ana, 2, None)
        assert handoff.operator == ana
        assert handoff.handoff_at is not None
        assert kinds(conversation)[-1] == "handoff.claimed"

    def test_tells_the_customer_nothing_unless_the_queue_has_words_for_it(self) -> None:
        conversation, ana = make_waiting(), make_operator("ana")
        before = len(bubbles(conversation))

        desk.claim(conversation, operator=ana, door="panel", now=clock.now())

        assert len(bubbles(conversation)) == before

    def test_says_the_queues_words(self) -> None:
        conversation, ana = make_waiting(), make_operator("ana")
        Queue.objects.update(texts={"claimed": {"pt-br": "Ana vai te atender."}})

        desk.claim(fresh(conversation), operator=ana, door="panel", now=clock.now())

        assert bubbles(conversation)[-1].body == "Ana vai te atender."

    def test_names_the_winner_to_whoever_comes_second(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        conversation = make_held(ana)

        with pytest.raises(errors.AlreadyClaimed) as lost:
            desk.claim(conversation, operator=bia, door="panel", now=clock.now())

        assert lost.value.extras["operator"] == ana
        assert lost.value.extras["handoff_at"] is not None

    def test_of_ones_own_conversation_is_no_change(self) -> None:
        ana = make_operator("ana", capacity=1)
        conversation = make_held(ana)

        handoff = desk.claim(conversation, operator=ana, door="panel", now=clock.now())

        assert handoff == conversation.handoff
        assert fresh(conversation).epoch == conversation.epoch

    def test_takes_it_straight_from_the_bot(self) -> None:
        conversation, ana = make_with_bot(), make_operator("ana")
        (line,) = replies.say(
            conversation, cause=BOT, author=Author.BOT, body="Olá!", now=clock.now(), epoch=0
        )

        handoff = desk.claim(conversation, operator=ana, door="panel", now=clock.now())

        line.refresh_from_db()
        assert (handoff.reason, handoff.operator, handoff.number) == ("takeover", ana, 1)
        assert fresh(conversation).mode == Mode.HUMAN
        assert line.status == Status.CANCELLED
        assert not BotTurn.objects.filter(open_for=conversation).exists()

    def test_refuses_more_than_the_operators_places(self) -> None:
        ana = make_operator("ana", capacity=1)
        make_held(ana)
        other = make_waiting(address="whatsapp:+5521999990000")

        with pytest.raises(errors.AtCapacity):
            desk.claim(other, operator=ana, door="panel", now=clock.now())

        assert fresh(other).mode == Mode.QUEUED

    def test_refuses_somebody_who_is_no_longer_of_the_team(self) -> None:
        conversation, ana = make_waiting(), make_operator("ana")
        type(ana).objects.update(is_active=False)

        with pytest.raises(errors.AgentUnavailable):
            desk.claim(conversation, operator=ana, door="panel", now=clock.now())

    def test_of_one_offered_to_somebody_else_is_refused(self) -> None:
        conversation, ana, bia = make_waiting(), make_operator("ana"), make_operator("bia")
        make_offered(conversation, bia)

        with pytest.raises(errors.AlreadyClaimed):
            desk.claim(conversation, operator=ana, door="panel", now=clock.now())

    def test_next_takes_priority_before_the_longest_wait(self) -> None:
        now, ana = clock.now(), make_operator("ana")
        old = make_waiting(now=now - timedelta(minutes=9), address="whatsapp:+5511900000001")
        urgent = make_waiting(now=now, address="whatsapp:+5511900000002")
        Conversation.objects.filter(pk=urgent.pk).update(priority=3)

        taken = [desk.claim_next(ana, door="panel", now=now) for _ in range(3)]

        assert taken == [urgent, old, None]

    def test_next_never_takes_what_is_offered_to_somebody_else(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        conversation = make_waiting()
        make_offered(conversation, bia)

        assert desk.claim_next(ana, door="panel", now=clock.now()) is None
        assert desk.claim_next(bia, door="panel", now=clock.now()) == conversation


class TestCancel:
    @pytest.mark.parametrize("word", ["voltar", "MENU", "Cancelar!"])
    def test_by_the_customers_word_gives_it_back_to_the_bot(self, word: str) -> None:
        conversation = make_waiting()

        says(word)

        after = fresh(conversation)
        handoff = Handoff.objects.get(conversation=conversation)
        assert (after.mode, after.epoch, after.queue) == (Mode.BOT, 2, None)
        assert (handoff.outcome, handoff.open_for) == ("cancelled", None)
        assert "handoff.cancelled" in kinds(conversation)
        assert bubbles(conversation)[-1].author == Author.SYSTEM

    def test_is_not_meant_by_the_word_in_a_sentence(self) -> None:
        conversation = make_waiting()

        says("quero cancelar meu pedido")

        assert fresh(conversation).mode == Mode.QUEUED

    def test_is_refused_when_nobody_waits(self) -> None:
        conversation = make_with_bot()

        with pytest.raises(errors.NotWaiting):
            handoffs.cancel(conversation, cause=CUSTOMER, now=clock.now())


class TestRelease:
    def release(self, conversation: Conversation, release: Release = SOLVED, **kwargs: object) -> Handoff:
        defaults = {"operator": conversation.operator, "epoch": conversation.epoch, "seen": conversation.seq}
        return handoffs.release(
            conversation,
            cause=Cause(kind="operator", door="panel"),
            release=release,
            now=clock.now(),
            **(defaults | kwargs),  # type: ignore[arg-type]
        )

    def test_gives_it_back_to_the_bot_with_what_was_settled(self) -> None:
        conversation = make_held(make_operator("ana"))

        handoff = self.release(conversation)

        after = fresh(conversation)
        assert (after.mode, after.operator, after.epoch) == (Mode.BOT, None, 3)
        assert (handoff.outcome, handoff.context_out["summary"]) == ("solved", "Endereço trocado.")
        assert handoff.released_at is not None
        assert kinds(conversation)[-1] == "handoff.released"
        assert not BotTurn.objects.filter(open_for=conversation).exists()

    def test_with_bot_now_owes_the_customer_the_bots_word(self) -> None:
        conversation = make_held(make_operator("ana"))

        self.release(conversation, Release(outcome="solved", resume="bot_now"))

        assert BotTurn.objects.get(open_for=conversation).kind == TurnKind.RELEASED

    def test_with_close_begins_a_new_bot_session(self) -> None:
        conversation = make_held(make_operator("ana"))

        self.release(conversation, Release(outcome="solved", resume="close"))

        assert fresh(conversation).bot_session == conversation.bot_session + 1

    def test_shows_what_the_customer_wrote_meanwhile(self) -> None:
        conversation = make_held(make_operator("ana"))
        says("mais uma coisa")

        with pytest.raises(errors.UnreadMessage) as refused:
            self.release(conversation)

        assert [message.body for message in refused.value.extras["messages"]] == ["mais uma coisa"]
        assert fresh(conversation).mode == Mode.HUMAN

    def test_can_be_forced_and_then_the_bot_does_not_answer_what_the_operator_left(self) -> None:
        conversation = make_held(make_operator("ana"))
        says("mais uma coisa")

        self.release(conversation, force=True)

        assert fresh(conversation).mode == Mode.BOT
        assert not BotTurn.objects.filter(open_for=conversation).exists()

    def test_is_only_for_whoever_holds_it(self) -> None:
        bia = make_operator("bia")
        conversation = make_held(make_operator("ana"))

        with pytest.raises(errors.NotYours):
            self.release(conversation, operator=bia)

    def test_refuses_an_older_epoch(self) -> None:
        conversation = make_held(make_operator("ana"))

        with pytest.raises(errors.StaleEpoch):
            self.release(conversation, epoch=conversation.epoch - 1)

    def test_needs_an_outcome(self) -> None:
        conversation = make_held(make_operator("ana"))

        with pytest.raises(errors.OutcomeRequired):
            self.release(conversation, Release(outcome=""))

    def test_again_answers_with_the_same_handoff(self) -> None:
        conversation = make_held(make_operator("ana"))
        first = self.release(conversation)

        again = self.release(conversation)

        assert again == first
        assert fresh(conversation).epoch == 3

    def test_of_something_else_is_refused_once_released(self) -> None:
        conversation = make_held(make_operator("ana"))
        self.release(conversation)

        with pytest.raises(errors.NotHuman):
            self.release(conversation, Release(outcome="spam"))

    def test_says_the_queues_farewell(self) -> None:
        conversation = make_held(make_operator("ana"))
        Queue.objects.update(texts={"farewell": {"pt-br": "Até logo!"}})

        self.release(fresh(conversation))

        assert bubbles(conversation)[-1].body == "Até logo!"


class TestNumbers:
    def test_are_without_gaps_and_shared_by_bubbles_and_events(self) -> None:
        make_sender()
        ana = make_operator("ana")
        conversation = make_held(ana)
        desk.reply(
            conversation,
            operator=ana,
            door="panel",
            body="Oi!",
            epoch=conversation.epoch,
            client_key="k",
            now=clock.now(),
        )

        numbers = [bubble.seq for bubble in bubbles(conversation)]
        numbers += Event.objects.filter(conversation=conversation).values_list("seq", flat=True)

        assert sorted(numbers) == list(range(1, thread().seq + 1))
        assert Delivery.objects.count() == 2
