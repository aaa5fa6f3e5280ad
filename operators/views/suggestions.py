"""What a template's gaps are likely to be filled with, and where that comes from."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _

from conversations import words
from conversations.models import Conversation, Handoff, Kind, Message, Template
from operators.models import Operator
from operators.views import wording

LOOK_BACK, USED = 200, 3
"""Of an operator's last messages, how many are looked at, and how many templates are shown as theirs."""

_CONTACT = {"name", "first name", "nome", "primeiro nome", "nombre", "cliente", "customer", "contact"}
_OPERATOR = {"operator", "agent", "atendente", "agente", "operador", "asesor", "atendido por"}
# A number says nothing: what stands before it does.
_GREETING = re.compile(
    r"(?:\b(?:oi|ola|hi|hello|hey|hola|dear|bom dia|boa tarde|boa noite|buenos dias|buenas tardes)\b[,!]?|^)\s*$"
)
_OWN_NAME = re.compile(r"\b(?:aqui e(?: a| o)?|sou(?: a| o)?|this is|i am|soy|habla|me llamo)\s*$")

Found = tuple[str, str]
"""A value, and from where."""


def of(template: Template, conversation: Conversation | None, operator: Operator) -> dict[str, Found]:
    name = conversation.contact.name if conversation else ""
    person = (wording.first_name(name), _("from the contact")) if name else None
    own = (wording.first_name(operator.shown_name), _("your name"))
    known = _known(conversation) if conversation else {}
    found: dict[str, Found] = {}
    for gap in template.names:
        guess = _by_name(gap, person, own, known) or _by_place(template.body, gap, person, own)
        if guess and guess[0]:
            found[gap] = guess
    return found


def persons(template: Template) -> set[str]:
    """The gaps that want the customer's first name."""
    somebody, nobody = ("x", ""), ("", "")
    return {
        gap
        for gap in template.names
        if (_by_name(gap, somebody, nobody, {}) or _by_place(template.body, gap, somebody, nobody))
        == somebody
    }


def used(operator: Operator) -> list[str]:
    """The contents this operator has sent lately, the last one first."""
    said = Message.objects.filter(operator=operator).order_by("-pk").values_list("kind", "extras")[:LOOK_BACK]
    sids = [
        extras.get("template", {}).get("content_sid", "") for kind, extras in said if kind == Kind.TEMPLATE
    ]
    return list(dict.fromkeys(sid for sid in sids if sid))[:USED]


def _by_name(gap: str, person: Found | None, own: Found, known: dict[str, Found]) -> Found | None:
    plain = _plain(gap)
    if plain in _CONTACT:
        return person
    return own if plain in _OPERATOR else known.get(plain)


def _by_place(body: str, gap: str, person: Found | None, own: Found) -> Found | None:
    if not gap.isdigit():
        return None
    before, found, _rest = body.partition("{{" + gap + "}}")
    if not found:
        return None
    said = words.normalise(before)
    if _OWN_NAME.search(said):
        return own
    return person if _GREETING.search(said) else None


def _known(conversation: Conversation) -> dict[str, Found]:
    """What the bot has gathered in this service, before what it knows of the person."""
    attributes = _values(conversation.contact.attributes, _("from the contact"))
    handoff = Handoff.objects.filter(open_for=conversation).only("slots").first()
    return attributes | _values(handoff.slots if handoff else {}, _("from the bot"))


def _values(given: dict[str, Any], source: str) -> dict[str, Found]:
    return {
        _plain(name): (" ".join(str(value).split()), source)
        for name, value in given.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }


def _plain(name: str) -> str:
    return words.normalise(name.replace("_", " ")).strip()
