"""The end of a service is told to every bot in the same way, and what was chosen for afterwards means the same."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from conversations import clock, handoffs, questions
from conversations.contract import Cause, Release
from conversations.models import BotEngineName, BotTurn, Conversation, InboundWebhook, Sender
from tests.builders import fresh, make_held, make_operator, make_sender, says

pytestmark = pytest.mark.django_db

ASKED = (BotEngineName.RULES, BotEngineName.WEBHOOK, BotEngineName.LLM)
FLOW = "FW" + "1" * 32


class Seen(NamedTuple):
    """``at_once``: whether the bot owes something although the customer has not written. ``told``: how the service
    ended, as the bot hears it with the customer's next words."""

    at_once: str
    sessions: int
    told: dict[str, Any] | None


def ended(engine: str, resume: str) -> Seen:
    sender = make_sender()
    settings = {"llm": {"url": "https://llm.example.com/v1", "model": "m"}}
    Sender.objects.filter(pk=sender.pk).update(
        bot_engine=engine, bot_url="https://bot.example.com/", bot_settings=settings, flow_sid=FLOW
    )
    ana = make_operator("ana")
    held = make_held(ana)
    before = fresh(held).bot_session
    handoffs.release(
        held,
        cause=Cause(kind="operator", door="panel"),
        operator=ana,
        epoch=held.epoch,
        seen=held.seq,
        release=Release(outcome="solved", summary="Pago", promises=("Recibo por e-mail",), resume=resume),
        now=clock.now(),
    )
    at_once = owed(held)
    says("e agora?")
    told = asked(held)
    return Seen(at_once, fresh(held).bot_session - before, told)


def owed(conversation: Conversation) -> str:
    return str(BotTurn.objects.filter(open_for=conversation).values_list("kind", flat=True).first() or "")


def asked(conversation: Conversation) -> dict[str, Any] | None:
    """None where the message went to Studio as it is: nothing else is told then."""
    row = BotTurn.objects.filter(open_for=conversation).first()
    if row is None:
        assert InboundWebhook.objects.latest("pk").reason == InboundWebhook.TO_STUDIO
        return None
    release = questions.of(row).turn.release
    assert release is not None
    assert release.human_started_at
    assert release.human_ended_at
    return {
        "outcome": release.outcome,
        "summary": release.summary,
        "promises": release.promises,
        "resume": release.resume,
        "by_somebody": bool(release.operator),
    }


def told(resume: str) -> dict[str, Any]:
    return {
        "outcome": "solved",
        "summary": "Pago",
        "promises": ("Recibo por e-mail",),
        "resume": resume,
        "by_somebody": True,
    }


@pytest.mark.parametrize("engine", [*ASKED, BotEngineName.STUDIO])
@pytest.mark.parametrize(("resume", "at_once"), [("bot_now", "released"), ("wait", "")])
def test_the_bot_goes_on_and_knows_how_it_ended(engine: str, resume: str, at_once: str) -> None:
    assert ended(engine, resume) == Seen(at_once, 0, told(resume))


@pytest.mark.parametrize("engine", ASKED)
def test_the_bot_begins_afresh_and_knows_how_it_ended(engine: str) -> None:
    assert ended(engine, "close") == Seen("", 1, told("close"))


def test_a_flow_begins_afresh_with_the_message_itself() -> None:
    """Started by Twilio, it can be told nothing."""
    assert ended(BotEngineName.STUDIO, "close") == Seen("", 1, None)
