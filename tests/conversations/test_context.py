"""What each side is told of the other's part."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from conversations import clock, context, handoffs, messages, replies
from conversations.contract import Cause, Release
from conversations.models import Author, Conversation, Handoff, Message, Status
from operators import desk
from tests.builders import bubbles, fresh, make_held, make_operator, make_with_bot, says, thread

pytestmark = pytest.mark.django_db


def brief(before: Message | None = None, *, since: datetime | None = None) -> str:
    conversation = thread()
    before_seq = before.seq if before else conversation.seq + 1
    return context.brief(
        conversation, before_seq=before_seq, since=since or clock.now() - timedelta(hours=12)
    )


def released(conversation: Conversation, **settled: Any) -> Handoff:
    return handoffs.release(
        conversation,
        cause=Cause(kind="operator", door="panel"),
        operator=None,
        epoch=None,
        seen=conversation.seq,
        release=Release(outcome="solved", **settled),
        now=clock.now(),
    )


class TestBrief:
    def test_is_the_customers_last_two_bubbles_in_order(self) -> None:
        for text in ("oi", "meu pedido\nnão chegou", "é o 123"):
            says(text)

        assert brief() == "meu pedido não chegou · é o 123"

    def test_ends_before_the_bubble_that_asked(self) -> None:
        says("meu pedido não chegou")
        says("outra coisa")

        assert brief(bubbles(thread())[-1]) == "meu pedido não chegou"

    def test_leaves_out_what_others_said_and_what_has_no_text(self) -> None:
        conversation = make_with_bot()
        replies.say(
            conversation,
            cause=Cause(kind="bot", door="worker"),
            author=Author.BOT,
            body="Como posso ajudar?",
            now=clock.now(),
            epoch=0,
        )
        says("", MediaUrl0="https://api.twilio.com/1", MediaContentType0="image/jpeg")

        assert brief() == "oi"

    def test_is_short(self) -> None:
        says("a" * 1000)
        says("b" * 1000)

        assert len(brief()) <= context.BRIEF + 3

    def test_forgets_another_day_and_what_was_settled(self) -> None:
        now = clock.now()
        says("de ontem", now=now - timedelta(hours=20))
        says("de hoje", now=now)
        assert brief() == "de hoje"

        released(make_held(make_operator("ana")))

        assert brief() == ""


class TestHistory:
    def test_is_at_most_the_last_thirty_bubbles_oldest_first(self) -> None:
        for number in range(32):
            says(str(number))

        lines = context.history(thread(), upto_seq=thread().seq)

        assert [line.text for line in lines] == [str(number) for number in range(2, 32)]

    def test_tells_who_said_what_and_when(self) -> None:
        now = clock.now()
        says("oi", now=now)

        (line,) = context.history(thread(), upto_seq=thread().seq)

        assert (line.author, line.text, line.kind, line.at) == ("customer", "oi", "text", now)

    def test_leaves_out_what_the_customer_never_saw(self) -> None:
        conversation = make_with_bot()
        replies.say(
            conversation,
            cause=Cause(kind="bot", door="worker"),
            author=Author.BOT,
            body="nunca enviado",
            now=clock.now(),
            epoch=0,
        )
        messages.cancel_waiting_bot_lines(conversation)
        assert Message.objects.filter(status=Status.CANCELLED).count() == 1

        lines = context.history(conversation, upto_seq=fresh(conversation).seq)

        assert [line.text for line in lines] == ["oi"]

    def test_is_of_this_thread_alone(self) -> None:
        says("oi")
        says("segredo", address="whatsapp:+5521999990000")

        lines = context.history(thread(), upto_seq=thread().seq)

        assert [line.text for line in lines] == ["oi"]


class TestEndOfService:
    def test_says_who_served_when_and_what_was_settled(self) -> None:
        ana = make_operator("ana")
        handoff = released(
            make_held(ana),
            summary="Endereço trocado.",
            facts={"pedido": "123"},
            promises=("Entrega na sexta",),
            do_not_repeat=("Qual o pedido?",),
            resume="bot_now",
        )

        told = context.end_of_service(handoff)

        assert (told.outcome, told.summary, told.resume) == ("solved", "Endereço trocado.", "bot_now")
        assert (told.facts, told.promises, told.do_not_repeat) == (
            {"pedido": "123"},
            ("Entrega na sexta",),
            ("Qual o pedido?",),
        )
        assert told.operator == str(ana.public_id)
        assert (told.human_started_at, told.human_ended_at) == (handoff.handoff_at, handoff.released_at)

    def test_quotes_at_most_twenty_bubbles_and_only_those_of_the_service(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)
        for number in range(25):
            says(str(number))
        handoff = released(fresh(conversation))
        says("depois")

        told = context.end_of_service(handoff)

        assert [line.text for line in told.messages_since] == [str(number) for number in range(5, 25)]

    def test_quotes_what_both_said(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)
        says("é urgente")
        desk.reply(
            conversation,
            operator=ana,
            door="panel",
            body="Já resolvo.",
            epoch=conversation.epoch,
            client_key=None,
            now=clock.now(),
        )

        told = context.end_of_service(released(fresh(conversation)))

        spoken = [(line.author, line.text) for line in told.messages_since]
        assert spoken == [("customer", "é urgente"), ("operator", "Já resolvo.")]

    def test_tells_of_services_that_followed_each_other_in_one(self) -> None:
        """The bot hears of the end of service once, and nothing that was settled before is lost."""
        ana = make_operator("ana")
        released(
            make_held(ana),
            summary="Endereço trocado.",
            facts={"pedido": "123", "loja": "centro"},
            promises=("Entrega na sexta",),
        )
        conversation = thread()
        assert context.end_of_service(Handoff.objects.get()).facts == {"pedido": "123", "loja": "centro"}
        desk.claim(conversation, operator=ana, door="panel", now=clock.now())
        second = released(
            fresh(conversation), summary="Nota enviada.", facts={"pedido": "124"}, promises=("Ligar",)
        )

        told = context.end_of_service(second)

        assert told.summary == "Endereço trocado.\nNota enviada."
        assert told.facts == {"pedido": "124", "loja": "centro"}
        assert told.promises == ("Entrega na sexta", "Ligar")
        assert told.human_started_at == second.first_handoff_at

    def test_does_not_tell_again_what_was_told(self) -> None:
        ana = make_operator("ana")
        released(make_held(ana), facts={"pedido": "123"})
        Handoff.objects.update(told_at=clock.now())
        desk.claim(thread(), operator=ana, door="panel", now=clock.now())

        assert context.end_of_service(released(thread(), summary="Nota enviada.")).facts == {}

    def test_of_a_wait_that_nobody_ended_has_no_person_in_it(self) -> None:
        says("atendente")
        says("voltar")

        told = context.end_of_service(Handoff.objects.get())

        assert (told.outcome, told.operator, told.human_started_at) == ("cancelled", "", None)
