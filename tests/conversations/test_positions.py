"""João asks for his place in the queue: what he is told, and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from conversations import contacts, errors, handoffs, intake, positions, texts
from conversations.bots.base import HandoffRequest
from conversations.models import Author, Conversation, Handoff, Message, Mode, Queue, Sender, WebhookOutcome
from conversations.twilio import payloads
from operators import desk
from tests.builders import (
    CUSTOMER,
    JOAO,
    bubbles,
    form,
    fresh,
    make_held,
    make_offered,
    make_operator,
    make_sender,
    make_with_bot,
    says,
    thread,
)
from tests.races.sound import sound

pytestmark = pytest.mark.django_db

TEN = datetime(2026, 6, 1, 10, tzinfo=UTC)
MARIA, RUI, LIA = (f"whatsapp:+551190000000{number}" for number in range(3))


def after(minutes: float) -> datetime:
    return TEN + timedelta(minutes=minutes)


def asks(minutes: float, body: str = "fila", *, address: str = JOAO) -> list[str]:
    """What the customer is told when they ask ``minutes`` past ten."""
    known = Message.objects.filter(author=Author.SYSTEM).values_list("pk", flat=True)
    before = set(known)
    assert says(body, now=after(minutes), address=address).outcome == WebhookOutcome.APPLIED
    return [
        message.body
        for message in bubbles(thread(address))
        if message.author == Author.SYSTEM and message.pk not in before
    ]


def waits(
    minutes: float, *, address: str = JOAO, queue: str | None = None, priority: int = 0
) -> Conversation:
    conversation = make_with_bot(now=after(minutes), address=address)
    request = HandoffRequest(reason="customer_asked", queue=queue, priority=priority)
    handoffs.request(conversation, cause=CUSTOMER, request=request, now=after(minutes))
    return fresh(conversation)


def speak(queue: Queue | None, **words: str) -> None:
    """What this queue says, in João's language."""
    assert queue is not None
    queue.texts = {moment: {"pt-br": text} for moment, text in words.items()}
    queue.save()


def default_queue() -> Queue:
    return Queue.objects.get(organization=make_sender().organization, is_default=True)


def place(number: int) -> list[str]:
    return [f"Sua posição na fila: {number}."]


class TestAsking:
    def test_is_answered_once_the_word_of_the_entry_is_old(self) -> None:
        waits(0)

        assert asks(9.9) == []
        assert asks(10) == place(1)
        assert asks(19.9) == []
        assert asks(20) == place(1)

    def test_is_not_answered_right_after_an_entry_that_said_it(self) -> None:
        conversation = waits(0)

        assert "Sua posição na fila: 1." in bubbles(conversation)[-1].body
        assert asks(0.1) == []

    @pytest.mark.parametrize(
        "words",
        [
            {texts.WAITING: "Aguarde."},
            {texts.WAITING: ""},
        ],
        ids=["of words without it", "of silence"],
    )
    def test_is_answered_at_once_after_an_entry(self, words: dict[str, str]) -> None:
        speak(default_queue(), **words)
        waits(0)

        assert asks(0.1) == place(1)
        assert asks(0.2) == []

    def test_is_not_answered_right_after_words_of_the_queue_that_name_it(self) -> None:
        speak(default_queue(), waiting="Você é o {position}º da fila.")
        conversation = waits(0)

        assert bubbles(conversation)[-1].body == "Você é o 1º da fila."
        assert asks(0.1) == []

    def test_is_answered_at_once_after_a_bots_own_last_words(self) -> None:
        conversation = make_with_bot(now=TEN)
        handoffs.request(
            conversation,
            cause=CUSTOMER,
            request=HandoffRequest(reason="bot_asked"),
            now=TEN,
            last_words=("Vou chamar alguém.",),
        )

        assert asks(0.1) == place(1)

    def test_is_answered_in_the_words_of_the_queue(self) -> None:
        speak(default_queue(), waiting="Aguarde.", position="Faltam {position}. {nome}")
        waits(0, address=MARIA)
        waits(1)

        assert asks(2) == ["Faltam 2. {nome}"]

    def test_is_not_answered_where_the_queue_is_silent_about_it(self) -> None:
        speak(default_queue(), position="")
        waits(0)

        assert asks(30) == []
        assert Handoff.objects.get().position_told_at is None

    def test_is_answered_again_once_moved_to_another_queue(self) -> None:
        ana, finance = (
            make_operator("ana"),
            Queue.objects.create(organization=make_sender().organization, name="Financeiro"),
        )
        conversation = waits(0)
        desk.claim(conversation, operator=ana, door="panel", now=after(1))
        desk.transfer(
            fresh(conversation),
            by=desk.cause(ana, "panel"),
            author=ana,
            operator=ana,
            to=finance,
            note="Boleto.",
            now=after(2),
        )

        assert asks(3) == place(1)
        assert asks(4) == []

    def test_leaves_the_conversation_of_one_piece(self) -> None:
        conversation = waits(0)
        asks(10, "qual minha posição na fila?")

        now = sound(conversation)
        assert (now.mode, now.epoch, now.last_preview) == (Mode.QUEUED, 1, "Sua posição na fila: 1.")

    def test_means_nothing_while_the_bot_has_it(self) -> None:
        make_with_bot(now=TEN)

        assert asks(30) == []
        assert thread().mode == Mode.BOT

    def test_means_nothing_while_a_person_has_it(self) -> None:
        make_held(make_operator("ana"), now=TEN)

        assert asks(30) == []

    def test_inside_an_ordinary_sentence_is_none(self) -> None:
        waits(0)

        assert asks(30, "a fila do banco estava enorme") == []

    def test_that_is_applied_late_is_answered_only_if_it_is_the_last_word(self) -> None:
        waits(0)
        late = payloads.parse_inbound(form("fila"))
        says("alguém aí?", now=after(25))
        before = len(bubbles(thread()))

        intake.apply(late, sender=make_sender(), at=after(20), now=after(30))
        assert len(bubbles(thread())) == before + 1

        intake.apply(payloads.parse_inbound(form("fila")), sender=make_sender(), at=after(28), now=after(30))
        assert bubbles(thread())[-1].body == "Sua posição na fila: 1."


