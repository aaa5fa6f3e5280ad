"""What is said: who may say it and when, how it is cut, and that saying it twice says it once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from conversations import clock, errors, handoffs, messages, replies
from conversations.contract import Cause, Release
from conversations.models import (
    Author,
    Conversation,
    Delivery,
    DeliveryState,
    Event,
    Handoff,
    Message,
    Status,
)
from operators import desk
from operators.models import Operator
from tests.builders import (
    bubbles,
    fresh,
    make_held,
    make_operator,
    make_waiting,
    make_with_bot,
    says,
)

BOT = Cause(kind="bot", door="worker")
API = Cause(kind="api", door="api")


def bot_says(conversation: Conversation, body: str = "Olá!", **kwargs: Any) -> list[Message]:
    defaults: dict[str, Any] = {"epoch": conversation.epoch, "now": clock.now()}
    return replies.say(conversation, cause=BOT, author=Author.BOT, body=body, **(defaults | kwargs))


def says_back(
    conversation: Conversation, operator: Operator, body: str = "Oi, João!", **kwargs: Any
) -> list[Message]:
    defaults: dict[str, Any] = {"epoch": conversation.epoch, "client_key": None, "now": clock.now()}
    return desk.reply(conversation, operator=operator, door="panel", body=body, **(defaults | kwargs))


def said(conversation: Conversation) -> list[str]:
    return [bubble.body for bubble in bubbles(conversation) if bubble.author in (Author.OPERATOR, Author.BOT)]


@pytest.fixture
def ana(db: None) -> Operator:
    return make_operator("ana")


@pytest.fixture
def held(ana: Operator) -> Conversation:
    return make_held(ana)


class TestAnOperator:
    def test_says_what_goes_out_to_the_customers_last_address(
        self, ana: Operator, held: Conversation
    ) -> None:
        (message,) = says_back(held, ana)

        after = fresh(held)
        assert (message.author, message.operator, message.status) == (Author.OPERATOR, ana, Status.QUEUED)
        assert (after.last_preview, after.last_author) == ("Oi, João!", "operator")
        delivery = Delivery.objects.get(message=message)
        assert (delivery.recipient, delivery.sender, delivery.body) == (
            held.reply_address,
            held.sender,
            "Oi, João!",
        )
        assert (delivery.state, delivery.fenced, delivery.seq) == (DeliveryState.QUEUED, False, message.seq)
        assert delivery.due_at is not None

    def test_leaves_an_event_that_holds_no_text(self, ana: Operator, held: Conversation) -> None:
        (message,) = says_back(held, ana, "segredo")

        event = Event.objects.get(conversation=held, seq=message.seq + 1)
        assert (event.kind, event.actor_kind, event.actor_id) == (
            "message.accepted",
            "operator",
            str(ana.public_id),
        )
        assert "segredo" not in str(event.data)

    def test_is_timed_at_the_first_reply(self, ana: Operator, held: Conversation) -> None:
        now = clock.now()
        says_back(held, ana, now=now)
        says_back(fresh(held), ana, "mais", now=now + timedelta(minutes=1))

        assert Handoff.objects.get().first_reply_at == now

    def test_of_an_older_epoch_is_refused(self, ana: Operator, held: Conversation) -> None:
        with pytest.raises(errors.StaleEpoch) as refused:
            says_back(held, ana, epoch=held.epoch - 1)

        assert refused.value.extras == {"epoch": held.epoch}
        assert said(held) == []

    def test_who_does_not_hold_it_is_refused(self, held: Conversation, ana: Operator) -> None:
        with pytest.raises(errors.NotYours) as refused:
            says_back(held, make_operator("bia"))

        assert refused.value.extras["operator"] == ana
        assert said(held) == []

    def test_is_refused_while_the_bot_speaks(self, ana: Operator) -> None:
        conversation = make_with_bot()

        with pytest.raises(errors.WithBot):
            says_back(conversation, ana)

    def test_is_refused_while_it_waits(self, ana: Operator) -> None:
        conversation = make_waiting()

        with pytest.raises(errors.NotHuman):
            says_back(conversation, ana)

    def test_is_refused_once_released(self, ana: Operator, held: Conversation) -> None:
        handoffs.release(
            held,
            cause=Cause(kind="operator", door="panel"),
            operator=ana,
            epoch=held.epoch,
            seen=held.seq,
            release=Release(outcome="solved"),
            now=clock.now(),
        )

        with pytest.raises(errors.WithBot):
            says_back(held, ana)


@pytest.mark.django_db
class TestABot:
    def test_speaks_in_its_own_epoch(self) -> None:
        conversation = make_with_bot()

        (message,) = bot_says(conversation)

        assert (message.author, message.epoch) == (Author.BOT, 0)
        assert Delivery.objects.get(message=message).fenced

    @pytest.mark.forges_rows("a later epoch, whatever began it")
    def test_of_an_older_epoch_is_refused(self) -> None:
        conversation = make_with_bot()
        Conversation.objects.update(epoch=4)

        with pytest.raises(errors.StaleEpoch) as refused:
            bot_says(conversation, epoch=3)

        assert refused.value.extras == {"epoch": 4}
        assert said(conversation) == []

    def test_is_refused_while_somebody_is_asked_for(self) -> None:
        conversation = make_waiting()

        with pytest.raises(errors.StaleEpoch):
            bot_says(conversation)

    def test_is_refused_while_a_person_serves(self, held: Conversation) -> None:
        with pytest.raises(errors.StaleEpoch):
            bot_says(held)


class TestAnIntegration:
    def test_speaks_for_whoever_serves(self, held: Conversation) -> None:
        (message,) = replies.say(
            held, cause=API, author=Author.OPERATOR, body="Oi!", now=clock.now(), epoch=held.epoch
        )

        assert message.operator is None
        assert fresh(held).last_preview == "Oi!"


class TestTheWindow:
    def test_closes_24_hours_after_the_customers_last_message(self, ana: Operator) -> None:
        now = clock.now()
        held = make_held(ana, now=now)

        says_back(held, ana, now=now + timedelta(hours=23, minutes=59))
        with pytest.raises(errors.WindowClosed):
            says_back(held, ana, "tarde demais", now=now + timedelta(hours=24))

        assert said(held) == ["Oi, João!"]

    def test_opens_again_with_a_new_one(self, ana: Operator) -> None:
        now = clock.now()
        held = make_held(ana, now=now - timedelta(hours=30))
        says("voltei", now=now)

        assert says_back(held, ana, now=now)

    @pytest.mark.django_db
    def test_holds_for_the_bot_as_well(self) -> None:
        now = clock.now()
        conversation = make_with_bot(now=now - timedelta(hours=25))

        with pytest.raises(errors.WindowClosed):
            bot_says(conversation, now=now)


class TestWhoAskedForSilence:
    def test_is_written_to_no_more(self, ana: Operator, held: Conversation) -> None:
        says("parar")

        with pytest.raises(errors.OptedOut):
            says_back(fresh(held), ana)

        assert said(held) == []

    def test_is_written_to_again_after_writing(self, ana: Operator, held: Conversation) -> None:
        says("parar")
        says("mudei de ideia")

        assert says_back(fresh(held), ana)

    def test_does_not_make_a_repeated_request_fail(self, ana: Operator, held: Conversation) -> None:
        first = says_back(held, ana, client_key="k")
        says("parar")

        assert says_back(fresh(held), ana, client_key="k") == first


class TestTheText:
    @pytest.mark.parametrize("body", ["", "   ", "\n\t ", "\u00a0\u2003"])
    def test_must_say_something(self, ana: Operator, held: Conversation, body: str) -> None:
        with pytest.raises(errors.EmptyMessage):
            says_back(held, ana, body)

    def test_may_be_long_but_not_endless(self, ana: Operator, held: Conversation) -> None:
        with pytest.raises(errors.MessageTooLong) as refused:
            says_back(held, ana, "a" * 20_001)

        assert refused.value.extras == {"limit": 20_000}
        assert len(says_back(held, ana, "a" * 20_000)) == 14

    def test_keeps_line_breaks_and_what_stands_between_the_words(
        self, ana: Operator, held: Conversation
    ) -> None:
        (message,) = says_back(held, ana, "  um\r\n\r\n*dois*  três 👋🏽\n ")

        assert message.body == "um\n\n*dois*  três 👋🏽"

    @pytest.mark.parametrize(("body", "stored"), [("a\x00b", "a\u2400b"), ("a\ud800b", "a\ufffdb")])
    def test_shows_characters_that_no_database_stores(
        self, ana: Operator, held: Conversation, body: str, stored: str
    ) -> None:
        (message,) = says_back(held, ana, body)

        assert message.body == stored

    def test_of_several_parts_is_several_bubbles_in_order(self, ana: Operator, held: Conversation) -> None:
        paragraphs = ["a" * 900, "b" * 900, "c" * 900]

        parts = says_back(held, ana, "\n\n".join(paragraphs), client_key="k")

        assert [part.body for part in parts] == paragraphs
        assert [part.part for part in parts] == [0, 1, 2]
        assert [part.seq for part in parts] == [parts[0].seq, parts[0].seq + 2, parts[0].seq + 4]
        assert list(
            Delivery.objects.filter(message__in=parts).order_by("seq").values_list("body", flat=True)
        ) == (paragraphs)
        assert fresh(held).seq == parts[-1].seq + 1
        assert fresh(held).last_preview == "c" * 120

    def test_may_answer_one_of_the_customers(self, ana: Operator, held: Conversation) -> None:
        asked = bubbles(held)[0]

        (message,) = replies.say(
            held,
            cause=API,
            author=Author.OPERATOR,
            operator=ana,
            body="Isso!",
            now=clock.now(),
            epoch=held.epoch,
            reply_to=asked,
        )

        assert message.reply_to == asked


class TestTheSameKey:
    def test_with_the_same_text_is_said_once(self, ana: Operator, held: Conversation) -> None:
        first = says_back(held, ana, "a" * 2000, client_key="k")
        before = fresh(held).seq

        again = says_back(held, ana, "a" * 2000, client_key="k")

        assert again == first
        assert (fresh(held).seq, Delivery.objects.filter(message__in=first).count()) == (before, 2)

    def test_is_the_same_answer_even_after_the_conversation_moved_on(
        self, ana: Operator, held: Conversation
    ) -> None:
        first = says_back(held, ana, client_key="k")
        handoffs.release(
            held,
            cause=API,
            operator=None,
            epoch=None,
            seen=0,
            release=Release(outcome="solved"),
            now=clock.now(),
            force=True,
        )

        assert says_back(held, ana, client_key="k") == first

    @pytest.mark.parametrize("other", ["Outra coisa", "Oi, João! E mais: " + "a" * 2000])
    def test_with_another_text_is_refused(self, ana: Operator, held: Conversation, other: str) -> None:
        says_back(held, ana, client_key="k")

        with pytest.raises(errors.KeyReused):
            says_back(held, ana, other, client_key="k")

        assert said(held) == ["Oi, João!"]

    def test_means_nothing_in_another_conversation(self, ana: Operator, held: Conversation) -> None:
        other = make_held(ana, address="whatsapp:+5521999990000")
        says_back(held, ana, client_key="k")

        assert says_back(other, ana, "Outra coisa", client_key="k")

    def test_is_no_cover_for_another_conflict(
        self, ana: Operator, held: Conversation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def conflict(*_args: object, **_kwargs: object) -> None:
            raise IntegrityError("seq")

        monkeypatch.setattr(messages, "send", conflict)

        with pytest.raises(IntegrityError):
            says_back(held, ana, client_key="k")


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


_long = st.one_of(
    st.text(alphabet="a é\n👋🏽\u0301", min_size=1400, max_size=5000),
    st.lists(st.text(alphabet="abc👋", min_size=1, max_size=3000), min_size=1, max_size=6).map(" ".join),
    st.lists(st.text(alphabet="abc ", max_size=900), min_size=1, max_size=8).map("\n\n".join),
    st.integers(1, 4000).map(lambda spaces: "a" + " " * spaces + "b" * 1500),
)


class TestSplit:
    @given(body=_long.map(str.strip).filter(bool))
    @hypothesis_settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @example(body="a" * 1500)
    @example(body="a" * 1499 + "👋")
    @example(body="👋" * 5000)
    @example(body="a" + " " * 4000 + "b")
    def test_loses_nothing_but_whitespace_at_the_cuts(self, body: str) -> None:
        parts = messages.split(body)

        assert all(0 < units(part) <= messages.PART for part in parts)
        assert all(part == part.strip() for part in parts)
        pattern = r"\s*".join(re.escape(part) for part in parts)
        assert re.fullmatch(pattern, body)

    def test_leaves_alone_what_fits(self) -> None:
        assert messages.split("a" * 1500) == ["a" * 1500]
        assert messages.split("👋" * 750) == ["👋" * 750]

    def test_counts_an_emoji_twice_as_twilio_may(self) -> None:
        assert [len(part) for part in messages.split("👋" * 751)] == [750, 1]

    def test_prefers_a_paragraph_to_a_line_to_a_word(self) -> None:
        paragraph, line, word = "a" * 800, "b" * 300, "c" * 200

        assert messages.split(f"{paragraph}\n\n{line}\n{line} {word}")[0] == paragraph
        assert messages.split(f"{paragraph}\n{line}\n{line} {word}")[0] == f"{paragraph}\n{line}"
        assert messages.split(f"{paragraph} {line} {line} {word}")[0] == f"{paragraph} {line} {line}"

    def test_does_not_leave_a_tiny_first_part_behind(self) -> None:
        (first, *_rest) = messages.split("Oi!\n\n" + "palavra " * 400)

        assert units(first) > 750

    def test_cuts_a_word_that_is_longer_than_a_message(self) -> None:
        assert [len(part) for part in messages.split("a" * 4000)] == [1500, 1500, 1000]


@pytest.mark.django_db
class TestALateAnswer:
    def test_is_kept_for_the_operator_and_not_sent(self) -> None:
        conversation = make_waiting()

        with pytest.raises(errors.StaleEpoch) as late:
            bot_says(conversation, "Seu pedido sai hoje.", epoch=0)

        handoff = fresh(conversation).open_handoff
        assert handoff.suggested_reply == "Seu pedido sai hoje."
        assert late.value.extras["suggestion_id"] == handoff.public_id
        assert "Seu pedido sai hoje." not in [bubble.body for bubble in bubbles(conversation)]

    def test_does_not_replace_what_the_bot_would_have_said_first(self) -> None:
        conversation = make_waiting()
        Handoff.objects.update(suggested_reply="Sai amanhã.")

        with pytest.raises(errors.StaleEpoch) as late:
            bot_says(conversation, "Seu pedido sai hoje.", epoch=0)

        assert "suggestion_id" not in late.value.extras
        assert fresh(conversation).open_handoff.suggested_reply == "Sai amanhã."
