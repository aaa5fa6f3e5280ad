"""One company with something of everything in it, and another whose ids are nobody's business."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile

from conversations import clock, merging, notes, uploads
from conversations.contract import Cause
from conversations.models import (
    Attachment,
    Contact,
    ContactAddress,
    Conversation,
    InboundWebhook,
    Message,
    Organization,
    Queue,
    Sender,
    WebhookOutcome,
)
from handoffflow.subscriptions import Notice, NoticeState, Subscription
from operators import desk, people
from operators.models import Operator, Tag
from tests.builders import make_held, make_operator, make_sender, make_with_bot
from tests.templates import make_template

TWIN = "whatsapp:+551187654321"
API = Cause(kind="api", door="api")
Ids = dict[str, str]


def ours() -> Ids:
    """Ana holds João's chat and has answered. Somebody with nearly his number has written, and one was merged."""
    ana, caio = make_operator("ana"), make_operator("caio", staff=True)
    held = make_held(ana)
    merged, alike = make_with_bot(address="whatsapp:+5511900000009"), make_with_bot(address=TWIN)
    people.same(held, merged, operator=caio, door="panel", now=clock.now())
    held = Conversation.objects.with_parties().get(pk=held.pk)
    [said] = desk.reply(
        held,
        operator=ana,
        door="panel",
        body="Bom dia!",
        epoch=held.epoch,
        client_key=None,
        now=clock.now(),
    )
    return _ids(held, said, ana, alike=alike, merged=merged) | {
        "template": make_template(held.sender, gaps={}, body="Oi!").content_sid
    }


def theirs() -> Ids:
    """The same of another company."""
    make_sender()  # the first company is the default one
    other = Organization.objects.create(name="Outra")
    sender = Sender.objects.create(organization=other, address="whatsapp:+1", account_sid="AC2", name="x")
    threads = []
    for number in ("551", "552", "553"):
        contact = Contact.objects.create(organization=other, name="João")
        value = f"whatsapp:+{number}"
        ContactAddress.objects.create(contact=contact, sender=sender, value=value, kind="phone")
        threads.append(Conversation.objects.create(sender=sender, contact=contact, reply_address=value))
    davi = Operator.objects.create_user("davi", password="demo", organization=other)
    said = Message.objects.create(
        conversation=threads[0],
        seq=1,
        author="customer",
        body="oi",
        status="received",
        occurred_at=clock.now(),
    )
    merging.merge(threads[0], threads[2], cause=API, now=clock.now())
    return _ids(threads[0], said, davi, alike=threads[1], merged=threads[2])


def nobodys(ids: Ids) -> Ids:
    return {name: str(uuid4()) for name in ids}


def _ids(held: Conversation, said: Message, agent: Operator, **others: Conversation) -> Ids:
    company = held.sender.organization
    first = Message.objects.filter(conversation=held).in_order()[0]
    hook = Subscription.objects.create(
        organization=company, name="CRM", url="https://crm.example.com/hooks", secret_encrypted="", cursor=""
    )
    rows: dict[str, Any] = {
        "conv": held,
        "contact": held.contact,
        "sender": held.sender,
        "message": said,
        "agent": agent,
        "media": Attachment.objects.create(message=first, content_type="image/png", state="failed"),
        "upload": uploads.keep(held, SimpleUploadedFile("pedido.pdf", b"%PDF-1.7 A-1027"), now=clock.now()),
        "note": notes.add(held, author=agent, body="Liga depois.", cause=API, now=clock.now()),
        "tag": Tag.objects.create(organization=company, name="Entrega"),
        "queue": Queue.objects.filter(organization=company).first()
        or Queue.objects.create(organization=company, name="Fila"),
        "webhook": InboundWebhook.objects.create(
            organization=company,
            sender=held.sender,
            provider_sid="SM1",
            params={},
            outcome=WebhookOutcome.FAILED,
            due_at=clock.now(),
            received_at=clock.now(),
        ),
        "subscription": hook,
        "delivery": Notice.objects.create(
            subscription=hook, kind="handoff.claimed", state=NoticeState.FAILED, created_at=clock.now()
        ),
        **others,
    }
    return {name: str(row.public_id) for name, row in rows.items()}
