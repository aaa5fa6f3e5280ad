"""Who may be one person with whom: what is asked, and what was answered. People decide; ``merging`` does it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Q

from conversations import contacts, spellings
from conversations.models import Apart, Contact, ContactAddress, Conversation, SeenBeside

if TYPE_CHECKING:
    from conversations.models.conversation import ConversationQuerySet
    from operators.models import Operator

MOST = 3
"""People asked about at a time."""


@dataclass(frozen=True, slots=True)
class Person:
    """``merged``: the threads that were merged into this one. ``alike``: those of whom it is not known."""

    merged: list[Conversation] = field(default_factory=list)
    alike: list[Conversation] = field(default_factory=list)


def of(conversation: Conversation, *, among: ConversationQuerySet | None) -> Person:
    """Whoever is this person, or may be: by a number that is spelt in two ways, or because two addresses came in
    one payload and could not be linked. Two small questions, unless there is somebody. ``among``: who may be told
    of; None asks about nobody."""
    own = contacts.addresses_of(conversation.contact, conversation.sender_id)
    addresses = dict(own.values_list("value", "contact"))
    people = {conversation.contact_id, *addresses.values()}
    merged: list[Conversation] = []
    if len(people) > 1:
        rows = Conversation.objects.filter(merged_into=conversation).select_related("contact")
        merged = list(rows.order_by("last_message_at", "pk"))
    if among is None:
        return Person(merged)
    found = _found(conversation.sender_id, addresses, people) - people
    return Person(merged, _asked(conversation, found, people, among) if found else [])


def tell_apart(one: Contact, other: Contact, *, by: Operator, now: datetime) -> None:
    """These two are not one person: nobody is asked again."""
    first, second = sorted((one, other), key=lambda contact: contact.pk)
    try:
        with transaction.atomic():
            Apart.objects.get_or_create(one=first, other=second, defaults={"by": by, "at": now})
    except IntegrityError:
        return  # somebody said so at the same moment


def _found(sender: int, addresses: Collection[str], people: Collection[int]) -> set[int]:
    twins = [twin for value in addresses if (twin := spellings.twin(value))]
    beside = SeenBeside.objects.filter(sender=sender, contact__in=people).values("value")
    theirs = ContactAddress.objects.filter(Q(value__in=twins) | Q(value__in=beside), sender=sender)
    seen_with = SeenBeside.objects.filter(sender=sender, value__in=list(addresses))
    return set(theirs.values_list("contact", flat=True).union(seen_with.values_list("contact", flat=True)))


def _asked(
    conversation: Conversation, found: set[int], people: set[int], among: ConversationQuerySet
) -> list[Conversation]:
    found |= set(Contact.objects.filter(merged__in=found).values_list("pk", flat=True)) - people
    apart = Apart.objects.filter(Q(one__in=people, other__in=found) | Q(one__in=found, other__in=people))
    for pair in apart.values_list("one", "other"):
        found -= set(pair)
    rows = among.filter(contact__in=found, sender=conversation.sender_id, merged_into=None)
    return list(rows.select_related("contact").order_by("-last_message_at", "pk")[:MOST])
