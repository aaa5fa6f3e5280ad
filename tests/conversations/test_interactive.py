"""Buttons and lists inside the window: one content per shape, and whatever is said fills it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conversations import choices, clock, errors, interactive
from conversations.contract import Cause
from conversations.models import Author, Conversation, Delivery, Message, Template
from handoffflow.simulator.standin import StandIn
from operators import desk
from operators.models import Operator
from tests.builders import fresh, make_held, make_operator, make_with_bot, says, time_passes
from tests.conversations.outbox import reload, twilio
from tests.templates import close_window

__all__ = ["twilio"]
pytestmark = pytest.mark.django_db
YES_NO = choices.buttons(["Sim", "Não"])
LIST = choices.menu("Ver horários", [("Manhã", "das 8h às 12h"), ("Tarde", "")])


@pytest.fixture
def held(ana: Operator) -> Conversation:
    return make_held(ana)


def offer(conversation: Conversation, operator: Operator, body: str = "Pode ser?", **changes: Any) -> Message:
    current = fresh(conversation)
    given: dict[str, Any] = {
        "cause": desk.cause(operator, "panel"),
        "author": Author.OPERATOR,
        "operator": operator,
        "body": body,
        "offered": YES_NO,
        "now": clock.now(),
        "epoch": current.epoch,
    }
    return interactive.say(current, **given | changes)


def work_off() -> None:
    while time_passes("delivery", clock.now()):
        pass


class TestChoices:
    @pytest.mark.parametrize(
        ("titles", "wrong"),
        [
            ([], {"": "required"}),
            (["a", "b", "c", "d"], {"": "too_many"}),
            (["a", " "], {"1": "required"}),
            (["a" * 21], {"0": "too_long"}),
            (["a", "a"], {"1": "twice"}),
            (["{{1}}"], {"0": "braces"}),
        ],
    )
    def test_say_what_is_wrong_with_which(self, titles: list[str], wrong: dict[str, str]) -> None:
        with pytest.raises(errors.InvalidChoices) as refused:
            choices.buttons(titles)

        assert refused.value.extras["fields"] == wrong

    @pytest.mark.parametrize(
        ("button", "lines", "wrong"),
        [
            ("", [("a", "")], {"button": "required"}),
            ("a" * 21, [("a", "")], {"button": "too_long"}),
            ("Ver", [("a" * 25, "")], {"0": "too_long"}),
            ("Ver", [("a", "b" * 73)], {"0": "too_long"}),
            ("Ver", [(str(number), "") for number in range(11)], {"": "too_many"}),
        ],
    )
    def test_of_a_list_have_their_own_limits(
        self, button: str, lines: list[tuple[str, str]], wrong: dict[str, str]
    ) -> None:
        with pytest.raises(errors.InvalidChoices) as refused:
            choices.menu(button, lines)

        assert refused.value.extras["fields"] == wrong

    def test_have_one_content_whatever_is_said_above_them(self) -> None:
        one, values = choices.content(YES_NO, "Oi, João.\n\nPode  ser?", "pt-br")
        other, _values = choices.content(YES_NO, "Oi, Maria.\n\nE agora?", "pt-br")

        assert one == other
        assert one["types"]["twilio/quick-reply"]["body"] == "{{1}}\n\n{{2}}"
        assert values == {"1": "Oi, João.", "2": "Pode ser?"}
        assert choices.content(LIST, "Oi", "pt-br")[0]["friendly_name"] != one["friendly_name"]


class TestSay:
    def test_makes_the_content_once_and_sends_by_it(
        self, ana: Operator, held: Conversation, twilio: StandIn
    ) -> None:
        first, second = offer(held, ana), offer(held, ana, "E agora?")

        work_off()

        rows = [reload(Delivery.objects.get(message=message)) for message in (first, second)]
        assert [row.state for row in rows] == ["accepted", "accepted"]
        assert rows[0].content_sid == rows[1].content_sid
        made = [call for call in twilio.requests() if call["path"] == "/v1/Content"]
        assert len(made) == 1
        assert [sent.body for sent in twilio.sent()[-2:]] == ["Pode ser?", "E agora?"]
        assert not Template.objects.offered().exists()

    def test_offers_a_list(self, ana: Operator, held: Conversation, twilio: StandIn) -> None:
        message = offer(held, ana, "Quando?\nManhã ou tarde?", offered=LIST)

        work_off()

        assert reload(Delivery.objects.get(message=message)).state == "accepted"
        assert twilio.sent()[-1].body == "Quando?\nManhã ou tarde?"
        titles = [button["title"] for button in message.extras["choices"]["buttons"]]
        assert titles == ["Ver horários", "Manhã", "Tarde"]

    def test_waits_while_twilio_cannot_keep_it(
        self, ana: Operator, held: Conversation, twilio: StandIn, settings: Any
    ) -> None:
        works, settings.TWILIO_API_URL = settings.TWILIO_API_URL, "http://127.0.0.1:9"
        message = offer(held, ana)
        Delivery.objects.exclude(message=message).update(state="accepted", due_at=None)

        time_passes("delivery", clock.now())
        row = reload(Delivery.objects.get(message=message))
        assert (row.state, row.content_sid) == ("queued", "")

        settings.TWILIO_API_URL = works
        Delivery.objects.filter(pk=row.pk).update(due_at=clock.now())
        work_off()
        assert reload(row).state == "accepted"
        assert [sent.body for sent in twilio.sent()] == ["Pode ser?"]

    def test_is_refused_where_text_is(self, ana: Operator, held: Conversation) -> None:
        close_window(held)

        with pytest.raises(errors.WindowClosed):
            offer(held, ana)
        with pytest.raises(errors.NotYours):
            offer(held, make_operator("bia"))

    def test_twice_with_one_key_is_said_once(self, ana: Operator, held: Conversation) -> None:
        first = offer(held, ana, client_key="k")

        assert offer(held, ana, client_key="k") == first
        with pytest.raises(errors.KeyReused):
            offer(held, ana, client_key="k", offered=LIST)

    def test_of_a_bot_has_its_fence(self) -> None:
        conversation = make_with_bot()
        robot: dict[str, Any] = {
            "cause": Cause(kind="bot", door="api"),
            "author": Author.BOT,
            "body": "Pode ser?",
            "offered": YES_NO,
            "now": clock.now(),
        }
        said = interactive.say(fresh(conversation), epoch=0, **robot)

        says("quero falar com um atendente")

        assert Message.objects.get(pk=said.pk).status == "cancelled"
        with pytest.raises(errors.StaleEpoch) as late:
            interactive.say(fresh(conversation), epoch=0, **robot)
        handoff = fresh(conversation).open_handoff
        assert (handoff.suggested_reply, late.value.extras["suggestion_id"]) == (
            "Pode ser?",
            handoff.public_id,
        )

    def test_keeps_what_was_said_out_of_the_content(
        self, ana: Operator, held: Conversation, twilio: StandIn
    ) -> None:
        offer(held, ana, "Oi, João, seu pedido 47990 chegou?")

        work_off()

        assert "João" not in json.dumps(list(Template.objects.values("body", "variables", "name")))
