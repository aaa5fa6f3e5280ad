"""The search of the lists: whole ids, whole numbers, beginnings of names. Each goes through an index."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from conversations.models import Contact, ContactAddress, Conversation, Message
from conversations.spellings import spellings

_NUMBER = re.compile(r"(?:whatsapp:)?\+?[\d\s().-]{6,}")


def conversations(found: Any, term: str, *, company: int) -> Any:
    if wanted := _id(term):
        return found.filter(public_id=wanted)
    if _NUMBER.fullmatch(term):
        numbers = spellings(re.sub(r"\D", "", term))
        spelt = [before + number for number in numbers for before in ("whatsapp:+", "+", "")]
        known = ContactAddress.objects.filter(sender__organization=company, value__in=spelt)
        return found.filter(contact__in=list(known.values_list("contact", flat=True)))
    return found.filter(contact__in=Contact.objects.filter(organization=company).named(term))


def of_conversation(found: Any, term: str, order: str = "-pk") -> Any:
    """One by its id, or all of a conversation by the conversation's id."""
    wanted = _id(term)
    if wanted is None:
        return found.none()
    thread = Conversation.objects.filter(public_id=wanted).values_list("pk", flat=True).first()
    if thread is None:
        return found.filter(public_id=wanted)
    return found.filter(conversation=thread).order_by(order)


def by_sid(found: Any, term: str, path: str) -> Any:
    """What belongs to the message that Twilio knows by this SID."""
    message = Message.objects.filter(provider_sid=term).values_list("pk", flat=True).first()
    return found.filter(**{path: message}) if message else found.none()


def _id(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None
