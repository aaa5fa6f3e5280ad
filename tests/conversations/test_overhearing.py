"""A bot that asks for it is told what operators say: over real HTTP, signed, in order, until it has taken it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from conversations import clock, outward, overhearing, replies
from conversations.bots import wire
from conversations.contract import Release
from conversations.models import Author, Conversation, Message, Overheard, Sender
from operators import desk
from operators.models import Operator
from tests import builders
from tests.conversations.botserver import Bot, Said, serving

pytestmark = pytest.mark.django_db
SECRET = "a secret of the bot's own"
OTHER = "whatsapp:+5511900000002"


@pytest.fixture
def bot(settings: Any) -> Iterator[Bot]:
    settings.INTERNAL_HOSTS = frozenset({"127.0.0.1"})
    sender = builders.make_sender()
    sender.bot_engine, sender.bot_secret, sender.bot_hears_operators = "webhook", SECRET, True
    with serving() as running:
        sender.bot_url = running.url
        sender.save()
        yield running


def says(conversation: Conversation, ana: Operator, *lines: str) -> list[Message]:
    now = clock.now()
    return [
        message
        for line in lines
        for message in desk.reply(
            builders.fresh(conversation),
            operator=ana,
            door="panel",
            body=line,
            epoch=conversation.epoch,
            client_key=None,
            now=now,
        )
    ]


def look(after: float = 0) -> int:
    told, now = 0, clock.now() + timedelta(seconds=after)
    while count := builders.time_passes("overheard", now):
        told += count
    return told


def heard(bot: Bot) -> list[str]:
    return [one["message"]["text"] for one in bot.asked]


class TestALine:
    def test_is_told_as_a_question_is_asked(self, bot: Bot, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        [said] = says(conversation, ana, "Já vejo, João.")
        turn_id = str(Overheard.objects.get().public_id)

        assert look() == 1

        [told] = bot.asked
        assert (told["kind"], told["turn_id"], told["epoch"]) == ("operator_message", turn_id, said.epoch)
        assert told["message"]["author"] == "operator"
        assert told["message"]["text"] == "Já vejo, João."
        assert told["conversation"]["id"] == str(conversation.public_id)
        assert (told["history"], told["release"]) == ([], None)
        headers, body = bot.raw[0]
        moment = headers[wire.SIGNATURE].partition(",")[0].removeprefix("t=")
        at = clock.now().fromtimestamp(int(moment), tz=clock.now().tzinfo)
        assert headers[wire.SIGNATURE] == wire.signature(SECRET, body, at=at)
        assert not Overheard.objects.exists()

    def test_is_told_once(self, bot: Bot, ana: Operator) -> None:
        says(builders.make_held(ana), ana, "Já vejo.")

        assert (look(), look(3600)) == (1, 0)

    def test_keeps_its_place_behind_those_before_it_while_other_conversations_flow(
        self, bot: Bot, ana: Operator
    ) -> None:
        bot.says = [Said(status=503), Said()]
        says(builders.make_held(ana), ana, "um", "dois")
        says(builders.make_held(ana, address=OTHER), ana, "outra")

        look()
        assert heard(bot) == ["um", "outra"]

        look(60)
        assert heard(bot)[2:] == ["um", "dois"]
        assert bot.asked[0]["turn_id"] == bot.asked[2]["turn_id"]

    def test_is_told_again_by_whoever_takes_it_from_one_who_died(
        self, bot: Bot, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        says(builders.make_held(ana), ana, "um")
        with monkeypatch.context() as patched:
            patched.setattr(overhearing, "_settle", lambda *_args: None)
            assert builders.time_passes("overheard", clock.now()) == 1
        frozen = Overheard.objects.get()
        Overheard.objects.update(leased_until=None, lease_number=frozen.lease_number + 1)

        overhearing._settle(frozen, outward.Answer(200), clock.now())
        assert Overheard.objects.count() == 1

        assert look(60) == 1
        assert heard(bot) == ["um", "um"]

    def test_is_given_up_after_a_day_and_the_next_is_told(
        self, bot: Bot, ana: Operator, caplog: pytest.LogCaptureFixture
    ) -> None:
        bot.says = [Said(status=500), Said()]
        first, _second = says(builders.make_held(ana), ana, "meu CPF", "dois")
        Message.objects.filter(pk=first.pk).update(created_at=clock.now() - overhearing.GIVE_UP)

        with caplog.at_level(logging.DEBUG):
            look()

        assert heard(bot) == ["meu CPF", "dois"]
        assert not Overheard.objects.exists()
        assert "CPF" not in caplog.text
        assert SECRET not in caplog.text

    def test_says_nothing_whatever_the_bot_answers(self, bot: Bot, ana: Operator) -> None:
        bot.says = [Said({"messages": ["Eu também!"], "handoff": {"reason": "x"}, "attributes": {"a": 1}})]
        conversation = builders.make_held(ana)
        says(conversation, ana, "um")
        before = builders.bubbles(conversation)

        look()

        assert builders.bubbles(conversation) == before
        assert builders.fresh(conversation).contact.attributes == {}

    def test_does_not_wake_a_bot_that_rests(self, bot: Bot, ana: Operator) -> None:
        says(builders.make_held(ana), ana, "um")
        Sender.objects.update(bot_rests_until=clock.now() + timedelta(minutes=1))

        assert look() == 0
        assert look(61) == 1


class TestNobodyElse:
    @pytest.mark.parametrize("changes", [{"bot_hears_operators": False}, {"bot_engine": "rules"}])
    def test_writes_anything_down(self, bot: Bot, ana: Operator, changes: dict[str, Any]) -> None:
        Sender.objects.update(**changes)
        says(builders.make_held(ana), ana, "um")

        assert not Overheard.objects.exists()

    def test_is_told_what_was_written_down_before_it_was_switched_off(self, bot: Bot, ana: Operator) -> None:
        says(builders.make_held(ana), ana, "um")
        Sender.objects.update(bot_hears_operators=False)

        look()

        assert bot.asked == []
        assert not Overheard.objects.exists()

    def test_s_lines_are_told(self, bot: Bot, ana: Operator) -> None:
        """Neither the customer's while a person serves, nor the product's, nor the bot's own."""
        conversation = builders.make_held(ana)
        builders.says("e a cor?")
        desk.release(
            builders.fresh(conversation),
            operator=ana,
            by=desk.cause(ana, "panel"),
            release=Release(outcome="solved"),
            epoch=conversation.epoch,
            seen=builders.fresh(conversation).seq,
            now=clock.now(),
        )
        replies.say(
            builders.fresh(conversation),
            cause=builders.CUSTOMER,
            author=Author.BOT,
            body="Oi!",
            now=clock.now(),
            epoch=builders.fresh(conversation).epoch,
        )

        assert not Overheard.objects.exists()
