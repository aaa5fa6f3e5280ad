"""Messages of every kind in a word and a symbol, for where there is room for a line only."""

from __future__ import annotations

from django.utils.translation import gettext as _

from conversations.models import Kind

ICONS = {
    Kind.IMAGE: "img",
    Kind.STICKER: "smile",
    Kind.AUDIO: "mic",
    Kind.VIDEO: "video",
    Kind.DOCUMENT: "clip",
    Kind.LOCATION: "pin",
    Kind.CONTACT: "user",
    Kind.BUTTON: "tap",
    Kind.LIST: "list",
    Kind.FLOW: "form",
    Kind.TEMPLATE: "rep",
    Kind.UNSUPPORTED: "help",
}


def icon(kind: str) -> str:
    return ICONS.get(Kind(kind), "") if kind in Kind.values else ""


def label(kind: str) -> str:
    return {
        Kind.IMAGE: _("Photo"),
        Kind.STICKER: _("Sticker"),
        Kind.AUDIO: _("Audio"),
        Kind.VIDEO: _("Video"),
        Kind.DOCUMENT: _("Document"),
        Kind.LOCATION: _("Location"),
        Kind.CONTACT: _("Contact card"),
        Kind.BUTTON: _("Button reply"),
        Kind.LIST: _("List reply"),
        Kind.FLOW: _("Form reply"),
        Kind.TEMPLATE: _("Template"),
        Kind.UNSUPPORTED: _("Message of a kind that cannot be shown here"),
    }.get(Kind(kind) if kind in Kind.values else Kind.TEXT, "")
