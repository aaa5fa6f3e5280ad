"""The cast and the situations they get into, made through the engine's own functions.

João is the customer, Robô the bot, Ana and Bia serve, Caio supervises, Davi is of another company.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import async_to_sync

from conversations import clock, handoffs, intake, work
from conversations.bots.base import HandoffRequest
from conversations.contract import Cause
from conversations.models import (
    Conversation,
    Event,
    InboundWebhook,
    Message,
    Note,
    Organization,
    Queue,
    Sender,
)
from operators import desk, presence
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


def make_queue(name: str, **changes: Any) -> Queue:
    """One more queue of the company, which nobody serves yet."""
    return Queue.objects.create(organization=make_sender().organization, name=name, **changes)


def make_present(username: str, *, now: datetime | None = None, **params: Any) -> Operator:
    """An operator whose panel is open."""
    operator = make_operator(username, **params)
    presence.beat(operator, now=now or clock.now())
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


def make_offered(conversation: Conversation, operator: Operator, *, now: datetime | None = None) -> None:
    desk.offer(
        conversation,
        operator=operator,
        by=Cause(kind="system", door="worker"),
        why="longest_idle",
        answer_in=timedelta(seconds=30),
        now=now or clock.now(),
    )


def fresh(conversation: Conversation) -> Conversation:
    return Conversation.objects.with_parties().get(pk=conversation.pk)


def bubbles(conversation: Conversation) -> list[Message]:
    return list(Message.objects.filter(conversation=conversation).in_order())


def kinds(conversation: Conversation) -> list[str]:
    events = Event.objects.filter(conversation=conversation).order_by("seq")
    return list(events.values_list("kind", flat=True))


def last_event(conversation: Conversation) -> Event:
    return Event.objects.filter(conversation=conversation).order_by("-seq")[0]


def numbers(conversation: Conversation) -> list[int]:
    """Every number of the thread that something carries."""
    rows: tuple[Any, ...] = (Message.objects, Event.objects, Note.objects)
    return sorted(
        number
        for some in rows
        for number in some.filter(conversation=conversation).values_list("seq", flat=True)
    )


def time_passes(handler: str, now: datetime) -> int:
    """The worker's look at one kind of due row at that moment; how many it handled."""
    work.load_handlers()
    rows, _next = work.claim_due(work.handlers[handler], now, limit=100)
    for row in rows:
        async_to_sync(work.handlers[handler].run)(row, now)
    return len(rows)
