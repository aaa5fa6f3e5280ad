"""A note among the team, written into the thread by whoever may see it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from conversations import clock, errors, notes
from conversations.models import Conversation, Note
from operators import desk, http, writing
from operators.forms import NoteForm
from operators.http import OperatorRequest, operator_required
from operators.models import Operator
from operators.views import pages, refusals
from operators.views.refusals import refusable


@operator_required
@require_POST
def note(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    conversation = pages.find(request, public_id)
    form = NoteForm.read(request.POST)
    try:
        writing.note(
            conversation,
            author=request.operator,
            body=form.body,
            seen=form.draft,
            now=clock.now(),
            whisper_to=_reader(request, conversation, form),
            client_key=form.client_key,
        )
    except errors.HandoffError as error:
        return _refuse(request, public_id, form, error)
    return pages.answer(request, public_id)


@operator_required
@require_POST
@refusable
def pin(request: OperatorRequest, public_id: UUID, note_id: UUID) -> HttpResponse:
    conversation, found = _shown(request, public_id, note_id)
    cause = desk.cause(request.operator, "panel")
    notes.pin(conversation, found, by=request.operator, cause=cause, now=clock.now())
    return pages.answer(request, public_id)


@operator_required
@require_POST
@refusable
def unpin(request: OperatorRequest, public_id: UUID, note_id: UUID) -> HttpResponse:
    conversation, found = _shown(request, public_id, note_id)
    notes.unpin(conversation, found, cause=desk.cause(request.operator, "panel"), now=clock.now())
    return pages.answer(request, public_id)


def _shown(request: OperatorRequest, public_id: UUID, note_id: UUID) -> tuple[Conversation, Note]:
    """A note that this operator may read in this conversation, or in one that was merged into it."""
    conversation = pages.find(request, public_id)
    here = Q(conversation=conversation) | Q(conversation__merged_into=conversation)
    found = Note.objects.readable_by(request.operator).filter(here, public_id=note_id).first()
    if found is None:
        raise Http404
    return conversation, found


def _reader(request: OperatorRequest, conversation: Conversation, form: NoteForm) -> Operator | None:
    """Whom the words are for: supervisors whisper to whoever has the chat, and to nobody else by mistake."""
    if not form.whisper_to:
        return None
    if not request.operator.is_staff:
        raise Http404
    holder = conversation.operator
    if holder is None or holder == request.operator or str(holder.public_id) != form.whisper_to:
        raise errors.StaleEpoch(epoch=conversation.epoch)
    return holder


def _refuse(
    request: OperatorRequest, public_id: UUID, form: NoteForm, error: errors.HandoffError
) -> HttpResponse:
    """For htmx the reason, beside the text that stays where it is; else the page with the text still in it."""
    now, conversation = clock.now(), pages.find(request, public_id)
    said: dict[str, Any] = {"id": str(public_id), "note_reason": _sentence(error), "note": form.body}
    if http.wants_fragment(request):
        return render(request, "operator/_note_refused.html", said, status=error.status)
    context = pages.full_context(request, conversation, now)
    said["writing"] = "whisper" if form.whisper_to else "note"
    if not isinstance(error, errors.KeyReused):
        said["note_key"] = form.client_key
    return render(request, "operator/console.html", context | said, status=error.status)


def _sentence(error: errors.HandoffError) -> str:
    if isinstance(error, errors.KeyReused):
        return _(
            "An earlier text of this note has been saved: it is in the chat. Save again to add this one as well."
        )
    return refusals.sentence(error)
