"""The cast and the situations they get into, made through the engine's own functions.

João is the customer, Robô the bot, Ana and Bia serve, Caio supervises, Davi is of another company.
"""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any

from conversations import clock, handoffs, intake
from conversations.bots.base import HandoffRequest
from conversations.contract import Cause
from conversations.models import Conversation, InboundWebhook, Message, Organization, Queue, Sender
from operators import desk
from operators.models import Operator, Reason

JOAO = "whatsapp:+5511987654321"
CUSTOMER = Cause(kind="customer", door="webhook")
REASONS = {
    "solved": {"pt-br": "Resolvido", "en": "Solved", "es": "Resuelto"},
    "not_solved": {"pt-br": "Sem solução", "en": "Not solved", "es": "Sin solución"},
}
_sids = itertools.count(1)


def make_sender() -> Sender:
    """The environment's sender, with a queue and closing reasons."""
    sender = Sender.objects.of_environment()
    assert sender is not None
    company = sender.organization
    Queue.objects.get_or_create(organization=company, name="Atendimento", defaults={"is_default": True})
    for code, labels in REASONS.items():
        Reason.objects.get_or_create(organization=company, code=code, defaults={"labels": labels})
    return sender


def make_operator(username: str, *, capacity: int = 6, staff: bool = False) -> Operator:
    make_sender()
    operator = Operator.objects.create_user(username, password="demo", capacity=capacity, is_staff=staff)
    operator.queues.set(Queue.objects.for_organization(operator.organization))
    return operator


def make_stranger(username: str = "davi") -> Operator:
    """An operator of another company: everything of ours is a 404 to them."""
    other = Organization.objects.create(name="Outra")
    return Operator.objects.create_user(username, password="demo", organization=other)


def form(body: str = "oi", *, sid: str = "", address: str = JOAO, **params: str) -> dict[str, str]:
    sid = sid or f"SM{next(_sids):032x}"
    return {
        "MessageSid": sid,
        "AccountSid": "AC00000000000000000000000000000001",
        "From": address,
        "To": "whatsapp:+551150280000",
        "Body": body,
        "ProfileName": "João Silva",
        "WaId": address.removeprefix("whatsapp:+"),
        "NumMedia": "0",
        "MessageType": "text",
        **params,
    }


def says(body: str = "oi", *, now: datetime | None = None, **params: Any) -> InboundWebhook:
    """A customer writes, João unless ``address`` says otherwise."""
    return intake.receive(form(body, **params), sender=make_sender(), now=now or clock.now())


def thread(address: str = JOAO) -> Conversation:
    found = Conversation.objects.with_parties().filter(contact__addresses__value=address)
    return found.get()


def make_with_bot(**params: Any) -> Conversation:
    says("oi", **params)
    return thread(params.get("address", JOAO))


def make_waiting(*, now: datetime | None = None, **params: Any) -> Conversation:
    conversation = make_with_bot(now=now, **params)
    request = HandoffRequest(reason="customer_asked", summary="Quer trocar o endereço.")
    handoffs.request(conversation, cause=CUSTOMER, request=request, now=now or clock.now())
    return Conversation.objects.with_parties().get(pk=conversation.pk)


def make_held(operator: Operator, *, now: datetime | None = None, **params: Any) -> Conversation:
    conversation = make_waiting(now=now, **params)
    desk.claim(conversation, operator=operator, door="panel", now=now or clock.now())
    return Conversation.objects.with_parties().get(pk=conversation.pk)


def fresh(conversation: Conversation) -> Conversation:
    return Conversation.objects.with_parties().get(pk=conversation.pk)


def bubbles(conversation: Conversation) -> list[Message]:
    return list(Message.objects.filter(conversation=conversation).in_order())
