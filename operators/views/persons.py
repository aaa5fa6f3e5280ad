"""What the panel shows of people: who may be the same person, and the chats that were merged into this one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _

from conversations import likeness
from conversations.likeness import Person
from conversations.models import Conversation, Message
from operators.models import Operator
from operators.views import wording
from operators.views.bubbles import Line


def decides(conversation: Conversation, operator: Operator) -> bool:
    """Whoever has the chat says who it is, and supervisors do."""
    return operator.is_staff or conversation.operator_id == operator.pk


def of(conversation: Conversation, operator: Operator) -> Person:
    asks = decides(conversation, operator)
    return likeness.of(conversation, among=Conversation.objects.visible_to(operator) if asks else None)


def merged(conversation: Conversation) -> Iterable[Conversation]:
    """The chats that were merged into this one; nobody asks where it came with the word that there are none."""
    if not getattr(conversation, "somebody", True):
        return ()
    return Conversation.objects.filter(merged_into=conversation)


def side(person: Person, operator: Operator) -> dict[str, Any]:
    return {
        "alike": [_named(one) for one in person.alike],
        "merged": [_named(one) for one in person.merged],
        "separates": operator.is_staff,
    }


def blocks(
    merged: Iterable[Conversation], shown: Sequence[Message], *, older: bool, end: int | None
) -> list[Line]:
    """The chats that were merged, each folded where it belongs in time. ``shown`` is one page of the thread;
    ``older`` when it is not the first one, ``end`` the number behind its last one (None: there are newer pages)."""
    found = []
    for one in merged:
        last = one.last_message_at or one.created_at
        number = next((message.seq - 1 for message in shown if message.occurred_at > last), end)
        first = shown and number is not None and number < shown[0].seq
        if number is not None and not (older and first):
            label = _("Earlier chat with %(address)s") % {"address": wording.address(one.reply_address)}
            found.append(Line("earlier", label, seq=number, id=str(one.public_id)))
    return found


def _named(conversation: Conversation) -> dict[str, str]:
    name, number = wording.contact_name(conversation), wording.address(conversation.reply_address)
    return {
        "id": str(conversation.public_id),
        "name": name,
        "first_name": wording.first_name(name),
        "initials": wording.initials(name),
        "hue": wording.hue(conversation.contact),
        "number": number if number != name else "",
    }
