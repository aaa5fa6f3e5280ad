"""Who writes: the only writer of Contact and ContactAddress, and of a conversation's first row."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import phonenumbers
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from conversations import errors, spellings
from conversations.atomically import atomically
from conversations.models import (
    ADDRESS_LENGTH,
    AddressKind,
    Contact,
    ContactAddress,
    Conversation,
    Handoff,
    Message,
    SeenBeside,
    Sender,
)
from conversations.twilio.payloads import InboundMessage

if TYPE_CHECKING:
    from operators.models import Operator

_SPANISH = (
    *("34", "51", "52", "53", "54", "56", "57", "58"),
    *("502", "503", "504", "505", "506", "507", "591", "593", "595", "598"),
)
_E164 = re.compile(r"\+[1-9]\d{6,14}\Z", re.ASCII)
_PORTUGUESE = ("55", "351", "244", "258")
LOOKS = 3
"""A first message can lose to one from the same address, and then to one from the person's other address."""


def resolve(inbound: InboundMessage, *, sender: Sender) -> Conversation:
    """The thread of whoever wrote, made on first contact; that of the person they were merged into. Unique keys
    decide between parallel first messages: whoever loses looks again."""
    for _look in range(LOOKS - 1):
        try:
            return _resolve(inbound, sender)
        except IntegrityError:
            continue
    return _resolve(inbound, sender)


def _resolve(inbound: InboundMessage, sender: Sender) -> Conversation:
    known = _known(inbound, sender)
    if known is not None:
        _link(known, inbound, sender)
        if known.was_stopped:  # type: ignore[attr-defined]  # annotated
            # They write: they want to be written to again.
            theirs = ContactAddress.objects.filter(sender=sender, contact=known.contact_id)
            theirs.update(unreachable_at=None, unreachable_code=None)
        return _where_it_goes_on(known)
    with transaction.atomic():
        return _first_contact(inbound, sender)


def reach(sender: Sender, address: str, *, name: str = "") -> Conversation:
    """The thread with whoever has this address, made when nobody has: the team writes first."""
    for _look in range(LOOKS):
        known = Conversation.objects.with_parties().filter(
            sender=sender, contact__addresses__sender=sender, contact__addresses__value=address
        )
        if found := known.first():
            return _where_it_goes_on(found)
        try:
            with transaction.atomic():
                return _write_first(sender, address, name)
        except IntegrityError:
            continue  # they wrote, or were written to, at the same moment
    return _where_it_goes_on(known.get())


def _write_first(sender: Sender, address: str, name: str) -> Conversation:
    contact = Contact.objects.create(
        organization_id=sender.organization_id, name=name, language=language_of(address)
    )
    _address(contact, sender, address)
    return Conversation.objects.create(sender=sender, contact=contact, reply_address=address)


def alike(sender: Sender, address: str) -> ContactAddress | None:
    """Somebody known by the other spelling of this number: to be asked about, never assumed."""
    twin = spellings.twin(address)
    if twin is None or _standing(address, sender).exists():
        return None
    return _standing(twin, sender).select_related("contact").first()


def addresses_of(contact: Contact, sender: Sender | int) -> QuerySet[ContactAddress]:
    """All of one person's: those of whoever was merged into them as well."""
    person = contact.merged_into_id or contact.pk
    theirs = Q(contact=person) | Q(contact__merged_into=person)
    return ContactAddress.objects.filter(theirs, sender=sender)


def phone(typed: str) -> str:
    """The address of a number as somebody types it, with its country code; InvalidNumber for anything else."""
    bare = "".join(char for char in typed if char not in " \u00a0().-/")
    try:
        number = phonenumbers.parse(bare) if _E164.match(bare) else None
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise errors.InvalidNumber
    return f"whatsapp:{bare}"


def agreed(contact: Contact, *, by: Operator, now: datetime) -> bool:
    """Note who said that this person agreed to be written to, and when; the first word stays."""
    noted = Contact.objects.filter(pk=contact.pk, opted_in_at=None).update(opted_in_at=now, opted_in_by=by)
    return bool(noted)


def opt_out(contact: Contact, *, now: datetime) -> None:
    Contact.objects.filter(pk=contact.pk, opted_out_at=None).update(opted_out_at=now)


