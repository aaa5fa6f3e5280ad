"""Who writes: finding contacts, and correcting what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from conversations import clock, messages, profiles, searching
from conversations.models import Contact, ContactAddress, Conversation
from conversations.profiles import LANGUAGE, NAME, Change
from handoffflow.api import errors, once, openapi, pages, reach, render, schemas
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.api.errors import Refused
from handoffflow.models import Scope
from operators import attributes, labels
from operators.attributes import Kind, Wrong
from operators.models import AttributeDefinition

router = Router(tags=["contacts"])

# A plus that was not encoded arrives as a blank.
Phone = Annotated[str, StringConstraints(pattern=r"^[ +]?[0-9]{5,15}$")]


class ContactFilter(schemas.Paged):
    phone: Phone | None = Field(default=None, description="The whole number with its country code.")
    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=120,
        description="The name, or its last word, begins like this. Accents and capitals make no difference.",
    )
    q: str | None = Field(
        default=None,
        min_length=1,
        max_length=60,
        description="Words of the name, or digits of the number (4 or more), as in the panel's search.",
    )


class ContactPoint(BaseModel):
    """How they are reached on one sender."""

    sender: str
    kind: Literal["phone", "user_id"]
    address: str


class Thread(BaseModel):
    id: UUID
    sender: str


class ContactDetails(BaseModel):
    id: UUID
    name: str
    language: str
    addresses: list[ContactPoint] = Field(description="Also those of whoever was merged into them.")
    attributes: dict[str, Any]
    conversations: list[Thread]
    opted_in_at: datetime | None = Field(description="Since when somebody says that they agreed.")
    opted_out_at: datetime | None
    created_at: datetime


class Contacts(schemas.Page[ContactDetails]):
    pass


class ChangeContact(schemas.Body):
    """What is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "João Silva", "attributes": {"cpf": "123.456.789-09", "plan": None}}]
        }
    )

    name: str | None = Field(default=None, max_length=1000, description="Up to 120 characters.")
    language: str | None = Field(default=None, max_length=10, description="pt-br, en or es.")
    attributes: dict[str, Any] = Field(
        default={},
        max_length=100,
        description="By key, those of `GET /contact-attributes`; null empties one. Text, a number for "
        "`number`, true or false for `yes_no`, an ISO date for `date`.",
    )


@router.get(
    "/contacts",
    auth=Access(Scope.READ, query=ContactFilter),
    response={200: Contacts},
    openapi_extra=openapi.codes(),
)
def list_contacts(request: ApiRequest, filters: Query[ContactFilter]) -> HttpResponse:
    """Everybody with a conversation that you may see, the youngest first."""
    rows, company = _known(request.auth), request.auth.organization.pk
    if filters.phone:
        number = f"whatsapp:+{filters.phone.strip(' +')}"
        known = ContactAddress.objects.filter(sender__organization=company, value=number)
        rows = rows.filter(searching.person(Contact.objects.filter(pk__in=known.values("contact"))))
    if filters.name:
        rows = rows.filter(searching.named(filters.name))
    if filters.q:
        rows = rows.filter(searching.anybody(searching.Wanted.read(filters.q), company=company))
    found, following = pages.page(rows, ("-pk",), filters, name="contacts")
    return render.document(Contacts.model_construct(items=_shown(request.auth, found), next=following))


@router.get(
    "/contacts/{contact_id}",
    auth=Access(Scope.READ),
    response={200: ContactDetails},
    openapi_extra=openapi.codes(),
)
def get_contact(request: ApiRequest, contact_id: str) -> HttpResponse:
    """One contact. Whoever was merged into somebody else is no longer there."""
    found = reach.one(_known(request.auth), contact_id)
    return render.document(_shown(request.auth, [found])[0])


@router.post(
    "/contacts/{contact_id}",
    auth=Access(Scope.DESK),
    response={200: ContactDetails},
    openapi_extra=openapi.codes("profile_changed", "merged"),
)
def change_contact(request: ApiRequest, contact_id: str, body: ChangeContact) -> HttpResponse:
    """Correct name, language and attributes, all or nothing. What is wrong is named: `attributes.<key>`."""
    return once.perform(request, lambda: _change(request.auth, contact_id, body))


def _known(caller: Caller) -> QuerySet[Contact]:
    theirs = caller.conversations().filter(contact=OuterRef("pk"))
    return Contact.objects.for_organization(caller.organization).filter(Exists(theirs), anonymized_at=None)


