"""The conversation's row, as a customer's message changes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, F, IntegerField, Q, Value, When
from django.db.models.expressions import Combinable

from conversations import contacts, messages
from conversations.models import Author, Conversation, Kind, Mode, Sender
from conversations.twilio.payloads import InboundMessage

WINDOW = timedelta(hours=24)
SESSION = timedelta(hours=12)


LOOKS = 3
"""A thread may be merged, and taken apart again, between the look and the hold."""


def take(sender: Sender, inbound: InboundMessage, at: datetime, *, late: bool) -> Conversation:
    """The row of whoever wrote, held, with everything this message changes."""
    for _look in range(LOOKS):
        if taken := _take(contacts.resolve(inbound, sender=sender), sender, inbound, at, late=late):
            return taken
    raise Conversation.DoesNotExist


def _take(
    conversation: Conversation, sender: Sender, inbound: InboundMessage, at: datetime, *, late: bool
) -> Conversation | None:
    changes = {} if late else _as_newest(inbound, at)
    held = Conversation.objects.all().hold(
        conversation.pk,
        messages.NUMBERS,
        **_session(conversation, at),
        unread=Case(When(mode=Mode.BOT, then=Value(0)), default=F("unread") + 1, output_field=IntegerField()),
        last_inbound_seq=F("seq") + 1,
        **changes,
    )
    if not held:
        return None
    if late:
        older = Conversation.objects.filter(
            Q(last_inbound_at=None) | Q(last_inbound_at__lt=at), pk=conversation.pk
        )
        older.update(**_as_newest(inbound, at))
    # Most messages need no more of the parties than these two.
    taken = Conversation.objects.select_related("contact").get(pk=conversation.pk)
    taken.sender = sender
    return taken


def _session(conversation: Conversation, at: datetime) -> dict[str, Any]:
    """A new bot session, if it is time for one. It is derived from the time that the same UPDATE replaces, so it
    stands before it. That time only grows: what was recent when it was read is recent still."""
    if conversation.last_inbound_at and conversation.last_inbound_at >= at - SESSION:
        return {}
    fresh = Q(last_inbound_at=None) | Q(last_inbound_at__lt=at - SESSION, mode=Mode.BOT)
    return {
        "bot_session": _if(fresh, F("bot_session") + 1, "bot_session"),
        "bot_session_seq": _if(fresh, F("seq") + 1, "bot_session_seq"),
    }


def _if(condition: Q, then: Combinable, otherwise: str) -> Case:
    return Case(When(condition, then=then), default=F(otherwise), output_field=IntegerField())


def _as_newest(inbound: InboundMessage, at: datetime) -> dict[str, Any]:
    return {
        "last_inbound_at": at,
        "window_expires_at": at + WINDOW,
        "reply_address": inbound.from_,
        **messages.preview(body=inbound.body, author=Author.CUSTOMER, kind=Kind(inbound.kind), now=at),
    }
