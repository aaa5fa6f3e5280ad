"""What the team says among itself, numbered in the thread and never sent."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from conversations import events, messages, refusals
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import Conversation, Note, NoteKind

if TYPE_CHECKING:
    from operators.models import Operator

LONGEST = 4000
NUMBERS = 2
"""Seqs a note takes: its own and its event's."""


@atomically
def add(
    conversation: Conversation,
    *,
    author: Operator | None,
    body: str,
    cause: Cause,
    now: datetime,
    whisper_to: Operator | None = None,
) -> Note:
    """Write a note for the team, or one that only ``whisper_to``, its author and supervisors read."""
    taken = Conversation.objects.all().take(conversation.pk, NUMBERS)
    if taken is None:
        raise refusals.of_writing(conversation)
    kind = NoteKind.WHISPER if whisper_to else NoteKind.NOTE
    note = write(
        taken, author=author, body=body, kind=kind, seq=taken.seq - 1, now=now, whisper_to=whisper_to
    )
    events.record(taken, "note.added", cause=cause, seq=taken.seq, now=now, note=note.pk, note_kind=str(kind))
    return note


def write(
    taken: Conversation,
    *,
    author: Operator | None,
    body: str,
    kind: NoteKind,
    seq: int,
    now: datetime,
    whisper_to: Operator | None = None,
) -> Note:
    """The note at ``seq``, in the transaction that has taken it."""
    return Note.objects.create(
        conversation=taken,
        seq=seq,
        kind=kind,
        author=author,
        for_operator=whisper_to,
        body=messages.clean(body, longest=LONGEST),
        created_at=now,
    )
