"""What somebody has begun to write, kept for them: it outlives a logout, and goes with them to another computer.

Several of their pages may write it. The last one wins only if it had seen what was there; else it is told the newer
text and decides. A sent one leaves its row behind, empty, so that the numbers go on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Substr

from conversations import errors, leases, messages, notes, replies, work
from conversations.atomically import atomically
from conversations.models import PREVIEW_LENGTH, Conversation
from conversations.models.conversation import ConversationQuerySet
from operators.models import Draft, Operator

LONGEST = {
    Draft.Kind.REPLY: replies.LONGEST,
    Draft.Kind.NOTE: notes.LONGEST,
    Draft.Kind.WHISPER: notes.LONGEST,
}
LOOK_EVERY = timedelta(minutes=5)
LOOK_AGAIN = timedelta(days=1)
KEPT_FOR = timedelta(days=7)
"""How long it stays after the conversation has gone to somebody else."""


@atomically
def save(
    conversation: Conversation, *, operator: Operator, kind: Draft.Kind, text: str, seen: int, now: datetime
) -> tuple[bool, Draft]:
    """The draft as it is now, and whether it is this text. ``seen`` is the version the writer started from."""
    text = messages.storable(text).replace("\r\n", "\n")
    if len(text) > LONGEST[kind]:
        raise errors.MessageTooLong(limit=LONGEST[kind])
    mine = Draft.objects.filter(operator=operator, conversation=conversation, kind=kind)
    kept = bool(mine.filter(version=seen).update(text=text, **_changed(now)))
    there = mine.first()
    if there is not None:
        return kept or there.text == text, there
    made = Draft(operator=operator, conversation=conversation, kind=kind, text=text, version=seen + 1)
    made.updated_at, made.due_at = now, now + LOOK_AGAIN
    if not text:
        return True, made  # nothing to keep, and nothing was kept
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        # The same draft from two pages at the same moment: whoever committed first has written it.
        there = mine.get()
        return there.text == text, there
    return True, made


def sent(
    conversation: Conversation, *, operator: Operator, kind: Draft.Kind, seen: int, now: datetime
) -> None:
    """What was written has been accepted: called in that transaction. What nobody who sent it has seen stays."""
    mine = Draft.objects.filter(operator=operator, conversation=conversation, kind=kind)
    mine.filter(version__lte=seen).exclude(text="").update(text="", **_changed(now))


def of(conversation: Conversation, operator: Operator) -> dict[str, Draft]:
    """By kind."""
    found = Draft.objects.filter(conversation=conversation, operator=operator)
    return {draft.kind: draft for draft in found}


def left_in(public_id: UUID, operator: Operator) -> dict[str, Draft]:
    """By kind, in a conversation that they need not see any more: their own words are theirs."""
    found = Draft.objects.filter(conversation__public_id=public_id, operator=operator)
    return {draft.kind: draft for draft in found}


def beside(conversations: ConversationQuerySet) -> ConversationQuerySet:
    """With the beginning of what their holder was about to reply, as ``draft``."""
    mine = Draft.objects.filter(
        conversation=OuterRef("pk"), operator=OuterRef("operator"), kind=Draft.Kind.REPLY
    )
    begun = mine.annotate(start=Substr("text", 1, PREVIEW_LENGTH)).values("start")
    return conversations.annotate(draft=Subquery(begun[:1]))


@work.handles(Draft, name="drafts", look_every=LOOK_EVERY)
def look(row: Draft, now: datetime) -> None:
    """Once a day: whether the chat is still theirs. A week after it no longer is, the draft goes."""
    held = Conversation.objects.held_by(row.operator).filter(pk=row.conversation_id).exists()
    if not row.text or (not held and row.left_at and row.left_at + KEPT_FOR <= now):
        Draft.objects.filter(pk=row.pk, lease_number=row.lease_number).delete()
    elif held:
        leases.reschedule(row, now + LOOK_AGAIN, left_at=None)
    else:
        left_at = row.left_at or now
        leases.reschedule(row, left_at + KEPT_FOR, left_at=left_at)


def _changed(now: datetime) -> dict[str, object]:
    """A new text begins anew: whoever looks at the old one loses the row."""
    return {
        "version": F("version") + 1,
        "updated_at": now,
        "due_at": now + LOOK_AGAIN,
        "left_at": None,
        "leased_until": None,
        "attempts": 0,
        "lease_number": F("lease_number") + 1,
    }