def _change(caller: Caller, contact_id: str, body: ChangeContact) -> HttpResponse:
    contact = reach.one(_known(caller), contact_id)
    changes = _changes(caller, contact, body)
    if changes:
        profiles.correct(_place(caller, contact), changes, cause=caller.cause(), now=clock.now())
    return render.document(_shown(caller, [Contact.objects.get(pk=contact.pk)])[0])


def _place(caller: Caller, contact: Contact) -> Conversation:
    """The conversation in whose story it is told: the one that is alive."""
    newest = F("last_message_at").desc(nulls_last=True)
    found = caller.conversations().filter(contact=contact).order_by(newest, "-pk").first()
    if found is None:
        raise Refused("not_found")
    return found


def _changes(caller: Caller, contact: Contact, body: ChangeContact) -> list[Change]:
    changes, wrong = [], []
    own = ((NAME, body.name, attributes.person), (LANGUAGE, body.language, attributes.language))
    for name, given, read in own:
        try:
            if given is not None:
                told = read(messages.storable(given))
                changes.append(Change(field=name, was=getattr(contact, name), to=told))
        except Wrong:
            wrong.append((name, "choice" if name == LANGUAGE else "format"))
    definitions, _links = labels.setup_of(caller.organization.pk)
    known = {one.key: one for one in definitions}
    for key, given in body.attributes.items():
        definition = known.get(key)
        if definition is None:
            wrong.append((f"attributes.{errors.plain(key)}", "unknown"))
            continue
        try:
            told = _value(definition, given)
            change = Change(
                field=str(definition.public_id), key=key, was=contact.attributes.get(key), to=told
            )
            changes.append(change)
        except Wrong as error:
            wrong.append((f"attributes.{key}", str(error)))
    if wrong:
        raise Refused("invalid", wrong)
    return [change for change in changes if change.was != change.to]


def _value(definition: AttributeDefinition, given: Any) -> Any:
    """As it is stored; Wrong says a field's code. JSON has types of its own: no number is read out of a text."""
    if given is not None and not _fits(definition.kind, given):
        raise Wrong("type")
    # A number is written as the panel's own field would show it, and read as from there.
    text = messages.storable(definition.typed(given))
    if not text.strip() and definition.required:
        raise Wrong("required")
    try:
        told = definition.parse(text)
    except Wrong:
        raise Wrong("choice" if definition.kind == Kind.LIST else "format") from None
    if told is None and not (given is None or isinstance(given, str)):
        raise Wrong("range")
    return told


def _fits(kind: str, given: Any) -> bool:
    if kind == Kind.YES_NO:
        return isinstance(given, bool)
    if kind == Kind.NUMBER:
        return isinstance(given, int | float) and not isinstance(given, bool)
    return isinstance(given, str)


def _shown(caller: Caller, rows: Sequence[Contact]) -> list[ContactDetails]:
    """A whole page with two queries. Addresses are of the senders on which the caller may see them."""
    people = [row.pk for row in rows]
    threads: dict[int, list[Conversation]] = {}
    for one in caller.conversations().filter(contact__in=people).order_by("pk"):
        threads.setdefault(one.contact_id, []).append(one)
    points: dict[int, list[ContactAddress]] = {}
    theirs = Q(contact__in=people) | Q(contact__merged_into__in=people)
    for point in ContactAddress.objects.filter(theirs).select_related("sender", "contact").order_by("pk"):
        person = point.contact.merged_into_id or point.contact_id
        if any(one.sender_id == point.sender_id for one in threads.get(person, ())):
            points.setdefault(person, []).append(point)
    return [_details(row, threads.get(row.pk, []), points.get(row.pk, [])) for row in rows]


def _details(row: Contact, threads: list[Conversation], points: list[ContactAddress]) -> ContactDetails:
    return ContactDetails.model_construct(
        id=row.public_id,
        name=row.name,
        language=row.language,
        addresses=[
            ContactPoint.model_construct(sender=one.sender.address, kind=one.kind, address=one.value)
            for one in points
        ],
        attributes=row.attributes,
        conversations=[
            Thread.model_construct(id=one.public_id, sender=one.sender.address) for one in threads
        ],
        opted_in_at=row.opted_in_at,
        opted_out_at=row.opted_out_at,
        created_at=row.created_at,
    )
