"""What is kept for one operator for a while: until when, who handed it to them, or why it is them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from conversations.models import Conversation, Event, Note
from operators import routing
from operators.views import markup, wording

FIRST_WORDS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """``repr`` is part of the list's validator: ``left`` runs by itself in the browser and stays out."""

    until: str
    left: str = field(repr=False)
    by: str
    note: str
    why: str


def of(conversations: Collection[Conversation], now: datetime) -> dict[int, Offer]:
    """By the id of a conversation that was offered to somebody; two statements for all of them."""
    if not conversations:
        return {}
    kinds = ("handoff.transferred", "handoff.offered")
    told = Event.objects.filter(conversation__in=conversations, kind__in=kinds)
    newest = {event.conversation_id: event for event in told.order_by("seq")}
    wanted = [event.data.get("note") for event in newest.values()]
    notes = Note.objects.select_related("author").in_bulk([pk for pk in wanted if pk]) if any(wanted) else {}
    return {one.pk: _offer(one, newest.get(one.pk), notes, now) for one in conversations}


def _offer(conversation: Conversation, event: Event | None, notes: dict[int, Note], now: datetime) -> Offer:
    handoff = conversation.handoff
    until = handoff.due_at if handoff and handoff.due_at else now
    note = notes.get(event.data.get("note", 0)) if event else None
    return Offer(
        until=until.isoformat(),
        left=wording.timer(until - now),
        by=_author(note) if note else "",
        note=_first_words(note.body) if note else "",
        why=_why(conversation, event, note),
    )


def _author(note: Note) -> str:
    return wording.first_name(note.author.shown_name) if note.author else _("Integration")


def _first_words(text: str) -> str:
    line = markup.plain(" ".join(text.split()))
    return line if len(line) <= FIRST_WORDS else line[:FIRST_WORDS].rsplit(" ", 1)[0] + "…"


def _why(conversation: Conversation, event: Event | None, note: Note | None) -> str:
    if note:
        return _("%(name)s transferred this chat to you.") % {"name": _author(note)}
    code = event.data.get("why", "") if event else ""
    name = wording.first_name(wording.contact_name(conversation))
    said = {
        routing.LAST_SERVED: _("You served %(name)s last time."),
        routing.LEAST_LOADED: _("Of those available, you have the fewest chats."),
        routing.LONGEST_IDLE: _("Of those available, you have been without a new chat for longest."),
    }.get(code, _("This chat was kept for you."))
    return said % {"name": name}
