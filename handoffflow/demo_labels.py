"""What the demo's team has put on its customers: tags, a note that stays in sight, and what they know of one."""

from __future__ import annotations

from datetime import datetime, timedelta

from conversations import notes
from conversations.contract import Cause
from conversations.models import Conversation, Organization
from operators import desk, tags
from operators.labels import Hue
from operators.models import AttributeDefinition, ContactLink, Operator, Tag

TAGS = (
    ("Cliente frequente", Hue.GREEN),
    ("Entrega", Hue.BLUE),
    ("Troca", Hue.VIOLET),
    ("Financeiro", Hue.ORANGE),
)
TAGGED = {
    "Juliana Prado": ("Cliente frequente", "Entrega"),
    "Antônio Carlos Meireles": ("Troca",),
    "Marcos Vinícius Teixeira": ("Financeiro",),
    "Ana Beatriz Lopes": ("Troca",),
    "Patrícia Nogueira": ("Financeiro",),
}
ATTRIBUTES = (
    ("cidade", "Cidade", "text", ""),
    ("cpf", "CPF", "text", "999.999.999-99"),
    ("aniversario", "Aniversário", "date", ""),
    ("clube", "Clube Aurora", "yes_no", ""),
)
"""Key, name, kind and pattern."""
KNOWN = {
    "Juliana Prado": {
        "cidade": "São Paulo",
        "cpf": "123.456.789-09",
        "aniversario": "1991-04-17",
        "clube": True,
    },
    "Patrícia Nogueira": {"cidade": "Rio de Janeiro", "clube": False},
}
PINNED = "Recebe só depois das 19h. Deixar na portaria com o Seu Jorge."
ORDERS = "https://casaaurora.example/clientes?fone={phone}"


def put_on(organization: Organization, bia: Operator, now: datetime) -> None:
    given = [Tag.objects.create(organization=organization, name=name, hue=hue) for name, hue in TAGS]
    named = {tag.name: tag for tag in given}
    for order, (key, name, kind, pattern) in enumerate(ATTRIBUTES):
        AttributeDefinition.objects.create(
            organization=organization, key=key, name=name, kind=kind, pattern=pattern, order=order
        )
    ContactLink.objects.create(organization=organization, label="Pedidos na loja", url=ORDERS)
    for conversation in Conversation.objects.with_parties().filter(sender__demo=True):
        name = conversation.contact.name
        for tag in TAGGED.get(name, ()):
            tags.add(conversation, named[tag], operator=bia, door="panel", now=now)
        conversation.contact.attributes |= KNOWN.get(name, {})
        conversation.contact.save(update_fields=["attributes"])
    _pin(Conversation.objects.get(contact__name="Juliana Prado"), bia, desk.cause(bia, "panel"), now)


def _pin(conversation: Conversation, by: Operator, cause: Cause, now: datetime) -> None:
    note = notes.add(conversation, author=by, body=PINNED, cause=cause, now=now - timedelta(minutes=8.5))
    notes.pin(conversation, note, by=by, cause=cause, now=now)
