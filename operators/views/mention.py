"""Who can be mentioned in a note, and what an operator is told of notes that mention them or were whispered to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversations import clock
from conversations.models import Mention, NoteKind
from operators import mentions
from operators.http import OperatorRequest, operator_required
from operators.views import pages, wording

MOST_TOLD = 3


@operator_required
@require_GET
def colleagues(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """Whoever may see this conversation: the list that opens behind an @."""
    conversation = pages.find(request, public_id)
    found = [
        {
            "handle": one.handle,
            "name": one.operator.shown_name,
            "username": one.operator.username,
            "initials": wording.initials(one.operator.shown_name),
            "hue": wording.hue(one.operator),
            "id": str(one.operator.public_id),
        }
        for one in mentions.colleagues(conversation, request.operator)
    ]
    return render(request, "operator/_colleagues.html", {"colleagues": found})


@operator_required
@require_GET
def told(request: OperatorRequest) -> HttpResponse:
    """Cards for the newest mentions that this operator has not read; the page shows each once."""
    newest = mentions.newest(request.operator, MOST_TOLD)
    return render(request, "operator/_mentions.html", {"told": [_card(one) for one in reversed(newest)]})


@operator_required
@require_POST
def read(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """It came while the conversation was open before their eyes."""
    mentions.read(pages.find(request, public_id), request.operator, clock.now())
    return HttpResponse(status=204)


def _card(mention: Mention) -> dict[str, Any]:
    note = mention.note
    place = note.conversation.merged_into or note.conversation
    author = wording.first_name(note.author.shown_name) if note.author else _("Integration")
    name = wording.contact_name(note.conversation)
    said = {"author": author, "name": name}
    whispered = note.kind == NoteKind.WHISPER
    return {
        "id": str(note.public_id),
        "place": str(place.public_id),
        "name": name,
        "title": _("Somebody whispered to you") if whispered else _("Somebody mentioned you"),
        "text": _("%(author)s whispered to you in the chat with %(name)s") % said
        if whispered
        else _("%(author)s mentioned you in the chat with %(name)s") % said,
    }
