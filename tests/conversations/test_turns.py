"""The bot's turn: one answer to several bubbles, all or nothing of it, and never over a person's head."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from conversations import clock, handoffs, leases, turns
from conversations.bots import base
from conversations.bots.base import HandoffRequest, Reply, Turn
from conversations.contract import Cause, Release
from conversations.models import (
    Author,
    BotAnswer,
    BotEngineName,
    BotTurn,
    Contact,
    Conversation,
    Delivery,
    DeliveryState,
    Handoff,
    Message,
    Mode,
    Queue,
    Status,
    TurnKind,
)
from tests.builders import (
    CUSTOMER,
    bubbles,
    fresh,
    make_held,
    make_operator,
    make_sender,
    says,
    thread,
)

pytestmark = pytest.mark.django_db

PAUSE, LONGEST = timedelta(seconds=1.2), timedelta(seconds=4)
ASKED = HandoffRequest(reason="bot_asked")


def open_turn() -> BotTurn:
    return BotTurn.objects.get(open_for=thread())


def claimed() -> BotTurn:
    turn = open_turn()
    assert leases.claim(turn)
    return turn


def answer() -> None:
    """The worker takes the open turn and runs it."""
    turn = claimed()
    turns.run(turn, clock.now())


def lines(*authors: Author) -> list[str]:
    authors = authors or (Author.BOT,)
    return [bubble.body for bubble in bubbles(thread()) if bubble.author in authors]


Script = Callable[[Turn], Reply]
Install = Callable[[Script | Reply], list[Turn]]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put this function in the bot's place; what it was asked is listed."""

    def install(script: Script | Reply) -> list[Turn]:
        asked: list[Turn] = []

        class Engine:
            def reply(self, turn: Turn) -> Reply:
                asked.append(turn)
                return script if isinstance(script, Reply) else script(turn)

        monkeypatch.setattr(base, "load_engine", lambda _name: Engine())
        return asked

    return install


def release(conversation: Conversation, resume: str = "wait", **settled: Any) -> Handoff:
    return handoffs.release(
        conversation,
        cause=Cause(kind="operator", door="panel"),
        operator=None,
        epoch=conversation.epoch,
        seen=conversation.seq,
        release=Release(outcome="solved", resume=resume, **settled),
        now=clock.now(),
    )


class TestOwing:
    def test_waits_a_moment_for_the_next_bubble(self) -> None:
        now = clock.now()

        says("oi", now=now)

        turn = open_turn()
        assert (turn.kind, turn.cause_seq, turn.epoch, turn.due_at) == (TurnKind.MESSAGE, 1, 0, now + PAUSE)

    def test_of_three_quick_bubbles_is_one_answer_to_the_newest(self) -> None:
        now = clock.now()

        for second in range(3):
            says("oi", now=now + timedelta(seconds=second))

        turn = BotTurn.objects.get()
        assert turn.cause_seq == Message.objects.latest("seq").seq
        assert turn.due_at == now + timedelta(seconds=2) + PAUSE

    def test_never_waits_longer_than_four_seconds(self) -> None:
        now = clock.now()

        for second in range(8):
            says("oi", now=now + timedelta(seconds=second))

        assert open_turn().due_at == now + LONGEST

    def test_again_takes_it_away_from_whoever_answers_the_older_one(self) -> None:
        says("oi")
        turn = claimed()

        says("mais uma coisa")

        after = open_turn()
        assert (after.lease_number, after.leased_until) == (turn.lease_number + 1, None)

    @pytest.mark.parametrize("text", ["parar", "atendente", "join clever-fox"])
    def test_is_not_for_every_message(self, text: str) -> None:
        says(text)

        assert not BotTurn.objects.exclude(open_for=None).exists()

    def test_is_not_for_what_a_person_answers(self) -> None:
        make_held(make_operator("ana"))

        says("oi")

        assert not BotTurn.objects.exclude(open_for=None).exists()


