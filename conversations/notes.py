"""What the team says among itself, numbered in the thread and never sent."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from conversations import errors, events, messages, refusals
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import Conversation, Mention, Note, NoteKind

if TYPE_CHECKING:
    from operators.models import Operator

LONGEST = 4000
NUMBERS = 2
"""Seqs a note takes: its own and its event's."""
MOST_PINNED = 5


@atomically
def add(
    conversation: Conversation,
    *,
    author: Operator | None,
    body: str,
    cause: Cause,
    now: datetime,
    whisper_to: Operator | None = None,
    mentioned: Collection[tuple[Operator, str]] = (),
    client_key: str | None = None,
) -> Note:
    """Write a note for the team, or one that only ``whisper_to``, its author and supervisors read.

    ``mentioned`` are told of it (who, and what the note calls them), as is ``whisper_to``. A repeated ``client_key``
    returns the first, and nobody is told again.
    """
    if mentioned and whisper_to:
        raise errors.MentionRefused(name="")
    text = messages.clean(body, longest=LONGEST)
    repeated = _already_written(conversation, client_key, author, text, whisper_to)
    if repeated:
        return repeated
    try:
        with transaction.atomic():
            taken = _take(conversation, NUMBERS)
            kind = NoteKind.WHISPER if whisper_to else NoteKind.NOTE
            note = write(
                taken,
                author=author,
                body=text,
                kind=kind,
                seq=taken.seq - 1,
                now=now,
                whisper_to=whisper_to,
                client_key=client_key,
            )
            _announce(taken, note, [(whisper_to, "")] if whisper_to else mentioned, cause=cause, now=now)
    except IntegrityError:
        # The same key at the same moment: whoever committed first has written it.
        repeated = _already_written(conversation, client_key, author, text, whisper_to)
        if not repeated:
            raise
        return repeated
    return note


def _announce(
    taken: Conversation,
    note: Note,
    mentioned: Collection[tuple[Operator, str]],
    *,
    cause: Cause,
    now: datetime,
) -> None:
    for operator, said in mentioned:
        Mention.objects.create(note=note, operator=operator, said=said)
    told: dict[str, Any] = {"mentioned": [operator.pk for operator, _said in mentioned]} if mentioned else {}
    kind = str(note.kind)
    events.record(
        taken, "note.added", cause=cause, seq=taken.seq, now=now, note=note.pk, note_kind=kind, **told
    )


def _already_written(
    conversation: Conversation,
    client_key: str | None,
    author: Operator | None,
    text: str,
    whisper_to: Operator | None,
) -> Note | None:
    if client_key is None:
        return None
    note = Note.objects.filter(conversation=conversation, client_key=client_key).first()
    if note and (note.author, note.body, note.for_operator) != (author, text, whisper_to):
        raise errors.KeyReused
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
    client_key: str | None = None,
) -> Note:
    """The note at ``seq``, in the transaction that has taken it."""
    return Note.objects.create(
        conversation=taken,
        seq=seq,
        kind=kind,
        author=author,
        for_operator=whisper_to,
        body=messages.clean(body, longest=LONGEST),
        client_key=client_key,
        created_at=now,
    )


@atomically
def pin(conversation: Conversation, note: Note, *, by: Operator | None, cause: Cause, now: datetime) -> bool:
    """Keep a note at the top of what is known of the contact; whether it was not there yet.

    ``conversation`` is the one that is looked at: the note's own, or where that goes on. Its row is in hand before
    what is pinned is counted: two who pin at once take turns. ``by`` is None for an integration.
    """
    if note.kind == NoteKind.WHISPER:
        raise errors.NotToPin
    _take(conversation, 0)
    threads = Conversation.objects.filter(Q(pk=conversation.pk) | Q(merged_into=conversation))
    pinned = Note.objects.filter(conversation__in=threads.values("pk")).exclude(pinned_at=None)
    if pinned.exclude(pk=note.pk).count() >= MOST_PINNED:
        raise errors.PinsFull(limit=MOST_PINNED)
    done = Note.objects.filter(pk=note.pk, pinned_at=None).update(pinned_at=now, pinned_by=by)
    return bool(done) and _told(conversation, "note.pinned", note, cause=cause, now=now)


@atomically
def unpin(conversation: Conversation, note: Note, *, cause: Cause, now: datetime) -> bool:
    """Whether it was pinned until now."""
    _take(conversation, 0)
    done = Note.objects.filter(pk=note.pk).exclude(pinned_at=None).update(pinned_at=None, pinned_by=None)
    return bool(done) and _told(conversation, "note.unpinned", note, cause=cause, now=now)


def _take(conversation: Conversation, numbers: int) -> Conversation:
    taken = Conversation.objects.all().take(conversation.pk, numbers)
    if taken is None:
        raise refusals.of_writing(conversation)
    return taken


def _told(conversation: Conversation, kind: str, note: Note, *, cause: Cause, now: datetime) -> bool:
    taken = _take(conversation, 1)
    events.record(taken, kind, cause=cause, seq=taken.seq, now=now, note=note.pk)
    return True
