"""What the team corrects about a person: a name, a language, an attribute. Never over what nobody has seen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F

from conversations import errors, events, refusals
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import Contact, Conversation

NAME, LANGUAGE = "name", "language"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``field`` is NAME, LANGUAGE or the public id of an attribute's definition; ``key`` the attribute's name in the
    contact. ``was`` is what was shown, None for nothing; so is ``to``."""

    field: str
    was: Any
    to: Any
    key: str = ""


@atomically
def correct(
    conversation: Conversation, changes: Collection[Change], *, cause: Cause, now: datetime
) -> Conversation:
    """Write all of them, or none where one is no longer what was shown (ProfileChanged).

    The conversation's row is held, as by the bot that remembers something, and then the contact's.
    """
    taken = Conversation.objects.all().take(conversation.pk, 1)
    if taken is None:
        raise refusals.of_writing(conversation)
    Contact.objects.filter(pk=taken.contact_id).update(merged_into=F("merged_into"))
    contact = Contact.objects.get(pk=taken.contact_id)
    written: dict[str, Any] = {}
    attributes = dict(contact.attributes)
    for change in changes:
        if value_of(contact, change) != change.was:
            raise errors.ProfileChanged
        if not change.key:
            written[change.field] = change.to
        elif change.to is None:
            attributes.pop(change.key, None)
        else:
            attributes[change.key] = change.to
    if attributes != contact.attributes:
        written["attributes"] = attributes
    Contact.objects.filter(pk=contact.pk).update(**written)
    fields = [change.field for change in changes]
    events.record(taken, "contact.changed", cause=cause, seq=taken.seq, now=now, fields=fields)
    return taken


def value_of(contact: Contact, change: Change) -> Any:
    return contact.attributes.get(change.key) if change.key else getattr(contact, change.field)
