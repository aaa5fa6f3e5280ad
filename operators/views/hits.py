"""What a search has found, as the list shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from conversations.models import Author, Conversation, Message, Mode, Note
from conversations.searching import Found, Wanted
from operators.models import Operator
from operators.views import excerpts, spots, wording
from operators.views.excerpts import Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """``line`` is what stands under the name. ``whole``: its address is a page of its own, not a part of this one."""

    place: str
    name: str
    initials: str
    hue: str
    who: str
    line: list[Piece]
    time: str
    stamp: str
    whole: bool = False


def of_people(found: Found[Conversation], operator: Operator, now: datetime) -> list[Hit]:
    return [_person(one, operator, now) for one in found.rows]


def of_messages(found: Found[Message], wanted: Wanted, operator: Operator, now: datetime) -> list[Hit]:
    return [
        _line(message, _who(message, operator), message.occurred_at, wanted, now) for message in found.rows
    ]


def of_notes(found: Found[Note], wanted: Wanted, operator: Operator, now: datetime) -> list[Hit]:
    return [_line(note, _writer(note, operator), note.created_at, wanted, now) for note in found.rows]


def _person(conversation: Conversation, operator: Operator, now: datetime) -> Hit:
    address, at = wording.address(conversation.reply_address), conversation.last_message_at
    named = bool(conversation.contact.name)
    return Hit(
        place=reverse("operator-conversation", args=[conversation.public_id]),
        **_whose(conversation),
        who=_state(conversation, operator),
        line=[Piece(address)] if named else [],
        time=wording.recent(at, now),
        stamp=at.isoformat() if at else "",
    )


def _state(conversation: Conversation, operator: Operator) -> str:
    if conversation.mode == Mode.BOT:
        return _("With the bot")
    if conversation.mode == Mode.QUEUED or conversation.operator is None:
        return _("Waiting")
    if conversation.operator_id == operator.pk:
        return _("My chats")
    return wording.first_name(conversation.operator.shown_name)


def _line(row: Message | Note, who: str, at: datetime, wanted: Wanted, now: datetime) -> Hit:
    thread, into = row.conversation, row.conversation.merged_into
    return Hit(
        place=_place(row, into),
        **_whose(into or thread),
        who=who,
        line=excerpts.pieces(row.body, wanted.words),
        time=wording.recent(at, now),
        stamp=at.isoformat(),
        whole=into is not None,
    )


def _place(row: Message | Note, into: Conversation | None) -> str:
    """In its thread; what was said in one that was merged stands on that one's own page."""
    if into is None:
        thread = reverse("operator-conversation", args=[row.conversation.public_id])
        return f"{thread}?{urlencode({'at': row.public_id})}#m-{row.public_id}"
    page = reverse("operator-earlier", args=[into.public_id, row.conversation.public_id])
    return f"{page}?{urlencode({'before': row.seq + spots.AFTER})}#m-{row.public_id}"


def _whose(conversation: Conversation) -> dict[str, Any]:
    name = wording.contact_name(conversation)
    return {"name": name, "initials": wording.initials(name), "hue": wording.hue(conversation.contact)}


def _who(message: Message, operator: Operator) -> str:
    if message.author == Author.CUSTOMER:
        return wording.first_name(wording.contact_name(message.conversation))
    if message.operator_id == operator.pk:
        return _("You")
    if message.operator is not None:
        return wording.first_name(message.operator.shown_name)
    return _("Bot") if message.author == Author.BOT else _("Automatic message")


def _writer(note: Note, operator: Operator) -> str:
    if note.author_id == operator.pk:
        return _("You")
    return wording.first_name(note.author.shown_name) if note.author else _("Integration")
