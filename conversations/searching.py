"""Finding a conversation again: by somebody's name or number, and by what was said or noted in it.

Everything goes by words: each that is looked for has to begin one there, whatever its accents and capitals. On
PostgreSQL an index knows the words. Elsewhere a search looks through the newest rows, and further back when it is
asked to: that costs the same however many there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import phonenumbers
from django.db import connection
from django.db.models import BooleanField, Exists, F, Func, Max, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from conversations import spellings, words
from conversations.models import AddressKind, Contact, ContactAddress, Conversation, Message, Note, Sender
from conversations.models.contact import begins

if TYPE_CHECKING:
    from conversations.models.conversation import ConversationQuerySet

PEOPLE, LINES = 8, 30
"""Hits at a time."""
SPAN = 50_000
"""Rows that one search looks through where no index knows the words."""
NEAR = 5_000
"""Those that are looked through before an index is asked, and how many it may name."""
WORDS, SHORTEST, DIGITS = 8, 2, 4
_NUMBER = re.compile(r"\+?[\d\s().\-\u00a0]+")

Row = TypeVar("Row", Message, Note, Conversation)
Line = TypeVar("Line", Message, Note)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: words, and the digits of what may be a number."""

    words: tuple[str, ...]
    digits: str = ""

    @classmethod
    def read(cls, typed: str) -> Wanted:
        typed = typed.strip()
        told = [word for word in words.normalise(typed).split() if len(word) >= SHORTEST]
        digits = re.sub(r"\D", "", typed) if _NUMBER.fullmatch(typed) else ""
        return cls(tuple(told[:WORDS]), digits if len(digits) >= DIGITS else "")

    def __bool__(self) -> bool:
        return bool(self.words or self.digits)


@dataclass(frozen=True, slots=True)
class Found(Generic[Row]):
    """The newest first. ``more``: others fit as well; ``further``: so many spans back there is more to look through."""

    rows: list[Row]
    more: bool = False
    further: int | None = None


def people(wanted: Wanted, *, among: ConversationQuerySet, company: int) -> Found[Conversation]:
    """The conversations, ``among`` these, with whoever is called so or has such a number. One that was merged leads
    to the one that goes on."""
    known = Contact.objects.filter(organization=company, anonymized_at=None)
    found: dict[int, Conversation] = {}
    for theirs in _theirs(known, wanted, company):
        threads = Conversation.objects.filter(contact__in=theirs).values(
            goes_on=Coalesce("merged_into", "pk")
        )
        newest = among.filter(pk__in=threads).order_by("-last_message_at", "-pk")
        found |= {one.pk: one for one in newest.select_related("contact", "operator")[: PEOPLE + 1]}
    rows = sorted(
        found.values(), key=lambda one: (one.last_message_at or one.created_at, one.pk), reverse=True
    )
    return Found(rows[:PEOPLE], more=len(rows) > PEOPLE)


def anybody(wanted: Wanted, *, company: int) -> Q:
    """A condition on contacts: they are called so, or have such a number. Nothing looked for is nobody."""
    known = Contact.objects.filter(organization=company)
    found = Q(pk__in=[])
    for theirs in _theirs(known, wanted, company):
        found |= person(theirs)
    return found


def person(theirs: QuerySet[Contact]) -> Q:
    """A condition on contacts: these, and whoever one of them was merged into."""
    return Q(pk__in=theirs.values("pk")) | Q(pk__in=theirs.exclude(merged_into=None).values("merged_into"))


def named(beginning: str) -> Q:
    """A condition on contacts: the name, or its last word, begins like this."""
    wanted = words.normalise(beginning)
    if not wanted:
        return Q(pk__in=[])
    return Q(**begins("search_name", wanted)) | Q(**begins("search_surname", wanted))


def said(wanted: Wanted, *, among: ConversationQuerySet, back: int = 0) -> Found[Message]:
    """What was said with these words; ``back`` spans ago where no index knows them."""
    return _lines(Message.objects.select_related("operator"), wanted, among, back)


def noted(
    wanted: Wanted, *, readable: QuerySet[Note], among: ConversationQuerySet, back: int = 0
) -> Found[Note]:
    return _lines(readable.select_related("author", "for_operator"), wanted, among, back)


def _theirs(known: QuerySet[Contact], wanted: Wanted, company: int) -> Iterable[QuerySet[Contact]]:
    if wanted.words:
        yield known.filter(_called(wanted))
    if wanted.digits:
        phones = ContactAddress.objects.filter(sender__organization=company, kind=AddressKind.PHONE)
        yield known.filter(pk__in=phones.filter(_dialled(wanted.digits, company)).values("contact"))


