"""What the team keeps about the person, beside the thread: tags, pinned notes, attributes, links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import Conversation, Note
from operators import labels, links, tags
from operators.models import AttributeDefinition, ContactLink, Operator
from operators.views import marks, side, story, wording


def of(
    conversation: Conversation, operator: Operator, notes: Iterable[Note], told: dict[str, Any]
) -> dict[str, Any]:
    """``told`` is what is known without them. A statement where a supervisor has set something up, one where there
    are tags."""
    definitions, linked = _setup(conversation, operator)
    contact = conversation.contact
    defined = {one.key for one in definitions}
    learned = {name: value for name, value in contact.attributes.items() if name not in defined}
    return told | {
        "known": _known(told, learned),
        "tags": _tags(conversation),
        "pinned": pinned(conversation, operator, notes),
        "language": wording.language(contact.language),
        "attributes": _attributes(definitions, contact.attributes),
        "links": _links(conversation, linked),
        "asks": _ask(operator),
    }


def _setup(
    conversation: Conversation, operator: Operator
) -> tuple[list[AttributeDefinition], list[ContactLink]]:
    if not getattr(conversation, "set_up", True):
        return [], []
    return labels.setup_of(operator.organization_id)


def pinned(conversation: Conversation, operator: Operator, notes: Iterable[Note]) -> list[dict[str, Any]]:
    """The last one pinned comes first."""
    found = sorted(
        (note for note in notes if note.pinned_at), key=lambda note: str(note.pinned_at), reverse=True
    )
    return [
        {
            "id": str(note.public_id),
            "text": story.text_of(note, operator),
            "by": _by(note),
            # One that was written in a chat that was merged into this one stands in that one's fold.
            "seq": note.seq if note.conversation_id == conversation.pk else 0,
        }
        for note in found
    ]


def _known(told: dict[str, Any], learned: dict[str, Any]) -> list[tuple[str, str]]:
    """What the bot knows: of this service, and what it or the API has noted and no supervisor has named."""
    subject = [(_("Subject"), told["subject"])] if told["subject"] else []
    return subject + side.pairs({**learned, **told["slots"]})


def _by(note: Note) -> str:
    day = wording.short_date(timezone.localdate(note.pinned_at)) if note.pinned_at else ""
    author = wording.first_name(note.author.shown_name) if note.author else _("Integration")
    pinner = wording.first_name(note.pinned_by.shown_name) if note.pinned_by else _("The team")
    if note.author_id == note.pinned_by_id:
        return _("%(name)s pinned it on %(day)s") % {"name": pinner, "day": day}
    said = {"author": author, "name": pinner, "day": day}
    return _("By %(author)s · %(name)s pinned it on %(day)s") % said


def _tags(conversation: Conversation) -> list[marks.Chip]:
    if not getattr(conversation, "tagged", True):
        return []
    return marks.chips(tags.of([conversation.pk]).get(conversation.pk, {}).values())


def _attributes(definitions: list[AttributeDefinition], values: dict[str, Any]) -> list[tuple[str, str]]:
    shown = [(one.name, one.shown(values.get(one.key))) for one in definitions]
    return [(name, text) for name, text in shown if text]


def _links(conversation: Conversation, linked: Iterable[Any]) -> list[tuple[str, str]]:
    phone = conversation.reply_address.removeprefix("whatsapp:").removeprefix("+")
    filled = [
        (
            link.label,
            links.fill(
                link.url,
                phone=phone if phone.isdigit() else "",
                conversation=str(conversation.public_id),
                known=conversation.contact.attributes,
            ),
        )
        for link in linked
    ]
    return [(label, place) for label, place in filled if place]


def _ask(operator: Operator) -> str:
    if operator.is_staff:
        return _(
            "A copy or an erasure is asked of whoever runs this installation: there is no button for it yet."
        )
    return _("Ask a supervisor for a copy of this data or for its erasure.")