def opt_in(contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(opted_out_at=None)


def remember(contact: Contact, attributes: dict[str, object]) -> None:
    """What a bot learned about the person, beside what was known."""
    if attributes:
        Contact.objects.filter(pk=contact.pk).update(attributes={**contact.attributes, **attributes})


def language_of(address: str) -> str:
    """A guess from the country code; the installation's language where there is none to read."""
    number = address.removeprefix("whatsapp:").removeprefix("+")
    if not number.isdigit():
        return settings.LANGUAGE_CODE
    if number.startswith(_PORTUGUESE):
        return "pt-br"
    return "es" if number.startswith(_SPANISH) else "en"


@atomically
def advance(sender: Sender, address: str, *, hours: int) -> int:
    """Move a customer's stored times back, as if ``hours`` had passed for them alone; how many threads moved."""
    back = timedelta(hours=hours)
    threads = Conversation.objects.filter(sender=sender, contact__addresses__value=address)
    pks = [pk for pair in threads.values_list("pk", "merged_into") for pk in pair if pk]
    Conversation.objects.filter(pk__in=pks).update(
        last_inbound_at=F("last_inbound_at") - back,
        window_expires_at=F("window_expires_at") - back,
        waiting_since=F("waiting_since") - back,
        last_message_at=F("last_message_at") - back,
    )
    Message.objects.filter(conversation__in=pks).update(
        occurred_at=F("occurred_at") - back, created_at=F("created_at") - back
    )
    Handoff.objects.filter(conversation__in=pks).update(
        requested_at=F("requested_at") - back,
        handoff_at=F("handoff_at") - back,
        first_handoff_at=F("first_handoff_at") - back,
        due_at=F("due_at") - back,
        waiting_due_at=F("waiting_due_at") - back,
        first_reply_at=F("first_reply_at") - back,
        released_at=F("released_at") - back,
    )
    return len(pks)


def _known(inbound: InboundMessage, sender: Sender) -> Conversation | None:
    """Which thread; what is in it will be read once it is held."""
    found = _bare().filter(
        sender=sender, contact__addresses__sender=sender, contact__addresses__value=inbound.from_
    )
    stopped = ContactAddress.objects.filter(sender=sender, contact=OuterRef("contact"))
    found = found.annotate(was_stopped=Exists(stopped.exclude(unreachable_code=None)))
    if other := _other(inbound):
        found = found.annotate(others=Subquery(_standing(other, sender).values("contact")[:1]))
    return found.first()


def _bare() -> QuerySet[Conversation]:
    return Conversation.objects.only("sender", "contact", "last_inbound_at", "merged_into")


def _where_it_goes_on(known: Conversation) -> Conversation:
    """The thread that this one was merged into. Its row is in hand then: nobody takes the two apart before what is
    about to be said stands in one of them."""
    into = known.merged_into_id
    while into is not None:
        Conversation.objects.filter(pk=into).update(seq=F("seq"))
        still = Conversation.objects.values_list("merged_into", flat=True).get(pk=known.pk)
        if still == into:
            return Conversation.objects.with_parties().get(pk=into)
        into = still
    return known


def _link(known: Conversation, inbound: InboundMessage, sender: Sender) -> None:
    """The user id that a known phone shows for the first time: the same person will write from it one day."""
    other = _other(inbound)
    others = known.others if other else None  # type: ignore[attr-defined]  # annotated
    if not other or others == known.contact_id:
        return
    if others is not None or _has_kind(known.contact, other, sender):
        _left_apart(known.contact, sender, other)
        return
    try:
        with transaction.atomic():
            _address(known.contact, sender, other)
    except IntegrityError:
        return  # a message at the same moment was faster


def _first_contact(inbound: InboundMessage, sender: Sender) -> Conversation:
    other = _other(inbound)
    standing = _standing(other, sender).select_related("contact").first() if other else None
    contact = _beside(standing, inbound, sender) or Contact.objects.create(
        organization_id=sender.organization_id,
        name=inbound.profile_name,
        language=language_of(inbound.from_),
    )
    _address(contact, sender, inbound.from_)
    if standing is not None and standing.contact_id != contact.pk:
        _left_apart(contact, sender, other)
    elif other and standing is None:
        # One that has appeared since the look is a message at the same moment, of the same person.
        _address(contact, sender, other)
    conversation, _made = Conversation.objects.select_related("contact").get_or_create(
        sender=sender, contact=contact, defaults={"reply_address": inbound.from_}
    )
    return _where_it_goes_on(conversation)


def _beside(standing: ContactAddress | None, inbound: InboundMessage, sender: Sender) -> Contact | None:
    """The person already known by the other address of the same payload, if they have no phone yet.

    Somebody with another phone stays another person: recycled numbers must not open a stranger's thread.
    """
    if standing is None or _has_kind(standing.contact, inbound.from_, sender):
        return None
    return standing.contact


def _left_apart(contact: Contact, sender: Sender, other: str) -> None:
    """Kept, so that somebody can be asked whether the two are one person."""
    SeenBeside.objects.get_or_create(contact=contact, sender=sender, value=other)


def _other(inbound: InboundMessage) -> str:
    """The user id beside the address it came from; "" where there is none, or one that no column takes."""
    other = inbound.user_id
    return "" if other == inbound.from_ or len(other) > ADDRESS_LENGTH else other


def _standing(value: str, sender: Sender) -> QuerySet[ContactAddress]:
    return ContactAddress.objects.filter(sender=sender, value=value)


def _has_kind(contact: Contact, address: str, sender: Sender) -> bool:
    """Looked at with the conversation's row in hand: two addresses of a kind at the same moment take turns."""
    Conversation.objects.filter(sender=sender, contact=contact).update(seq=F("seq"))
    return contact.addresses.filter(kind=_kind(address)).exists()


def _address(contact: Contact, sender: Sender, value: str) -> ContactAddress:
    return ContactAddress.objects.create(contact=contact, sender=sender, value=value, kind=_kind(value))


def _kind(address: str) -> AddressKind:
    number = address.removeprefix("whatsapp:").removeprefix("+")
    return AddressKind.PHONE if number.isdigit() else AddressKind.USER_ID
