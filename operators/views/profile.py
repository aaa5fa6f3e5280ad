"""What is known of a contact, corrected: name, language, and the attributes that supervisors have named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from conversations import clock, errors, messages, profiles
from conversations.models import Contact, Conversation
from conversations.profiles import LANGUAGE, NAME, Change
from operators import attributes, desk, http, labels
from operators.attributes import Kind, Wrong
from operators.http import OperatorRequest, operator_required
from operators.models import AttributeDefinition
from operators.views import pages, wording
from operators.views.refusals import refusable

WAS = "was-"


@dataclass(slots=True, kw_only=True)
class Field:
    """One line of the form. ``was`` is what it showed when it was asked for, and says whether that still holds."""

    name: str
    label: str
    text: str
    was: str
    kind: str = Kind.TEXT
    options: list[tuple[str, str]] = field(default_factory=list)
    required: bool = False
    wrong: str = ""
    theirs: str = ""
    """What somebody else has made of it meanwhile, as it reads."""
    clash: bool = False
    definition: AttributeDefinition | None = None

    @property
    def is_day(self) -> bool:
        """A calendar shows nothing of what is no day, and would empty it."""
        return self.kind == Kind.DATE and (not self.text or attributes.day(self.text) is not None)

    @property
    def mode(self) -> str:
        return {Kind.NUMBER: "decimal", Kind.EMAIL: "email", Kind.URL: "url"}.get(Kind(self.kind), "text")


@operator_required
@require_http_methods(["GET", "HEAD", "POST"])
@refusable
def contact(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """409 where a colleague was faster: it shows both, and asks again."""
    conversation = pages.find(request, public_id)
    if request.method != "POST":
        return _form(request, conversation, _fields(conversation))
    fields = _fields(conversation)
    changes = _changes(conversation.contact, fields, request.POST)
    if any(one.clash for one in fields):
        return _form(request, conversation, fields, status=409)
    if any(one.wrong for one in fields):
        return _form(request, conversation, fields, status=422)
    try:
        if changes:
            cause = desk.cause(request.operator, "panel")
            profiles.correct(conversation, changes, cause=cause, now=clock.now())
    except errors.ProfileChanged:
        conversation = pages.find(request, public_id)
        fields = _fields(conversation)
        _changes(conversation.contact, fields, request.POST)
        return _form(request, conversation, fields, status=409)
    response = pages.answer(request, public_id)
    response["HX-Trigger"] = "console:done"
    return response


def _fields(conversation: Conversation) -> list[Field]:
    person = conversation.contact
    definitions, _links = labels.setup_of(conversation.sender.organization_id)
    languages = [(code, wording.language(code)) for code, _name in settings.LANGUAGES]
    return [
        Field(name=NAME, label=_("Name"), text=person.name, was=person.name),
        Field(
            name=LANGUAGE,
            label=_("Language"),
            text=person.language,
            was=person.language,
            kind=Kind.LIST,
            options=_with(languages, person.language, wording.language(person.language)),
            required=True,
        ),
        *(_attribute(one, person.attributes.get(one.key)) for one in definitions),
    ]


def _attribute(definition: AttributeDefinition, value: Any) -> Field:
    text = definition.typed(value)
    options = []
    if definition.kind == Kind.YES_NO:
        options = [("", "-"), (attributes.YES, _("Yes")), (attributes.NO, _("No"))]
    if definition.kind == Kind.LIST:
        options = [("", "-"), *((one, one) for one in definition.options())]
    return Field(
        name=str(definition.public_id),
        label=definition.name,
        text=text,
        was=text,
        kind=definition.kind,
        options=_with(options, text, text) if options else [],
        required=definition.required,
        definition=definition,
    )


def _with(options: list[tuple[str, str]], value: str, label: str) -> list[tuple[str, str]]:
    """What is stored stays in the menu, even if it could not be chosen any more."""
    known = {code for code, _label in options}
    return options if value in known or not value else [*options, (value, label)]


def _changes(person: Contact, fields: list[Field], post: MultiValueDict[str, str]) -> list[Change]:
    """What somebody has written over what they saw. The fields learn what is wrong, and what has changed meanwhile."""
    changes = []
    for one in fields:
        if one.name not in post:
            continue
        now, was = one.was, messages.storable(post.get(WAS + one.name) or "")
        typed = messages.storable(post.get(one.name) or "")
        if _same(typed, was):
            continue
        one.text = typed
        try:
            value = _value(one, typed)
        except Wrong as error:
            one.wrong = str(error)
            continue
        change = _change(one, person, value)
        if change.was == value:
            continue
        if not _same(now, was):
            one.clash, one.theirs = True, _reads(one, person)
            continue
        changes.append(change)
    return changes


def _same(one: str, other: str) -> bool:
    """A browser changes the ends of lines, and a field of one line has none."""
    return " ".join(one.split()) == " ".join(other.split())


def _change(one: Field, person: Contact, value: Any) -> Change:
    if one.definition is None:
        return Change(field=one.name, was=getattr(person, one.name), to=value)
    key = one.definition.key
    return Change(field=one.name, key=key, was=person.attributes.get(key), to=value)


def _value(one: Field, typed: str) -> Any:
    if one.definition is not None:
        return one.definition.parse(typed)
    return attributes.language(typed) if one.name == LANGUAGE else attributes.person(typed)


def _reads(one: Field, person: Contact) -> str:
    if one.definition is not None:
        return one.definition.shown(person.attributes.get(one.definition.key)) or _("nothing")
    return dict(one.options).get(one.was, one.was) or _("nothing")


def _form(
    request: OperatorRequest, conversation: Conversation, fields: list[Field], *, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {
        "id": str(conversation.public_id),
        "name": wording.contact_name(conversation),
        "fields": fields,
        "longest": attributes.LONGEST,
        "clash": any(one.clash for one in fields),
    }
    if http.wants_fragment(request):
        return render(request, "operator/_contact.html", context, status=status)
    page = pages.home_context(request, clock.now(), context["id"])
    return render(request, "operator/contact.html", page | context, status=status)
