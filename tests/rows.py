"""Rows by the thousand, copied inside the database from one story that the engine told: for what must stay quick."""

from __future__ import annotations

from typing import Any

from django.db import connection, models

from conversations import clock
from conversations.models import (
    Contact,
    ContactAddress,
    Conversation,
    Event,
    Handoff,
    InboundWebhook,
    Message,
)
from operators.models import Operator
from tests import builders

EACH = 20
"""Messages in a conversation."""

_UUID = {
    "sqlite": "lower(hex(randomblob(16)))",
    "postgresql": "gen_random_uuid()",
    "mysql": "replace(uuid(), '-', '')",
}
_BEFORE = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', '{at}', '-' || i || ' seconds')",
    "postgresql": "timestamptz '{at}+00' - i * interval '1 second'",
    "mysql": "timestamp('{at}') - interval i second",
}


def fill(messages: int, each: int = EACH) -> Conversation:
    """So many messages, ``each`` to a conversation, one in fifty of them held by Ana; the story that was copied."""
    ana = builders.make_operator("ana", capacity=30_000)
    story = builders.make_held(ana)
    builders.says("obrigado")
    story = builders.fresh(story)
    last = Message.objects.filter(conversation=story).latest("pk")
    conversations = messages // each
    _copy(Contact, story.contact_id, conversations, _contact())
    _copy(ContactAddress, story.contact.addresses.get().pk, conversations, _address(story.contact_id))
    _copy(Conversation, story.pk, conversations, _conversation(story, ana, each))
    _copy(Handoff, Handoff.objects.get().pk, conversations, _handoff(story))
    _copy(Message, last.pk, messages, _line(story, conversations) | {"provider_sid": "'SM' || i || 'x'"})
    told = Event.objects.filter(conversation=story).latest("pk")
    _copy(Event, told.pk, messages, _line(story, conversations))
    _copy(InboundWebhook, InboundWebhook.objects.latest("pk").pk, conversations, {})
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return story


def _contact() -> dict[str, str]:
    return {
        "name": "'Cliente ' || i || ' Souza'",
        "search_name": "'cliente ' || i || ' souza'",
        "search_surname": "'souza cliente ' || i",
    }


def _address(contact: int) -> dict[str, str]:
    return {"contact_id": f"{contact} + i", "value": "'whatsapp:+5521' || (900000000 + i)"}


def _conversation(story: Conversation, ana: Operator, each: int) -> dict[str, str]:
    held = "CASE WHEN i % 50 = 0 THEN {} ELSE {} END"
    return {
        "contact_id": f"{story.contact_id} + i",
        "mode": held.format("'human'", "'bot'"),
        "operator_id": held.format(ana.pk, "NULL"),
        "queue_id": held.format(story.queue_id, "NULL"),
        "last_message_at": _before(),
        "seq": str(each),
    }


def _handoff(story: Conversation) -> dict[str, str]:
    return {"conversation_id": f"{story.pk} + i", "open_for_id": "NULL"}


def _line(story: Conversation, conversations: int) -> dict[str, str]:
    """Message i is the (i / conversations)th of its conversation."""
    turn = f"(i - 1) / {conversations}" if connection.vendor != "mysql" else f"(i - 1) DIV {conversations}"
    return {
        "conversation_id": f"{story.pk} + 1 + (i - 1) % {conversations}",
        "seq": f"{turn} + 1",
        "occurred_at": _before(),
    }


def _before() -> str:
    return _BEFORE[connection.vendor].format(at=clock.now().strftime("%Y-%m-%d %H:%M:%S"))


def _copy(model: type[models.Model], template: int, count: int, changes: dict[str, str]) -> None:
    table = connection.ops.quote_name(model._meta.db_table)
    columns = [str(field.column) for field in model._meta.local_concrete_fields]
    changes = {"id": "t.id + i", **changes}
    if "public_id" in columns:
        changes.setdefault("public_id", _UUID[connection.vendor])
    taken: list[Any] = [changes.get(column, f"t.{_name(column)}") for column in columns]
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"  # noqa: S608
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("SET SESSION max_recursive_iterations = 10000000, sql_mode = 'PIPES_AS_CONCAT'")
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(map(_name, columns))}) {numbers}"  # noqa: S608 (names of our own)
            f" SELECT {', '.join(taken)} FROM n, {table} t WHERE t.id = {template}"
        )
        if connection.vendor == "postgresql":
            sequence = f"pg_get_serial_sequence('{model._meta.db_table}', 'id')"
            cursor.execute(f"SELECT setval({sequence}, max(id)) FROM {table}")  # noqa: S608


def _name(column: str) -> str:
    return connection.ops.quote_name(column)
