"""A published flow at the stand-in, a customer who writes, and a worker that does what is due."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from conversations import clock, flowfiles, work
from conversations.contract import Cause, Release
from conversations.models import BotEngineName, Conversation, Sender
from handoffflow.simulator.standin import StandIn
from operators import desk
from operators.models import Operator
from tests.builders import JOAO, make_sender, thread

FLOW = "FW" + "1" * 32
MENU = "Olá! Escolha: 1 - Segunda via, 2 - Horário, 3 - Falar com uma pessoa."


def make_studio_sender(*, flow: str = FLOW) -> Sender:
    sender = make_sender()
    Sender.objects.filter(pk=sender.pk).update(
        bot_engine=BotEngineName.STUDIO, flow_sid=flow, created_at=clock.now() - timedelta(days=1)
    )
    return Sender.objects.get(pk=sender.pk)


def publish(standin: StandIn, way: str = "in-front", **options: Any) -> Sender:
    """The product's own flow, and a number that stands in front of it or behind it."""
    standin.studio.publish(FLOW, flowfiles.document(way), **options)
    if way == "behind":
        url = f"https://webhooks.twilio.com/v1/Accounts/{standin.account.sid}/Flows/{FLOW}"
        standin.console.sender["webhook"]["callback_url"] = url
    return make_studio_sender()


def writes(standin: StandIn, body: str, **options: Any) -> str:
    """A customer writes, and everything that follows from it has happened."""
    sid = standin.receive(options.pop("address", JOAO), body, **options)
    settle(standin)
    return sid


def settle(standin: StandIn, seconds: float = 5) -> None:
    standin.settle()
    work.run_once(clock.now() + timedelta(seconds=seconds))
    standin.settle()


def heard(standin: StandIn) -> list[str]:
    return [message.body for message in standin.sent()]


def running(standin: StandIn, customer: str = JOAO) -> list[str]:
    """The states in which executions wait, of those that are active."""
    rows = standin.studio.executions(customer)
    return [str(row["state"]) for row in rows if row["status"] == "active"]


def takes(operator: Operator) -> Conversation:
    conversation = thread()
    desk.claim(conversation, operator=operator, door="panel", now=clock.now())
    return thread()


def finishes(operator: Operator, *, resume: str, summary: str = "Endereço trocado.") -> None:
    conversation = thread()
    desk.release(
        conversation,
        operator=operator,
        by=Cause(kind="operator", door="panel", id=str(operator.public_id)),
        epoch=conversation.epoch,
        seen=conversation.seq,
        release=Release(outcome="solved", summary=summary, promises=("Ligar amanhã",), resume=resume),
        now=clock.now(),
    )
