"""What a customer's message does: the bubble it becomes, and what follows from it in each mode."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from conversations import clock, contacts, handoffs, intake, leases, replies, retry, wakeup
from conversations.contract import Cause, Release
from conversations.models import (
    Author,
    BotEngineName,
    BotTurn,
    Conversation,
    Delivery,
    DeliveryState,
    Event,
    Handoff,
    InboundWebhook,
    Message,
    Mode,
    Queue,
    Sender,
    Status,
)
from tests.builders import (
    bubbles,
    form,
    fresh,
    make_held,
    make_operator,
    make_sender,
    make_waiting,
    make_with_bot,
    says,
    thread,
)
from tests.signed import payload

pytestmark = pytest.mark.django_db


def received(kind: str) -> Message:
    raw = intake.receive(payload(kind), sender=make_sender(), now=clock.now())
    assert raw.outcome == "applied"
    assert raw.message is not None
    return raw.message


def turns() -> int:
    return BotTurn.objects.exclude(open_for=None).count()


class TestKinds:
    @pytest.mark.parametrize(
        ("payload_name", "kind"),
        [
            ("text", "text"),
            ("text_whitespace_emoji", "text"),
            ("text_bsuid_only", "text"),
            ("image_caption", "image"),
            ("audio_voice_note", "audio"),
            ("video", "video"),
            ("document_pdf", "document"),
            ("sticker", "sticker"),
            ("contact_card", "contact"),
            ("location", "location"),
            ("button_reply", "button"),
            ("list_reply", "list"),
            ("reply_to", "text"),
            ("forwarded", "text"),
            ("ctwa_referral", "text"),
            ("whatsapp_flow", "flow"),
            ("unsupported", "unsupported"),
        ],
    )
    def test_are_told_apart(self, payload_name: str, kind: str) -> None:
        message = received(payload_name)

        assert (message.kind, message.author, message.status) == (kind, "customer", "received")
        # Asking for a person adds a notice after it.
        assert Conversation.objects.get().last_kind in (kind, "text")

    def test_of_media_keep_where_the_file_is(self) -> None:
        message = received("image_caption")

        attachment = message.attachments.get()
        assert attachment.source_url == payload("image_caption")["MediaUrl0"]
        assert (attachment.content_type, attachment.position) == ("image/jpeg", 0)
        assert message.body == "Veja a etiqueta"

    def test_of_a_place_keep_where_it_is(self) -> None:
        assert received("location").extras["location"] == {
            "latitude": -23.5505,
            "longitude": -46.6333,
            "label": "Catedral da Sé",
            "address": "Praça da Sé, s/n - São Paulo",
        }

    def test_of_buttons_keep_what_they_mean(self) -> None:
        message = received("button_reply")

        assert message.extras["button"] == {"text": "Falar com atendente", "payload": "handoff"}
        assert message.conversation.mode == Mode.BOT
        assert thread("whatsapp:+5511912340001").mode == Mode.QUEUED

    def test_of_lists_keep_what_was_chosen(self) -> None:
        assert received("list_reply").extras["list"] == {
            "id": "deliveries",
            "title": "Entregas",
            "description": "Onde está o meu pedido",
        }

    def test_of_forms_keep_the_answers(self) -> None:
        assert received("whatsapp_flow").extras["flow"]["screen_0_Tamanho_0"] == "1_M"

    def test_of_an_advertisement_keep_which_one(self) -> None:
        referral = received("ctwa_referral").extras["referral"]

        assert (referral["source_id"], referral["headline"]) == ("120210000000001", "Vestidos de verão")

    def test_that_were_forwarded_say_so(self) -> None:
        assert received("forwarded").extras["forwarded"] is True
        assert "forwarded" not in received("text").extras

    def test_that_nobody_knows_stay_visible(self) -> None:
        message = received("unsupported")

        assert (message.body, message.extras["type"]) == ("", "unknown")
        assert InboundWebhook.objects.get().params == payload("unsupported")

    def test_that_answer_an_earlier_one_point_at_it(self) -> None:
        conversation = make_with_bot(address="whatsapp:+5511912340001")
        earlier = bubbles(conversation)[0]
        Message.objects.filter(pk=earlier.pk).update(
            provider_sid=payload("reply_to")["OriginalRepliedMessageSid"]
        )

        assert received("reply_to").reply_to == earlier

    def test_never_point_into_another_thread(self) -> None:
        stranger = make_with_bot()
        Message.objects.filter(conversation=stranger).update(
            provider_sid=payload("reply_to")["OriginalRepliedMessageSid"]
        )

        assert received("reply_to").reply_to is None


class TestDuplicates:
    def test_are_one_message(self) -> None:
        first = says("oi", sid="SM1")
        second = says("oi", sid="SM1")

        assert (first.outcome, second.outcome, second.message) == ("applied", "duplicate", None)
        assert Message.objects.count() == 1

    def test_change_nothing_at_all(self) -> None:
        make_held(make_operator("ana"))
        says("oi", sid="SM1")
        before = Conversation.objects.values().get(), Event.objects.count()

        says("outro texto", sid="SM1")

        assert (Conversation.objects.values().get(), Event.objects.count()) == before

    def test_from_somebody_unknown_make_nobody(self) -> None:
        says("oi", sid="SM1")

        raw = says("oi", sid="SM1", address="whatsapp:+5521999990000")

        assert raw.outcome == "duplicate"
        assert Conversation.objects.count() == 1


class TestIgnored:
    def test_is_the_word_that_joins_the_sandbox(self) -> None:
        raw = says("join clever-fox")

        assert (raw.outcome, raw.reason) == ("ignored", "sandbox_join")
        assert not Conversation.objects.exists()

    def test_is_what_the_number_says_to_itself(self) -> None:
        """Answered, it would come back, and be answered again."""
        raw = says("Olá! Sou o assistente virtual.", address=make_sender().address)

        assert (raw.outcome, raw.reason) == ("ignored", "own_echo")
        assert not BotTurn.objects.exists()

    @pytest.mark.parametrize("missing", ["MessageSid", "From"])
    def test_is_what_has_no_name_or_sender(self, missing: str) -> None:
        raw = intake.receive(form("oi") | {missing: ""}, sender=make_sender(), now=clock.now())

        assert (raw.outcome, raw.reason) == ("ignored", "incomplete")


class TestTheThread:
    def test_shows_its_newest_bubble(self) -> None:
        now = clock.now()
        says("  primeira\nlinha  ", now=now)

        conversation = thread()
        assert (conversation.last_preview, conversation.last_author) == ("primeira linha", "customer")
        assert conversation.last_message_at == now

    def test_opens_the_window_for_24_hours(self) -> None:
        now = clock.now()
        says("oi", now=now)

        conversation = thread()
        assert (conversation.last_inbound_at, conversation.window_expires_at) == (
            now,
            now + timedelta(hours=24),
        )

    def test_counts_what_nobody_has_read_while_a_person_is_due(self) -> None:
        conversation = make_waiting()
        says("alô?")
        says("tem alguém?")

        assert fresh(conversation).unread == 2

    def test_counts_nothing_while_the_bot_speaks(self) -> None:
        says("oi")
        says("tudo bem?")

        assert thread().unread == 0

    def test_numbers_the_bubble_and_its_event(self) -> None:
        says("oi")
        says("tudo bem?")

        events = Event.objects.order_by("seq").values_list("seq", "kind", "data__message_seq")
        assert [bubble.seq for bubble in bubbles(thread())] == [1, 3]
        assert list(events) == [(2, "message.received", 1), (4, "message.received", 3)]
        assert (thread().seq, thread().last_inbound_seq) == (4, 3)

    def test_has_events_without_a_word_of_it(self) -> None:
        says("segredo")

        assert "segredo" not in str(list(Event.objects.values()))
        assert "5511" not in str(list(Event.objects.values()))


class TestTheSession:
    @pytest.mark.parametrize(
        ("pause", "session"), [(timedelta(hours=11, minutes=59), 1), (timedelta(hours=12, minutes=1), 2)]
    )
    def test_ends_after_twelve_hours_of_silence(self, pause: timedelta, session: int) -> None:
        now = clock.now()
        says("oi", now=now - pause)
        says("oi", now=now)

        assert thread().bot_session == session

    def test_does_not_end_while_a_person_serves(self) -> None:
        now = clock.now()
        make_held(make_operator("ana"), now=now - timedelta(hours=13))
        says("oi", now=now)

        assert thread().bot_session == 1

    def test_ends_when_the_conversation_is_closed(self) -> None:
        conversation = make_held(make_operator("ana"))
        Conversation.objects.update(bot_state={"greeted": True, "session": 1})
        _release(conversation, "close")
        says("oi")

        assert (thread().bot_session, thread().bot_state) == (2, {})


class TestTheHandoffWord:
    def test_puts_the_customer_into_the_queue_with_what_they_wanted(self) -> None:
        says("meu pedido não chegou")
        says("o número é 123")
        says("quero falar com um atendente")

        handoff = Handoff.objects.get()
        conversation = thread()
        assert (conversation.mode, conversation.queue) == (Mode.QUEUED, Queue.objects.get())
        assert (handoff.reason, handoff.requested_by_kind) == ("customer_asked", "customer")
        assert handoff.summary == "meu pedido não chegou · o número é 123"
        assert turns() == 0

    def test_works_as_the_very_first_word(self) -> None:
        says("atendente")

        assert thread().mode == Mode.QUEUED
        assert [bubble.author for bubble in bubbles(thread())] == ["customer", "system"]

    def test_is_told_of_this_need_and_not_of_an_older_one(self) -> None:
        now = clock.now()
        says("quero um vestido", now=now - timedelta(days=3))
        says("atendente", now=now)

        assert Handoff.objects.get().summary == ""

    def test_is_told_nothing_that_was_settled_before(self) -> None:
        says("quero trocar o endereço")
        conversation = make_held(make_operator("ana"))
        _release(conversation)
        says("atendente")

        assert Handoff.objects.latest("number").summary == ""

    def test_asks_once(self) -> None:
        for word in ("atendente", "quero falar com alguém", "atendente!"):
            says(word)

        assert Handoff.objects.count() == 1
        assert thread().epoch == 1
        assert [bubble.author for bubble in bubbles(thread())].count("system") == 1

    def test_changes_nothing_while_a_person_serves(self) -> None:
        conversation = make_held(make_operator("ana"))
        before = len(bubbles(conversation))

        says("atendente")

        assert fresh(conversation).epoch == conversation.epoch
        assert Handoff.objects.count() == 1
        assert len(bubbles(conversation)) == before + 1

    def test_opens_a_second_one_after_the_first_has_ended(self) -> None:
        _release(make_held(make_operator("ana")))

        says("atendente")

        assert [handoff.number for handoff in Handoff.objects.order_by("number")] == [1, 2]

    def test_does_not_need_the_worker(self) -> None:
        says("oi")

        says("atendente")

        assert thread().mode == Mode.QUEUED
        assert Delivery.objects.get().state == DeliveryState.QUEUED

    def test_silences_what_the_bot_was_about_to_say(self) -> None:
        conversation = make_with_bot()
        (line,) = replies.say(
            conversation,
            cause=Cause(kind="bot", door="worker"),
            author=Author.BOT,
            body="Olá!",
            now=clock.now(),
            epoch=0,
        )

        says("atendente")

        line.refresh_from_db()
        assert line.status == Status.CANCELLED


class TestWhileWaiting:
    @pytest.mark.parametrize("text", ["alô?", "qual a minha posição?", "1", "quero cancelar meu pedido"])
    def test_nothing_answers(self, text: str) -> None:
        conversation = make_waiting()
        before = len(bubbles(conversation))

        says(text)

        assert len(bubbles(conversation)) == before + 1
        assert (turns(), fresh(conversation).mode) == (0, Mode.QUEUED)

    @pytest.mark.parametrize("text", ["voltar", "Menu", "*cancelar*", "menu por favor"])
    def test_the_whole_message_can_take_it_back(self, text: str) -> None:
        conversation = make_waiting()

        says(text)

        assert (fresh(conversation).mode, Handoff.objects.get().outcome) == (Mode.BOT, "cancelled")
        assert turns() == 0

    def test_the_word_goes_to_the_bot_otherwise(self) -> None:
        says("menu")

        assert (thread().mode, turns()) == (Mode.BOT, 1)

    def test_the_word_means_nothing_to_a_person(self) -> None:
        conversation = make_held(make_operator("ana"))

        says("voltar")

        assert fresh(conversation).mode == Mode.HUMAN


class TestSilence:
    @pytest.mark.parametrize("word", ["parar", "STOP", "baja"])
    def test_is_kept_at_once(self, word: str) -> None:
        says("oi")

        says(word)

        assert thread().contact.opted_out_at is not None
        assert [bubble.author for bubble in bubbles(thread())] == ["customer", "customer"]
        assert turns() == 0

    def test_holds_back_what_the_bot_had_not_sent_yet(self) -> None:
        conversation = make_with_bot()
        replies.say(
            conversation,
            cause=Cause(kind="bot", door="worker"),
            author=Author.BOT,
            body="Olá!",
            now=clock.now(),
            epoch=0,
        )

        says("parar")

        assert Delivery.objects.get().state == DeliveryState.CANCELLED

    def test_ends_the_wait_for_a_person_without_a_word(self) -> None:
        make_waiting()
        before = len(bubbles(thread()))

        says("parar")

        assert thread().mode == Mode.BOT
        assert len(bubbles(thread())) == before + 1

    def test_ends_without_a_word_when_asked(self) -> None:
        says("parar")

        says("voltar a receber")

        assert thread().contact.opted_out_at is None
        assert (len(bubbles(thread())), turns()) == (2, 0)

    def test_ends_when_the_customer_writes_again(self) -> None:
        says("parar")

        says("oi")

        assert (thread().contact.opted_out_at, turns()) == (None, 1)

    def test_ends_for_whoever_asks_for_a_person(self) -> None:
        says("parar")

        says("atendente")

        assert thread().contact.opted_out_at is None
        assert bubbles(thread())[-1].author == Author.SYSTEM

    def test_is_not_what_a_newcomer_means_with_start(self) -> None:
        says("START")

        assert turns() == 1


class TestWithoutABot:
    @pytest.fixture(autouse=True)
    def _none(self) -> None:
        make_sender()
        Sender.objects.update(bot_engine=BotEngineName.NONE)

    def test_every_message_waits_for_a_person(self) -> None:
        says("oi")

        assert (thread().mode, Handoff.objects.get().reason, turns()) == (Mode.QUEUED, "rule", 0)

    def test_the_next_one_after_a_release_as_well(self) -> None:
        _release(make_held(make_operator("ana")))

        says("oi de novo")

        assert (thread().mode, Handoff.objects.count()) == (Mode.QUEUED, 2)


class TestLate:
    """A webhook that could not be applied when it came, and is tried again by the worker."""

    @pytest.fixture
    def failed(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., InboundWebhook]:
        def fail(body: str, *, now: datetime, **params: Any) -> InboundWebhook:
            with monkeypatch.context() as broken:
                broken.setattr(contacts, "resolve", lambda *_args, **_kwargs: 1 / 0)
                raw = says(body, now=now, **params)
            assert raw.outcome == "failed"
            return raw

        return fail

    def again(self, raw: InboundWebhook, now: datetime) -> None:
        raw = InboundWebhook.objects.select_related("sender").get(pk=raw.pk)
        assert leases.claim(raw)
        retry.again(raw, now)
        assert InboundWebhook.objects.get(pk=raw.pk).outcome == "applied"

    def test_keeps_the_time_it_came(self, failed: Callable[..., InboundWebhook]) -> None:
        now = clock.now()
        came = now - timedelta(hours=2)
        raw = failed("oi", now=came)

        self.again(raw, now)

        message = Message.objects.get()
        assert (message.occurred_at, message.late) == (came, True)
        assert thread().window_expires_at == came + timedelta(hours=24)
        assert turns() == 1

    def test_does_not_turn_back_what_is_newer(self, failed: Callable[..., InboundWebhook]) -> None:
        now = clock.now()
        raw = failed("primeira", now=now - timedelta(hours=2))
        says("segunda", now=now - timedelta(hours=1))
        BotTurn.objects.all().delete()

        self.again(raw, now)

        conversation = thread()
        assert conversation.last_inbound_at == now - timedelta(hours=1)
        assert conversation.last_preview == "segunda"
        assert [bubble.body for bubble in bubbles(conversation)] == ["segunda", "primeira"]
        assert turns() == 0

    def test_tells_a_newcomer_that_a_person_is_called(self, failed: Callable[..., InboundWebhook]) -> None:
        now = clock.now()
        raw = failed("atendente", now=now - timedelta(hours=2))

        self.again(raw, now)

        assert thread().mode == Mode.QUEUED
        assert bubbles(thread())[-1].author == Author.SYSTEM

    @pytest.mark.parametrize("newer", ["customer", "bot"])
    def test_still_calls_a_person(self, failed: Callable[..., InboundWebhook], newer: str) -> None:
        now = clock.now()
        conversation = make_with_bot(now=now - timedelta(hours=3))
        raw = failed("atendente", now=now - timedelta(hours=2))
        if newer == "customer":
            says("alô?", now=now - timedelta(hours=1))
        else:
            _bot_says(conversation, now=now - timedelta(hours=1))

        self.again(raw, now)

        assert fresh(conversation).mode == Mode.QUEUED

    def test_does_not_call_again_whoever_has_been(self, failed: Callable[..., InboundWebhook]) -> None:
        now = clock.now()
        raw = failed("atendente", now=now - timedelta(hours=2))
        conversation = make_held(make_operator("ana"), now=now - timedelta(hours=1))
        _release(conversation)

        self.again(raw, now)

        assert (fresh(conversation).mode, Handoff.objects.count()) == (Mode.BOT, 1)

    def test_still_keeps_silence(self, failed: Callable[..., InboundWebhook]) -> None:
        now = clock.now()
        conversation = make_with_bot(now=now - timedelta(hours=3))
        raw = failed("parar", now=now - timedelta(hours=2))
        _bot_says(conversation, now=now - timedelta(hours=1))

        self.again(raw, now)

        assert thread().contact.opted_out_at is not None

    def test_does_not_silence_whoever_wrote_since(self, failed: Callable[..., InboundWebhook]) -> None:
        now = clock.now()
        make_with_bot(now=now - timedelta(hours=3))
        raw = failed("parar", now=now - timedelta(hours=2))
        says("oi", now=now - timedelta(hours=1))

        self.again(raw, now)

        assert thread().contact.opted_out_at is None

    def test_is_not_answered_when_the_bot_said_something_since(
        self, failed: Callable[..., InboundWebhook]
    ) -> None:
        now = clock.now()
        conversation = make_with_bot(now=now - timedelta(hours=3))
        raw = failed("oi?", now=now - timedelta(hours=2))
        _bot_says(conversation, now=now - timedelta(hours=1))
        BotTurn.objects.all().delete()

        self.again(raw, now)

        assert turns() == 0


class TestTheWorker:
    def test_is_woken_once_the_message_is_committed(
        self, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_sender()
        rung: list[bool] = []
        monkeypatch.setattr(wakeup, "ring", lambda: rung.append(True))

        with django_capture_on_commit_callbacks() as callbacks:
            says("oi")
            assert rung == []
        for callback in callbacks:
            callback()

        assert rung


def _release(conversation: Conversation, resume: str = "wait") -> None:
    handoffs.release(
        conversation,
        cause=Cause(kind="operator", door="panel"),
        operator=None,
        epoch=None,
        seen=conversation.seq,
        release=Release(outcome="solved", resume=resume),
        now=clock.now(),
    )


def _bot_says(conversation: Conversation, *, now: datetime) -> None:
    replies.say(
        conversation,
        cause=Cause(kind="bot", door="worker"),
        author=Author.BOT,
        body="Olá!",
        now=now,
        epoch=conversation.epoch,
    )
