"""The files of a bubble: a box of the right shape at once, then what came, or why it did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from conversations import media, sniffing
from conversations.models import Attachment, AttachmentState, Kind, Message
from operators.views import kinds

SHAPES = {Kind.IMAGE: "pic", Kind.STICKER: "stk", Kind.AUDIO: "aud", Kind.VIDEO: "vid"}
UNPLAYABLE = {"audio/amr", "video/3gpp"}
"""Stored and offered for download: no browser of today plays them."""


@dataclass(slots=True)
class File:
    """``shape`` is how it is drawn: pic, stk, aud, vid or doc."""

    id: str
    shape: str
    icon: str
    label: str
    state: str
    name: str = ""
    line: str = ""
    reason: str = ""
    length: str = ""
    people: list[tuple[str, str]] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        return self.state == AttachmentState.STORED


def of(message: Message) -> list[File]:
    return [_file(message, attachment) for attachment in held(message)]


def held(message: Message) -> list[Attachment]:
    """In their order. Nobody asks for those of a message that came with the word that it has none."""
    if not getattr(message, "has_files", True):
        return []
    return sorted(message.attachments.all(), key=lambda one: one.position)


def any_of() -> Exists:
    """That word: for ``annotate(has_files=…)``."""
    return Exists(Attachment.objects.filter(message=OuterRef("pk")))


def _file(message: Message, attachment: Attachment) -> File:
    kind, said = _kind(message, attachment), _said(message)
    reason = media.REASONS.get(attachment.reason, media.REASONS["refused"])
    return File(
        id=str(attachment.public_id),
        shape=SHAPES.get(kind, "doc"),
        icon=kinds.ICONS[said],
        label=kinds.label(said),
        state=attachment.state,
        name=attachment.name,
        line=_line(attachment),
        reason=str(reason) if attachment.state == AttachmentState.FAILED else "",
        length=_clock(attachment.facts.get("seconds")),
        people=_people(attachment),
    )


def _kind(message: Message, attachment: Attachment) -> Kind:
    """What it was sent as, until its bytes say otherwise: a photo that is none is a document."""
    said = _said(message)
    if attachment.state != AttachmentState.STORED or said not in SHAPES:
        return said
    playable = attachment.media_type in sniffing.SHOWN and attachment.media_type not in UNPLAYABLE
    family = attachment.media_type.partition("/")[0]
    if not playable:
        return Kind.DOCUMENT
    return said if said == Kind.STICKER and family == "image" else Kind(family)


def _said(message: Message) -> Kind:
    return Kind(message.kind) if message.kind in kinds.ICONS else Kind.DOCUMENT


def _line(attachment: Attachment) -> str:
    """Its kind and size, as a folder shows them."""
    if attachment.state != AttachmentState.STORED:
        return attachment.content_type
    extension = sniffing.EXTENSIONS.get(attachment.media_type, "").removeprefix(".").upper()
    kind = extension if attachment.media_type != sniffing.UNKNOWN else _("Unknown kind")
    return f"{kind} · {filesizeformat(attachment.size)}"


def _clock(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return ""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def _people(attachment: Attachment) -> list[tuple[str, str]]:
    cards: list[dict[str, Any]] = attachment.facts.get("contacts") or []
    return [(card.get("name", ""), " · ".join(card.get("phones", []))) for card in cards]
