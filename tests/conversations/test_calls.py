"""A bot over real HTTP: one answer to one question, and a person whenever there is none."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from conversations import breaker, calls, clock, leases, prompting, work
from conversations.bots import wire
from conversations.contract import Release
from conversations.models import Author, BotTurn, Conversation, Handoff, Mode, Sender
from operators import desk
from tests import builders
from tests.conversations.botserver import Bot, Said, serving

pytestmark = pytest.mark.django_db
SECRET = "a secret of the bot's own"
SLOW = Said(after=2)
HELLO = Said({"messages": ["Olá!", {"body": "Qual é o pedido?"}], "attributes": {"pedido": "A-1"}})


@pytest.fixture
def bot(settings: Any) -> Iterator[Bot]:
    settings.INTERNAL_HOSTS = frozenset({"127.0.0.1"})
    sender = builders.make_sender()
    sender.bot_engine, sender.bot_secret = "webhook", SECRET
    with serving() as running:
        sender.bot_url = running.url
        sender.save()
        yield running


def asks(text: str = "onde está meu pedido?", **params: Any) -> Conversation:
    builders.says(text, **params)
    return builders.thread()


def turn_comes(after: float = 5) -> int:
    return builders.time_passes("call", clock.now() + timedelta(seconds=after))


def spoken() -> list[str]:
    return [one.body for one in builders.bubbles(builders.thread()) if one.author == Author.BOT]


def handed_over() -> str:
    handoff = Handoff.objects.filter(open_for=builders.thread()).first()
    return handoff.reason if handoff else ""


class TestAQuestion:
    def test_is_answered_once_and_the_turn_is_over(self, bot: Bot) -> None:
        bot.says = [HELLO]
        asks()

        assert turn_comes() == 1

        assert spoken() == ["Olá!", "Qual é o pedido?"]
        assert builders.thread().contact.attributes == {"pedido": "A-1"}
        assert not BotTurn.objects.exclude(open_for=None).exists()
        assert turn_comes(60) == 0
        assert len(bot.asked) == 1

    def test_says_all_that_a_bot_may_know(self, bot: Bot) -> None:
        conversation = asks()
        turn_comes()

        [asked] = bot.asked
        assert asked["version"] == 1
        assert asked["kind"] == "message"
        assert asked["epoch"] == conversation.epoch
        assert asked["conversation"] == {
            "id": str(conversation.public_id),
            "session": conversation.bot_session,
            "language": "pt-br",
            "contact_name": "João Silva",
        }
        assert asked["message"]["text"] == "onde está meu pedido?"
        assert asked["message"]["author"] == "customer"
        assert [line["text"] for line in asked["history"]] == ["onde está meu pedido?"]
        assert asked["release"] is None

    def test_is_signed_over_the_time_and_the_bytes(self, bot: Bot) -> None:
        asks("ação 🙂")
        turn_comes()

        [(headers, body)] = bot.raw
        moment, _comma, found = headers[wire.SIGNATURE].partition(",")
        signed = moment.removeprefix("t=").encode() + b"." + body
        assert found == "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        assert abs(int(moment.removeprefix("t=")) - clock.now().timestamp()) < wire.WINDOW_SECONDS
        assert "ação 🙂".encode() in body

    def test_holds_no_connection_or_row_while_the_bot_thinks(self, bot: Bot) -> None:
        """A newer message moves the question on: the answer to the older one is dropped, and the newer is asked."""
        bot.says = [HELLO]
        asks("primeira")
        [row] = BotTurn.objects.all()
        assert leases.claim(row)
        question = calls._question(row, clock.now())
        assert question is not None

        asks("segunda")
        calls._answered(row, question, wire.answer(b'{"messages": ["velha"]}', state={}))
        assert spoken() == []

        turn_comes()
        assert spoken() == ["Olá!", "Qual é o pedido?"]
        assert bot.asked[0]["turn_id"] != question.turn.turn_id

    def test_that_finds_a_person_there_leaves_a_suggestion(self, bot: Bot) -> None:
        bot.says = [HELLO]
        conversation = asks()
        [row] = BotTurn.objects.all()
        assert leases.claim(row)
        question = calls._question(row, clock.now())
        assert question is not None
        builders.says("quero falar com um atendente")

        calls._answered(row, question, wire.answer(b'{"messages": ["tarde"]}', state={}))

        assert builders.fresh(conversation).mode == Mode.QUEUED
        assert "tarde" not in spoken()


class TestWhatTheBotMaySay:
    @pytest.mark.parametrize(
        "said", [Said(b"", status=204), Said(b"{}"), Said({"messages": [], "mine": 1})], ids=str
    )
    def test_nothing(self, bot: Bot, said: Said) -> None:
        bot.says = [said]
        asks()
        turn_comes()

        assert (spoken(), handed_over()) == ([], "")
        assert not BotTurn.objects.exclude(open_for=None).exists()

    def test_last_words_and_then_a_person(self, bot: Bot) -> None:
        handoff = {
            "reason": "sem_estoque",
            "summary": "Quer trocar",
            "slots": {"pedido": "A-1"},
            "priority": 2,
        }
        bot.says = [Said({"messages": ["Vou chamar alguém."], "handoff": handoff, "mine": "ignored"})]
        asks()
        turn_comes()

        assert spoken()[0] == "Vou chamar alguém."
        open_one = Handoff.objects.get(open_for=builders.thread())
        assert (open_one.reason, open_one.summary, open_one.slots) == (
            "sem_estoque",
            "Quer trocar",
            {"pedido": "A-1"},
        )
        assert builders.thread().priority == 2

    def test_and_hears_what_people_settled(self, bot: Bot) -> None:
        bot.says = [Said({"handoff": {"reason": "bot_asked"}})]
        asks()
        turn_comes()
        ana = builders.make_operator("ana")
        waiting = builders.thread()
        desk.claim(waiting, operator=ana, door="panel", now=clock.now())
        held = builders.fresh(waiting)
        desk.release(
            held,
            operator=ana,
            by=desk.cause(ana, "panel"),
            epoch=held.epoch,
            seen=held.seq,
            release=Release(outcome="solved", summary="Trocado", facts={"pedido": "A-1"}, resume="bot_now"),
            now=clock.now(),
        )
        bot.says = [Said({"messages": ["Voltei!"]})]

        turn_comes()

        told = bot.asked[-1]
        assert told["kind"] == "released"
        assert told["release"]["outcome"] == "solved"
        assert told["release"]["summary"] == "Trocado"
        assert told["release"]["facts"] == {"pedido": "A-1"}
        assert told["release"]["resume"] == "bot_now"
        assert told["release"]["human_started_at"].endswith("Z")
        assert spoken()[-1] == "Voltei!"


RUBBISH = {
    "no_json": b"<html>",
    "error": b'{"error": "internal"}',
    "n8n": b'{"message": "Workflow was started"}',
    "misnamed": b'{"reply": "Seu pedido saiu."}',
    "list": b"[]",
    "nan": b'{"attributes": {"x": NaN}}',
    "twice": b'{"messages": [], "messages": ["a"]}',
    "surrogate": b'{"messages": ["\\ud800"]}',
    "nul": b'{"messages": ["a\\u0000b"]}',
    "bytes": b"\xff\xfe",
    "deep": b'{"attributes": ' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}",
    "six": b'{"messages": ["1","2","3","4","5","6"]}',
    "number": b'{"messages": [1]}',
    "empty_text": b'{"messages": [""]}',
    "blank_text": b'{"messages": ["   "]}',
    "too_long": b'{"messages": ["' + b"x" * 20_000 + b'"]}',
    "no_reason": b'{"handoff": {"summary": "x"}}',
    "priority": b'{"handoff": {"reason": "x", "priority": 9}}',
    "padded": b"{}" + b" " * 70_000,
    "ten_megabytes": b'{"messages": ["' + b"x" * 10_000_000 + b'"]}',
}


class TestABotThatFails:
    @pytest.mark.parametrize("body", RUBBISH.values(), ids=RUBBISH)
    def test_by_rubbish_hands_over_at_once(self, bot: Bot, body: bytes, caplog: Any) -> None:
        caplog.set_level(logging.WARNING)
        bot.says = [Said(body)]
        asks()
        turn_comes()

        assert handed_over() == "bot_failure"
        assert len(bot.asked) == 1
        assert "onde está" not in caplog.text
        assert SECRET not in caplog.text

    @pytest.mark.parametrize("said", [Said(status=503), Said(status=0), Said(status=429), SLOW], ids=str)
    def test_for_a_moment_is_asked_again_under_the_same_id(
        self, bot: Bot, said: Said, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if said is SLOW:
            monkeypatch.setattr(calls, "SECONDS", SLOW.after / 2)
        bot.says = [said, said, HELLO]
        asks()
        for _attempt in range(3):
            turn_comes(30)

        assert spoken() == ["Olá!", "Qual é o pedido?"]
        assert len({asked["turn_id"] for asked in bot.asked}) == 1
        assert len(bot.asked) == 3
        assert Sender.objects.get().bot_failures == 0

    def test_three_times_hands_over(self, bot: Bot) -> None:
        bot.says = [Said(status=500)]
        asks()
        for _attempt in range(5):
            turn_comes(30)

        assert handed_over() == "bot_failure"
        assert len(bot.asked) == calls.ATTEMPTS

    @pytest.mark.parametrize("status", [301, 400, 401, 404])
    def test_for_good_is_not_asked_again(self, bot: Bot, status: int) -> None:
        bot.says = [Said(status=status, headers={"Location": bot.url})]
        asks()
        turn_comes()

        assert handed_over() == "bot_failure"
        assert len(bot.asked) == 1

    def test_never_keeps_a_customer_longer_than_is_said(self) -> None:
        pauses = (calls.ATTEMPTS - 1) * calls.LONGEST_PAUSE
        assert calls.ATTEMPTS * 10.0 + pauses <= 35
        assert calls.LEASE.total_seconds() > 10.0
        assert calls.ATTEMPTS * prompting.LONGEST_SECONDS + pauses <= 95


class TestABotThatIsAway:
    def test_is_left_alone_and_tried_again_by_one(self, bot: Bot) -> None:
        bot.says = [Said(b"rubbish")]
        for number in range(breaker.PATIENCE):
            builders.says("oi", address=f"whatsapp:+551190000000{number}")
            turn_comes()
        assert len(bot.asked) == breaker.PATIENCE

        asks()
        turn_comes()
        assert len(bot.asked) == breaker.PATIENCE
        assert handed_over() == "bot_failure"

        Sender.objects.update(bot_rests_until=clock.now() - timedelta(seconds=1))
        bot.says = [HELLO]
        sender = Sender.objects.get()
        assert [breaker.lets(sender, clock.now()) for _two in range(2)] == [True, False]
        Sender.objects.update(bot_rests_until=clock.now() - timedelta(seconds=1))
        builders.says("voltou?", address="whatsapp:+5511900000009")
        turn_comes()
        assert len(bot.asked) == breaker.PATIENCE + 1
        assert Sender.objects.get().bot_rests_until is None
        assert Sender.objects.get().bot_failures == 0

    def test_gives_up_those_it_keeps_waiting_as_well(self, bot: Bot) -> None:
        bot.says = [Said(status=503)]
        asks()
        turn_comes()
        Sender.objects.update(bot_rests_until=clock.now() + timedelta(minutes=1))

        turn_comes()

        assert handed_over() == "bot_failure"
        assert len(bot.asked) == 1


class TestACustomerWhoWritesOn:
    """Each message moves the question on, and its attempts begin anew."""

    def test_has_a_person_within_the_time_that_is_said(self, bot: Bot) -> None:
        bot.says = [Said(status=503)]

        for after in range(5, 100, 5):
            asks("alô?")
            turn_comes(after)
            if handed_over():
                break

        assert handed_over() == "bot_failure"
        assert after - 5 <= 35

    def test_is_not_kept_by_the_last_question_either(self, bot: Bot) -> None:
        now = clock.now()
        row = BotTurn(failing_since=now - timedelta(seconds=31))

        assert calls._seconds(row, Sender.objects.get(), now) == 4

    def test_waits_for_a_bot_that_is_only_slower_than_they_are(self, bot: Bot) -> None:
        asks("oi")
        [row] = BotTurn.objects.all()
        row.failing_since = clock.now() - timedelta(seconds=30)
        row.save()
        assert leases.claim(row)
        question = calls._question(row, clock.now())
        assert question is not None
        asks("alô?")

        calls._answered(row, question, wire.answer(b'{"messages": ["oi!"]}', state={}))

        assert BotTurn.objects.get().failing_since is None


class TestABotThatHangs:
    @pytest.fixture
    def others(self, bot: Bot, monkeypatch: pytest.MonkeyPatch) -> Conversation:
        """A customer of another number, after five of this one."""
        monkeypatch.setattr(calls, "EACH", 2)
        for number in range(5):
            builders.says("oi", address=f"whatsapp:+551190000000{number}")
        asks()
        sender = Sender.objects.get()
        sender.pk, sender.public_id, sender.address = None, uuid4(), "whatsapp:+551150280009"
        sender.save()
        conversation = builders.thread()
        Conversation.objects.filter(pk=conversation.pk).update(sender=sender)
        return conversation

    def begun(self) -> list[BotTurn]:
        taken, _next = work.claim_due(work.handlers["call"], clock.now() + timedelta(seconds=5), limit=50)
        return taken

    def test_keeps_no_places_from_those_of_others(self, others: Conversation) -> None:
        begun = self.begun()

        assert len(begun) == 3
        assert begun[-1].conversation == others
        assert self.begun() == []

    def test_is_asked_again_before_it_is_asked_by_more(self, others: Conversation) -> None:
        first = {row.pk for row in self.begun()}
        BotTurn.objects.filter(pk__in=first).update(leased_until=None)

        assert {row.pk for row in self.begun()} == first

    def test_lets_all_go_once_it_rests(self, others: Conversation) -> None:
        self.begun()
        Sender.objects.update(bot_rests_until=clock.now())

        assert len(self.begun()) == 3
