"""Who takes part: customers whose conversations a person holds, and operators with open panels."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import update_last_login
from django.contrib.auth.signals import user_logged_in
from django.test import Client

from bench.plan import CUSTOMERS
from conversations import clock
from conversations.models import Author, Contact, Conversation, Delivery, Message, Mode, Queue, Sender, Status
from operators.models import Operator
from tests import builders

UNBOUNDED = 30_000
"""Messages a second of a number whose pace is not what is measured."""
ADDRESSES = [f"whatsapp:+55119{number:08d}" for number in range(CUSTOMERS)]


def held() -> list[Conversation]:
    """One conversation for each address, all with Ana."""
    ana = _operator("ana", capacity=2 * CUSTOMERS)
    for address in ADDRESSES:
        builders.make_held(ana, address=address)
    # What the bot and the queue said on the way here is not part of any measurement.
    Delivery.objects.exclude(due_at=None).update(due_at=None, state="cancelled")
    Message.objects.filter(status=Status.QUEUED).update(status=Status.CANCELLED)
    Sender.objects.update(per_second=UNBOUNDED)
    return list(Conversation.objects.with_parties().filter(operator=ana).order_by("pk"))


def many(count: int) -> list[Conversation]:
    """So many more of Ana's conversations, made at once: nothing but their lines is of interest."""
    ana, sender, now = _operator("ana-2", capacity=count), builders.make_sender(), clock.now()
    contacts = Contact.objects.bulk_create(
        Contact(organization=sender.organization, name=f"Cliente {number}") for number in range(count)
    )
    rows = Conversation.objects.bulk_create(
        Conversation(
            sender=sender,
            contact=contact,
            mode=Mode.HUMAN,
            operator=ana,
            window_expires_at=now + timedelta(hours=23),
            reply_address=f"whatsapp:+55219{number:08d}",
        )
        for number, contact in enumerate(contacts)
    )
    return list(Conversation.objects.with_parties().filter(pk__in=[row.pk for row in rows]).order_by("pk"))


def cookies(count: int) -> list[str]:
    """A logged-in browser for each of so many operators."""
    user_logged_in.disconnect(update_last_login, dispatch_uid="update_last_login")
    return [cookie(_operator(f"operator-{number}")) for number in range(count)]


def waiting(conversations: list[Conversation], count: int) -> None:
    """So many messages of the operator, in turn over these conversations, all due now."""
    now = clock.now()
    # What an earlier round sent is long ago: a customer's burst begins anew.
    Delivery.objects.exclude(started_at=None).update(started_at=now - timedelta(days=1))
    following = {
        one.pk: one.seq for one in Conversation.objects.filter(pk__in=[one.pk for one in conversations])
    }
    rows: list[Message] = []
    for number in range(count):
        conversation = conversations[number % len(conversations)]
        following[conversation.pk] += 1
        rows.append(
            Message(
                conversation=conversation,
                seq=following[conversation.pk],
                author=Author.OPERATOR,
                operator_id=conversation.operator_id,
                body=f"Mensagem {number} {uuid4().hex}",
                epoch=conversation.epoch,
                occurred_at=now,
                status=Status.QUEUED,
            )
        )
    Message.objects.bulk_create(rows)
    for pk, seq in following.items():
        Conversation.objects.filter(pk=pk).update(seq=seq)
    Delivery.objects.bulk_create(_delivery(row, number) for number, row in enumerate(rows))


def _delivery(row: Message, number: int) -> Delivery:
    return Delivery(
        message=row,
        conversation=row.conversation,
        sender=row.conversation.sender,
        recipient=row.conversation.reply_address,
        body=row.body,
        seq=row.seq,
        due_at=row.occurred_at + timedelta(microseconds=number),
    )


def _operator(username: str, capacity: int = 6) -> Operator:
    """Without a password: to hash one takes longer than anything here."""
    sender = builders.make_sender()
    operator = Operator(username=username, organization=sender.organization, capacity=capacity)
    operator.set_unusable_password()
    operator.save()
    operator.queues.set(Queue.objects.for_organization(sender.organization))
    return operator


def cookie(operator: Operator) -> str:
    client = Client(headers={"host": "localhost"})
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"
