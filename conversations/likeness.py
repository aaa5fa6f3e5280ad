"""Who may be one person with whom: what is asked, and what was answered. People decide; ``merging`` does it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Concat, Substr

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


def somebody() -> Q:
    """A condition on conversations: somebody else may be this person. Where it does not hold ``of`` finds nobody, and
    need not be asked; where it does there may still be nobody. Costs four looks at an index."""
    own = ContactAddress.objects.filter(sender=OuterRef("sender"))
    beside = SeenBeside.objects.filter(sender=OuterRef("sender"))
    return (
        Q(contact__merged_into__isnull=False)
        | ~Q(reply_address__startswith=_PHONE)
        | Q(Exists(Contact.objects.filter(merged_into=OuterRef("contact"))))
        | Q(Exists(own.filter(contact=OuterRef("contact")).exclude(value=OuterRef("reply_address"))))
        | Q(Exists(own.filter(value__in=_twins_of_reply_address())))
        | Q(Exists(beside.filter(Q(contact=OuterRef("contact")) | Q(value=OuterRef("reply_address")))))
    )


def of(conversation: Conversation, *, among: ConversationQuerySet | None) -> Person:
    """Whoever is this person, or may be: by a number that is spelt in two ways, or because two addresses came in
    one payload and could not be linked. Two small questions, unless there is somebody; none where ``somebody`` was
    asked along and says that there is not. ``among``: who may be told of; None asks about nobody."""
    if not getattr(conversation, "somebody", True):
        return Person()
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


def tell_apart(one: Contact, other: Contact, *, by: Operator | None, now: datetime) -> None:
    """These two are not one person: nobody is asked again."""
    first, second = sorted((one, other), key=lambda contact: contact.pk)
    try:
        with transaction.atomic():
            Apart.objects.get_or_create(one=first, other=second, defaults={"by": by, "at": now})
    except IntegrityError:
        return  # somebody said so at the same moment


_PHONE = "whatsapp:+"


def _twins_of_reply_address() -> list[Concat]:
    """What ``spellings.twin`` may say of it, in SQL: with and without a digit behind the area (Brazil) or the country
    (Mexico). Of other numbers these are nobody's."""
    address = "reply_address"
    return [
        changed
        for end in (len(_PHONE) + 4, len(_PHONE) + 2)
        for changed in (
            Concat(Substr(OuterRef(address), 1, end), Substr(OuterRef(address), end + 2)),
            Concat(
                Substr(OuterRef(address), 1, end),
                Value("9" if end == len(_PHONE) + 4 else "1"),
                Substr(OuterRef(address), end + 1),
            ),
        )
    ]


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
