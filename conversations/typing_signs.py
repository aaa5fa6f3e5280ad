"""That somebody types, as the customer sees it: asked of Twilio now and then while it goes on, and never waited for."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from conversations import leases, settling, wakeup, work
from conversations.models import Author, Conversation, Message, Mode, TypingSign
from conversations.twilio import client

EVERY = timedelta(seconds=20)
"""WhatsApp shows it for 25 seconds, or until the reply comes."""
LOOK_EVERY = timedelta(seconds=1)
STALE = timedelta(seconds=10)
"""A sign that nobody could give for so long is given up: by now they may have stopped."""


def show(conversation: Conversation, now: datetime) -> bool:
    """Whether it is shown now: the number wants it, and it was not just shown."""
    if not conversation.sender.shows_typing or conversation.sender.paused:
        return False
    if not conversation.window_open(now):
        return False
    known = TypingSign.objects.filter(conversation=conversation)
    fresh = {"shown_at": now, "due_at": now, "leased_until": None, "lease_number": F("lease_number") + 1}
    shown = known.filter(shown_at__lte=now - EVERY).update(**fresh)
    if not shown and not known.exists():
        shown = _first(conversation, now)
    if shown:
        transaction.on_commit(wakeup.ring)
    return bool(shown)


def _first(conversation: Conversation, now: datetime) -> bool:
    try:
        with transaction.atomic():
            TypingSign.objects.create(conversation=conversation, shown_at=now, due_at=now)
    except IntegrityError:
        return False
    return True


@work.handles(TypingSign, name="typing", look_every=LOOK_EVERY)
async def run(row: TypingSign, now: datetime) -> None:
    found = await work.in_thread(_of, row, now)
    if found is not None:
        await client.show_typing(*found)
    await work.in_thread(leases.finish, row)


def _of(row: TypingSign, now: datetime) -> tuple[client.Account, str] | None:
    """The newest message of the customer, which it is shown under."""
    if now - row.shown_at > STALE:
        return None
    conversation = Conversation.objects.select_related("sender").get(pk=row.conversation_id)
    theirs = Message.objects.filter(conversation=conversation, author=Author.CUSTOMER)
    sid = theirs.exclude(provider_sid=None).order_by("-seq").values_list("provider_sid", flat=True).first()
    if conversation.mode != Mode.HUMAN or conversation.sender.demo or sid is None:
        return None
    return settling.account(conversation.sender), sid
