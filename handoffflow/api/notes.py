"""What the team notes in a conversation. It never reaches the customer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.db.models import Q
from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from conversations import clock, notes
from conversations import errors as refusals
from conversations.models import Conversation, Note, NoteKind
from conversations.models.note import NoteQuerySet
from handoffflow.api import once, openapi, pages, reach, render, schemas
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.models import Scope
from operators import mentions
from operators.models import Operator

router = Router(tags=["notes"])

Text = Annotated[str, StringConstraints(min_length=1, max_length=notes.LONGEST)]


class WriteNote(schemas.Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"body": "The carrier confirms: it leaves tomorrow. @bia please call."}]
        }
    )

    body: Text = Field(description="An `@` and a colleague's name mentions them.")
    agent_id: schemas.Id | None = Field(
        default=None, description="Whose note it is; left out with a key it is the integration's."
    )
    whisper_to: schemas.Id | None = Field(
        default=None,
        description="Only for the agent who holds the conversation, and supervisors: scope admin, or a supervisor.",
    )


class NoteShape(BaseModel):
    id: UUID
    seq: int
    kind: Literal["note", "transfer", "whisper"]
    agent_id: UUID | None = Field(description="Who wrote it; null for an integration.")
    whisper_to: UUID | None
    body: str
    mentions: list[UUID]
    pinned_at: datetime | None
    pinned_by: UUID | None
    created_at: datetime


class Notes(schemas.Page[NoteShape]):
    pass


class NoteFilter(schemas.Paged):
    pinned: Literal["true"] | None = Field(default=None, description="true: those that are pinned.")


@router.get(
    "/conversations/{conv_id}/notes",
    auth=Access(Scope.READ, query=NoteFilter),
    response={200: Notes},
    openapi_extra=openapi.codes(),
)
def list_notes(request: ApiRequest, conv_id: str, filters: Query[NoteFilter]) -> HttpResponse:
    """The newest first. Whispers are for whom they are meant: a session's own, or with scope admin."""
    conversation = request.auth.readable(conv_id)
    rows = _readable(request.auth).filter(conversation=conversation)
    if filters.pinned:
        rows = rows.exclude(pinned_at=None)
    found, following = pages.page(rows, ("-seq",), filters, name=f"notes {conversation.public_id}")
    return render.document(Notes.model_construct(items=[_shape(row) for row in found], next=following))


@router.post(
    "/conversations/{conv_id}/notes",
    auth=Access(Scope.DESK),
    response={201: NoteShape},
    openapi_extra=openapi.codes(
        "stale_epoch", "merged", "unknown_agent", "mention_refused", "empty_message", "message_too_long"
    ),
)
def write_note(request: ApiRequest, conv_id: str, body: WriteNote) -> HttpResponse:
    """Write a note for the team. Whoever it mentions is told."""
    return once.perform(request, lambda: _write(request.auth, conv_id, body))


@router.post(
    "/conversations/{conv_id}/notes/{note_id}/pin",
    auth=Access(Scope.DESK),
    response={200: NoteShape},
    openapi_extra=openapi.codes("not_to_pin", "pins_full", "merged", "unknown_agent"),
)
def pin_note(
    request: ApiRequest, conv_id: str, note_id: str, body: reach.InTheNameOf = reach.NOBODY
) -> HttpResponse:
    """Keep it at the top of what is known of the contact. Pinned already is 200, too."""
    return once.perform(request, lambda: _pin(request.auth, conv_id, note_id, body))


@router.post(
    "/conversations/{conv_id}/notes/{note_id}/unpin",
    auth=Access(Scope.DESK),
    response={200: NoteShape},
    openapi_extra=openapi.codes("merged"),
)
def unpin_note(
    request: ApiRequest, conv_id: str, note_id: str, body: reach.Nothing = reach.NOTHING
) -> HttpResponse:
    """Not pinned is 200, too."""
    return once.perform(request, lambda: _unpin(request.auth, conv_id, note_id))


def _write(caller: Caller, conv_id: str, body: WriteNote) -> HttpResponse:
    conversation = caller.conversation(conv_id)
    written = mentions.note(
        conversation,
        author=reach.author(caller, body.agent_id),
        body=body.body,
        door="api",
        now=clock.now(),
        whisper_to=_reader(caller, conversation, body.whisper_to),
        by=caller.cause(),
    )
    return _answer(written, status=201)


def _reader(caller: Caller, conversation: Conversation, wanted: str | None) -> Operator | None:
    """Supervisors whisper to whoever has the chat, and to nobody else by mistake."""
    if wanted is None:
        return None
    reach.supervised(caller)
    holder = conversation.operator
    if holder is None or holder == caller.operator or str(holder.public_id) != wanted.lower():
        raise refusals.StaleEpoch(epoch=conversation.epoch)
    return holder


def _pin(caller: Caller, conv_id: str, note_id: str, body: reach.InTheNameOf) -> HttpResponse:
    conversation, found = _note(caller, conv_id, note_id)
    by = reach.author(caller, body.agent_id)
    notes.pin(conversation, found, by=by, cause=caller.cause(), now=clock.now())
    return _answer(found)


def _unpin(caller: Caller, conv_id: str, note_id: str) -> HttpResponse:
    conversation, found = _note(caller, conv_id, note_id)
    notes.unpin(conversation, found, cause=caller.cause(), now=clock.now())
    return _answer(found)


def _note(caller: Caller, conv_id: str, note_id: str) -> tuple[Conversation, Note]:
    """One that the caller may read in this conversation, or in one that was merged into it."""
    conversation = caller.conversation(conv_id)
    here = Q(conversation=conversation) | Q(conversation__merged_into=conversation)
    return conversation, reach.one(_readable(caller).filter(here), note_id)


def _readable(caller: Caller) -> NoteQuerySet:
    known = Note.objects.select_related("author", "for_operator", "pinned_by")
    known = known.prefetch_related("mentions__operator")
    if caller.operator is not None:
        return known.readable_by(caller.operator)
    return known if caller.may_force else known.exclude(kind=NoteKind.WHISPER)


def _answer(note: Note, *, status: int = 200) -> HttpResponse:
    parties = Note.objects.select_related("author", "for_operator", "pinned_by")
    return render.document(_shape(parties.get(pk=note.pk)), status=status)


def _shape(row: Note) -> NoteShape:
    return NoteShape.model_construct(
        id=row.public_id,
        seq=row.seq,
        kind=row.kind,
        agent_id=row.author.public_id if row.author else None,
        whisper_to=row.for_operator.public_id if row.for_operator else None,
        body=row.body,
        mentions=[mention.operator.public_id for mention in row.mentions.all() if mention.said],
        pinned_at=row.pinned_at,
        pinned_by=row.pinned_by.public_id if row.pinned_by else None,
        created_at=row.created_at,
    )