class TestTheBuiltInBot:
    def test_greets_once_in_a_session(self) -> None:
        says("oi")
        answer()
        says("oi")
        answer()

        first, second = lines()
        assert "assistente virtual de HandoffFlow" in first
        assert "assistente virtual" not in second

    def test_greets_again_in_the_next_session(self) -> None:
        now = clock.now()
        says("oi", now=now - timedelta(hours=13))
        answer()
        says("oi", now=now)
        answer()

        assert [line.count("assistente virtual") for line in lines()] == [1, 1]

    def test_answers_what_the_supervisor_wrote(self) -> None:
        add_answer("Horário", "Das 9h às 18h.", keywords="horário, abre")
        says("que horas vocês abrem? qual o horário?")

        answer()

        (line,) = lines()
        assert "Das 9h às 18h." in line
        assert fresh(thread()).last_preview.startswith("Olá, João!")

    def test_speaks_the_customers_language(self) -> None:
        says("hello", address="whatsapp:+12125550123")
        turn = BotTurn.objects.get()
        assert leases.claim(turn)
        turns.run(turn, clock.now())

        assert "virtual assistant" in Message.objects.get(author=Author.BOT).body

    def test_gives_up_after_two_misses_in_a_row_and_says_so_first(self) -> None:
        for text in ("xyzzy plugh", "frobnicate quux"):
            says(text)
            answer()

        handoff = Handoff.objects.get()
        last_words = bubbles(thread())[-1]
        assert (thread().mode, handoff.reason) == (Mode.QUEUED, "not_understood")
        assert "frobnicate quux" in handoff.summary
        assert (last_words.author, last_words.status) == (Author.BOT, Status.QUEUED)
        assert "pessoa da equipe" in last_words.body
        assert Delivery.objects.get(message=last_words).state == DeliveryState.QUEUED
        assert not Delivery.objects.get(message=last_words).fenced

    def test_takes_a_hit_between_two_misses_for_a_new_start(self) -> None:
        add_answer("Horário", "Das 9h às 18h.", keywords="horário")
        for text in ("xyzzy plugh", "horário", "frobnicate quux"):
            says(text)
            answer()

        assert thread().mode == Mode.BOT

    def test_calls_a_person_into_the_answers_queue(self) -> None:
        sender = make_sender()
        billing = Queue.objects.create(organization=sender.organization, name="Financeiro")
        add_answer("Boleto", "Vou chamar o financeiro.", hands_over=True, queue=billing)
        says("boleto")

        answer()

        assert (thread().mode, thread().queue, Handoff.objects.get().reason) == (
            Mode.QUEUED,
            billing,
            "bot_asked",
        )

    def test_says_a_long_answer_in_parts_even_when_it_calls_a_person(self) -> None:
        text = "\n\n".join(["a" * 1400, "b" * 1400])
        add_answer("Boleto", text, hands_over=True)
        says("boleto")

        answer()

        deliveries = Delivery.objects.filter(message__author=Author.BOT).order_by("seq")
        assert [len(delivery.body.encode("utf-16-le")) // 2 <= 1500 for delivery in deliveries] == [True] * 2
        assert "".join(delivery.body for delivery in deliveries).endswith("b" * 1400)


class TestAnAnswer:
    def test_closes_the_turn(self, engine: Install) -> None:
        engine(Reply(messages=("Olá!",), state={"n": 1}))
        says("oi")

        answer()

        turn = BotTurn.objects.get()
        assert (turn.open_for, turn.due_at, turn.leased_until) == (None, None, None)
        assert lines() == ["Olá!"]

    def test_in_several_bubbles_keeps_their_order(self, engine: Install) -> None:
        engine(Reply(messages=("um", "dois", "três")))
        says("oi")

        answer()

        assert lines() == ["um", "dois", "três"]

    def test_is_asked_with_the_message_the_history_and_its_own_state(self, engine: Install) -> None:
        asked = engine(Reply(messages=("Olá!",), state={"n": 1}))
        says("oi")
        answer()
        says("e agora?")
        answer()

        first, second = asked
        assert first.message is not None
        assert second.message is not None
        assert (first.message.text, second.message.text) == ("oi", "e agora?")
        assert (first.state, second.state) == ({}, {"n": 1})
        assert [line.text for line in second.history] == ["oi", "Olá!", "e agora?"]
        assert (second.contact_name, second.language, second.session) == ("João Silva", "pt-br", 1)

    def test_begins_with_an_empty_state_in_a_new_session(self, engine: Install) -> None:
        asked = engine(Reply(messages=("Olá!",), state={"n": 1}))
        says("oi")
        answer()
        Conversation.objects.update(last_inbound_at=clock.now() - timedelta(hours=13))
        says("oi")
        answer()

        assert [turn.state for turn in asked] == [{}, {}]
        assert [line.text for line in asked[1].history] == ["oi"]

    def test_remembers_what_it_learned_about_the_person(self, engine: Install) -> None:
        asked = engine(lambda turn: Reply(attributes={"city" if turn.attributes else "size": "M"}))
        for _ in range(2):
            says("oi")
            answer()

        assert asked[1].attributes == {"size": "M"}
        assert thread().contact.attributes == {"size": "M", "city": "M"}

    def test_may_be_silence(self, engine: Install) -> None:
        engine(Reply())
        says("oi")

        answer()

        assert lines() == []
        assert not BotTurn.objects.exclude(open_for=None).exists()

    def test_overtaken_by_a_newer_message_is_dropped_with_all_it_would_change(self, engine: Install) -> None:
        def script(turn: Turn) -> Reply:
            if len(asked) == 1:
                says("mais uma coisa")
            return Reply(messages=(f"a {len(asked)}",), state={"greeted": True}, attributes={"x": len(asked)})

        asked = engine(script)
        says("oi")

        answer()

        conversation = thread()
        assert lines() == []
        assert (conversation.bot_state, conversation.contact.attributes) == ({}, {})
        assert open_turn().due_at is not None

        answer()

        assert lines() == ["a 2"]
        assert [turn.state for turn in asked] == [{}, {}]

    def test_too_late_for_the_bot_is_a_suggestion_for_the_operator(self, engine: Install) -> None:
        def script(_turn: Turn) -> Reply:
            says("atendente")
            return Reply(messages=("São 3 dias.", "Algo mais?"), state={"greeted": True})

        engine(script)
        says("qual o prazo?")

        answer()

        assert lines() == []
        assert thread().mode == Mode.QUEUED
        assert Handoff.objects.get().suggested_reply == "São 3 dias.\n\nAlgo mais?"

    def test_too_late_leaves_a_suggestion_that_is_there(self, engine: Install) -> None:
        def script(_turn: Turn) -> Reply:
            asked = HandoffRequest(reason="api", suggested_reply="Primeiro")
            handoffs.request(thread(), cause=CUSTOMER, request=asked, now=clock.now())
            return Reply(messages=("Segundo",))

        engine(script)
        says("oi")

        answer()

        assert Handoff.objects.get().suggested_reply == "Primeiro"

    def test_of_a_lease_that_ran_out_says_nothing(self, engine: Install) -> None:
        engine(Reply(messages=("Olá!",)))
        says("oi")
        slow = claimed()
        BotTurn.objects.update(leased_until=clock.now() - timedelta(minutes=1))
        quick = claimed()

        turns.run(quick, clock.now())
        turns.run(slow, clock.now())

        assert lines() == ["Olá!"]

    def test_of_another_lease_leaves_the_turn_to_it(self, engine: Install) -> None:
        engine(Reply(messages=("Olá!",)))
        says("oi")
        slow = claimed()
        BotTurn.objects.update(leased_until=clock.now() - timedelta(minutes=1))
        quick = claimed()

        turns.run(slow, clock.now())

        assert lines() == []
        assert open_turn().lease_number == quick.lease_number

    @pytest.mark.parametrize("closed", ["window", "opted out"])
    def test_is_not_said_where_no_free_text_may_be_sent(self, engine: Install, closed: str) -> None:
        engine(Reply(messages=("Olá!",), state={"n": 1}))
        says("oi")
        _close(closed)

        answer()

        assert lines(Author.BOT, Author.SYSTEM) == []
        assert thread().mode == Mode.BOT
        assert not BotTurn.objects.exclude(open_for=None).exists()

    @pytest.mark.parametrize("closed", ["window", "opted out"])
    def test_that_calls_a_person_says_nothing_either(self, engine: Install, closed: str) -> None:
        engine(Reply(messages=("Vou chamar alguém.",), handoff=ASKED))
        says("oi")
        _close(closed)

        answer()

        assert lines(Author.BOT, Author.SYSTEM) == []
        assert thread().mode == Mode.QUEUED


class TestFailure:
    def test_of_the_engine_calls_a_person(self, engine: Install) -> None:
        def broken(_turn: Turn) -> Reply:
            raise RuntimeError("segredo")

        engine(broken)
        says("oi")

        answer()

        handoff = Handoff.objects.get()
        assert (thread().mode, handoff.reason, handoff.requested_by_kind) == (
            Mode.QUEUED,
            "bot_failure",
            "bot",
        )
        assert lines() == []
        assert [bubble.author for bubble in bubbles(thread())] == [Author.CUSTOMER, Author.SYSTEM]

    @pytest.mark.parametrize(
        "rubbish",
        [
            Reply(messages=("",)),
            Reply(messages=("  \n",)),
            Reply(messages=("certo", "")),
            Reply(messages=("a" * 20_001,)),
            Reply(messages=(None,)),  # type: ignore[arg-type]
            Reply(state={"x": object()}),
            None,
        ],
    )
    def test_of_its_answer_calls_a_person(self, engine: Install, rubbish: Any) -> None:
        engine(lambda _turn: rubbish)
        says("oi")

        answer()

        assert (thread().mode, Handoff.objects.get().reason) == (Mode.QUEUED, "bot_failure")
        assert lines() == []
        assert not BotTurn.objects.exclude(open_for=None).exists()

    def test_of_the_database_calls_nobody(self, engine: Install) -> None:
        def away(_turn: Turn) -> Reply:
            raise OperationalError

        engine(away)
        says("oi")
        turn = claimed()

        with pytest.raises(OperationalError):
            turns.run(turn, clock.now())

        assert thread().mode == Mode.BOT
        assert open_turn().pk == turn.pk

    def test_of_an_engine_that_does_not_exist_calls_a_person(self) -> None:
        says("oi")
        type(make_sender()).objects.update(bot_engine="gone")

        answer()

        assert Handoff.objects.get().reason == "bot_failure"

    def test_is_logged_without_a_word_of_the_customer(
        self, engine: Install, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(turn: Turn) -> Reply:
            raise RuntimeError(turn.message.text if turn.message else "")

        engine(broken)
        says("segredo")

        answer()

        assert "RuntimeError" in caplog.text
        assert "segredo" not in caplog.text

    def test_to_end_calls_a_person(self, engine: Install) -> None:
        engine(Reply(messages=("eco",)))
        for _ in range(21):
            says("eco")
            answer()

        assert (thread().mode, Handoff.objects.get().reason) == (Mode.QUEUED, "loop")
        assert lines() == ["eco"] * 20

    def test_to_end_is_not_counted_over_more_than_ten_minutes(self, engine: Install) -> None:
        engine(Reply(messages=("eco",)))
        for _ in range(20):
            says("eco")
            answer()
        Message.objects.update(occurred_at=clock.now() - timedelta(minutes=11))
        says("eco")

        answer()

        assert thread().mode == Mode.BOT


class TestAfterAPerson:
    def test_bot_now_speaks_first_and_says_what_was_settled(self) -> None:
        conversation = make_held(make_operator("ana"))
        release(conversation, "bot_now", summary="Endereço trocado.", promises=("Entrega na sexta",))
        assert open_turn().kind == TurnKind.RELEASED

        answer()

        (line,) = lines()
        assert "Endereço trocado." in line
        assert "Entrega na sexta" in line

    def test_wait_says_nothing_until_the_customer_writes(self) -> None:
        conversation = make_held(make_operator("ana"))
        release(conversation, summary="Endereço trocado.")

        assert not BotTurn.objects.exclude(open_for=None).exists()

    def test_the_bot_is_told_once_who_served_and_what_was_said(self, engine: Install) -> None:
        asked = engine(Reply(messages=("Olá!",)))
        ana = make_operator("ana")
        conversation = make_held(ana)
        says("é urgente")
        release(
            fresh(conversation),
            summary="Endereço trocado.",
            facts={"pedido": "123"},
            promises=("Entrega na sexta",),
            do_not_repeat=("Qual o pedido?",),
        )
        for text in ("obrigado", "tchau"):
            says(text)
            answer()

        told = asked[0].release
        assert told is not None
        assert (told.outcome, told.summary, told.facts) == ("solved", "Endereço trocado.", {"pedido": "123"})
        assert (told.promises, told.do_not_repeat, told.resume) == (
            ("Entrega na sexta",),
            ("Qual o pedido?",),
            "wait",
        )
        assert told.operator == str(ana.public_id)
        assert told.human_started_at is not None
        assert [line.text for line in told.messages_since if line.author == "customer"] == ["é urgente"]
        assert asked[1].release is None

    def test_the_bot_is_told_again_when_its_answer_was_dropped(self, engine: Install) -> None:
        def script(_turn: Turn) -> Reply:
            if len(asked) == 1:
                says("mais uma coisa")
            return Reply(messages=("Olá!",))

        asked = engine(script)
        release(make_held(make_operator("ana")))
        says("oi")
        answer()
        answer()

        assert [turn.release is not None for turn in asked] == [True, True]

    def test_a_message_before_bot_now_speaks_is_answered_with_it(self, engine: Install) -> None:
        asked = engine(Reply(messages=("Olá!",)))
        release(make_held(make_operator("ana")), "bot_now", summary="Pronto.")
        says("e o prazo?")

        answer()

        (turn,) = asked
        assert turn.kind == "message"
        assert turn.message is not None
        assert turn.message.text == "e o prazo?"
        assert turn.release is not None

    def test_a_wait_that_was_given_up_does_not_hide_what_a_person_settled(self, engine: Install) -> None:
        asked = engine(Reply(messages=("Olá!",)))
        release(make_held(make_operator("ana")), summary="Entrega amanhã.")
        says("atendente")
        says("voltar")
        says("oi")
        answer()
        says("e agora?")
        answer()

        first, second = asked
        assert first.release is not None
        assert first.release.summary == "Entrega amanhã."
        assert second.release is None

    def test_without_a_bot_nobody_speaks_and_nobody_is_called(self) -> None:
        conversation = make_held(make_operator("ana"))
        type(make_sender()).objects.update(bot_engine=BotEngineName.NONE)
        conversation = fresh(conversation)

        release(conversation, "bot_now")

        assert not BotTurn.objects.exclude(open_for=None).exists()


def add_answer(label: str, text: str, **fields: Any) -> BotAnswer:
    return BotAnswer.objects.create(sender=make_sender(), label=label, text=text, **fields)


def _close(how: str) -> None:
    if how == "window":
        Conversation.objects.update(window_expires_at=clock.now() - timedelta(seconds=1))
    else:
        Contact.objects.update(opted_out_at=clock.now())