class TestThePlace:
    def test_counts_those_who_came_before(self) -> None:
        waits(0, address=MARIA)
        waits(1, address=RUI)
        waits(2)
        waits(3, address=LIA)

        assert asks(20) == place(3)
        assert asks(20, address=MARIA) == place(1)

    def test_counts_those_who_are_more_urgent(self) -> None:
        waits(0)
        waits(1, address=MARIA, priority=1)
        waits(2, address=RUI, priority=0)

        assert asks(20) == place(2)
        assert asks(20, address=MARIA) == place(1)
        assert asks(20, address=RUI) == place(3)

    def test_counts_its_own_queue_only(self) -> None:
        Queue.objects.create(organization=make_sender().organization, name="Financeiro")
        waits(0, address=MARIA, queue="Financeiro")
        waits(1, address=RUI, queue="Financeiro")
        waits(2)

        assert asks(20) == place(1)
        assert asks(20, address=RUI) == place(2)

    def test_counts_those_who_are_offered_to_somebody(self) -> None:
        make_offered(waits(0, address=MARIA), make_operator("ana"), now=after(1))
        waits(1)

        assert asks(20) == place(2)

    def test_does_not_count_the_demos_customers(self) -> None:
        mine = make_sender()
        demo = Sender.objects.create(
            organization=mine.organization, address="whatsapp:+1", account_sid="AC2", name="Demo", demo=True
        )
        Conversation.objects.filter(pk=waits(0, address=MARIA).pk).update(sender=demo)
        waits(1)

        assert asks(20) == place(1)


class TestTelling:
    def test_says_nothing_to_who_wants_silence_and_does_not_count_it(self) -> None:
        conversation = waits(0)
        contacts.opt_out(conversation.contact, now=after(1))

        assert not positions.tell(fresh(conversation), cause=CUSTOMER, now=after(20))
        assert Handoff.objects.get().position_told_at == TEN

    def test_says_nothing_outside_the_window_and_does_not_count_it(self) -> None:
        conversation = waits(0)

        assert not positions.tell(fresh(conversation), cause=CUSTOMER, now=after(24 * 60))
        assert Handoff.objects.get().position_told_at == TEN

    def test_is_refused_once_it_waits_no_more_and_leaves_nothing(self) -> None:
        conversation = waits(0)
        desk.claim(conversation, operator=make_operator("ana"), door="panel", now=after(1))

        with pytest.raises(errors.NotWaiting):
            positions.tell(conversation, cause=CUSTOMER, now=after(20))

        assert Handoff.objects.get().position_told_at == TEN
        sound(conversation)

    @pytest.mark.parametrize("words", [{}, {texts.WAITING: "Você é o {position}º."}])
    def test_of_an_entry_that_nobody_heard_is_not_counted(self, words: dict[str, str]) -> None:
        speak(default_queue(), **words)
        conversation = make_with_bot(now=TEN)
        handoffs.request(
            conversation, cause=CUSTOMER, request=HandoffRequest(reason="api"), now=after(24 * 60)
        )

        assert Handoff.objects.get().position_told_at is None

    def test_of_who_was_taken_from_the_bot_has_not_happened(self) -> None:
        conversation = make_with_bot(now=TEN)
        desk.claim(conversation, operator=make_operator("ana"), door="panel", now=TEN)

        assert Handoff.objects.get().position_told_at is None