def _called(wanted: Wanted) -> Q:
    if _index_knows_words():
        return Q(_has("search_name", wanted))
    name = " ".join(wanted.words)
    recent = Q(pk__gt=_newest(Contact) - SPAN)
    for word in wanted.words:
        recent &= Q(search_name__startswith=word) | Q(search_name__contains=f" {word}")
    return recent | Q(**begins("search_name", name)) | Q(**begins("search_surname", name))


def _dialled(digits: str, company: int) -> Q:
    """Numbers that begin like this, with their country code or without ours; of the newest also those that have it
    anywhere."""
    written = spellings.fragments(digits)
    recent, whole = Q(), Q()
    for fragment in written:
        recent |= Q(value__contains=fragment)
        for code in ("", *_country_codes(company)):
            beginning = f"whatsapp:+{code}{fragment}"
            whole |= Q(value__gte=beginning, value__lt=f"{beginning}{'9' * 15}", value__startswith=beginning)
    return whole | (recent & Q(pk__gt=_newest(ContactAddress) - SPAN))


def _country_codes(company: int) -> set[str]:
    """Of the company's own numbers: what their customers leave out."""
    codes = set()
    for address in Sender.objects.filter(organization=company).values_list("address", flat=True):
        try:
            codes.add(str(phonenumbers.parse(address.removeprefix("whatsapp:")).country_code))
        except phonenumbers.NumberParseException:
            continue
    return codes


def _lines(rows: QuerySet[Line], wanted: Wanted, among: ConversationQuerySet, back: int) -> Found[Line]:
    if not wanted.words:
        return Found([])
    pks, more, further = _looked_through(rows.filter(_in_one(among)), wanted, back)
    shown = rows.filter(pk__in=pks).order_by("-pk")
    shown = shown.select_related("conversation__contact", "conversation__merged_into__contact")
    return Found(list(shown), more=more, further=further)


def _looked_through(rows: QuerySet[Line], wanted: Wanted, back: int) -> tuple[list[int], bool, int | None]:
    """The newest that fit, whether there are more, and where to look on."""
    top = _newest(rows.model) - back * SPAN
    if not _index_knows_words():
        pks, more = _newest_of(_one_by_one(rows, wanted, top, SPAN))
        return pks, more, back + 1 if top > SPAN else None
    # A word that is everywhere is among the newest rows at once. Any other is asked of the index: "+ 0" keeps the
    # planner from walking back through the rows instead, which takes seconds where there are none.
    pks, more = _newest_of(_one_by_one(rows, wanted, top, NEAR))
    if more:
        return pks, more, None
    having = rows.model._default_manager.filter(_has("search_body", wanted)).order_by((F("pk") + 0).desc())
    known = list(having.values_list("pk", flat=True)[: NEAR + 1])
    pks, more = _newest_of(rows.filter(pk__in=known))
    return pks, more or len(known) > NEAR, None


def _one_by_one(rows: QuerySet[Line], wanted: Wanted, top: int, span: int) -> QuerySet[Line]:
    rows = rows.filter(pk__lte=top, pk__gt=top - span)
    for word in wanted.words:
        rows = rows.filter(search_body__contains=f" {word}")
    return rows


def _newest_of(rows: QuerySet[Line]) -> tuple[list[int], bool]:
    found = list(rows.order_by("-pk").values_list("pk", flat=True)[: LINES + 1])
    return found[:LINES], len(found) > LINES


def _in_one(among: ConversationQuerySet) -> Q:
    """What was said in one of these, or in one that was merged into it; of nobody who was erased. Without a join: it
    is asked of the rows that fit, one by one."""
    said_in = OuterRef("conversation_id")
    itself = Exists(among.filter(pk=said_in, contact__anonymized_at=None))
    return itself | Exists(among.filter(merged=said_in, merged__contact__anonymized_at=None))


def _index_knows_words() -> bool:
    return connection.vendor == "postgresql"


def _has(column: str, wanted: Wanted) -> Func:
    """Written as the index of the migration is, or that would not be used."""
    query = " & ".join(f"{word}:*" for word in wanted.words)
    return Func(
        Func(F(column), template="to_tsvector('simple', %(expressions)s)"),
        Func(Value(query), template="to_tsquery('simple', %(expressions)s)"),
        template="(%(expressions)s)",
        arg_joiner=" @@ ",
        output_field=BooleanField(),
    )


def _newest(model: type[Any]) -> int:
    return model._default_manager.aggregate(newest=Max("pk"))["newest"] or 0
