"""What is not plain text in a bubble: a labelled card that always says what came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from conversations.models import Kind, Message
from operators.views import attachments, kinds

SAID_BY_CARD = {Kind.BUTTON, Kind.LIST}
"""Kinds whose body is the card's own text."""
_MAP = "https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}#map=17/{latitude}/{longitude}"


@dataclass(slots=True)
class Card:
    icon: str
    title: str
    line: str = ""
    link: str = ""
    link_label: str = ""


def label(kind: str) -> str:
    return kinds.label(kind)


def of(message: Message) -> list[Card]:
    """The cards of a bubble, the advertisement it came from first."""
    found = [_referral(message.extras["referral"])] if message.extras.get("referral") else []
    build = _KINDS.get(Kind(message.kind))
    if build:
        found.append(build(message))
    return found + _fallback(message)


def _fallback(message: Message) -> list[Card]:
    """Media whose file is unknown still says what it was."""
    kind = Kind(message.kind)
    if kind in _KINDS or kind in {Kind.TEXT, Kind.TEMPLATE} or attachments.held(message):
        return []
    return [Card(kinds.ICONS[kind], kinds.label(kind))]


def _location(message: Message) -> Card:
    place = message.extras.get("location") or {}
    latitude, longitude = place.get("latitude"), place.get("longitude")
    said = [text for text in (place.get("label"), place.get("address")) if text]
    known = latitude is not None and longitude is not None
    return Card(
        "pin",
        str(said[0]) if said else _("Location"),
        str(said[1]) if len(said) > 1 else (f"{latitude}, {longitude}" if known else ""),
        _MAP.format(latitude=latitude, longitude=longitude) if known else "",
        _("Open the map"),
    )


def _button(message: Message) -> Card:
    return Card("tap", message.body or _text(message, "button", "text"), _("Button reply"))


def _list(message: Message) -> Card:
    chosen = message.body or _text(message, "list", "title")
    return Card("list", chosen, _text(message, "list", "description") or _("List reply"))


def _form(message: Message) -> Card:
    answers: dict[str, Any] = message.extras.get("flow") or {}
    said = " · ".join(f"{name}: {answer}" for name, answer in answers.items() if name != "flow_token")
    return Card("form", _("Form reply"), said)


def _unsupported(message: Message) -> Card:
    return Card(
        "help",
        _("Message of a kind that cannot be shown here"),
        str(message.extras.get("type", "")),
    )


def _referral(referral: dict[str, Any]) -> Card:
    source = str(referral.get("source_url", ""))
    return Card(
        "tag",
        _("Came from an advertisement"),
        referral.get("headline") or referral.get("body") or "",
        source if source.startswith(("https://", "http://")) else "",
        _("See the advertisement"),
    )


def _text(message: Message, group: str, name: str) -> str:
    return str((message.extras.get(group) or {}).get(name, ""))


_KINDS = {
    Kind.LOCATION: _location,
    Kind.BUTTON: _button,
    Kind.LIST: _list,
    Kind.FLOW: _form,
    Kind.UNSUPPORTED: _unsupported,
}
