"""What somebody has begun to write, from one of their pages."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from conversations import clock, errors
from operators import drafts
from operators.forms import DraftForm
from operators.http import OperatorRequest, operator_required
from operators.views import pages


@operator_required
@require_POST
def save(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """409 with the newer text, where somebody has written one that this page has not seen."""
    conversation = pages.find(request, public_id)
    form = DraftForm.read(request.POST)
    if form.kind is None:
        return HttpResponse(status=422)
    try:
        kept, draft = drafts.save(
            conversation,
            operator=request.operator,
            kind=form.kind,
            text=form.text,
            seen=form.seen,
            now=clock.now(),
        )
    except errors.MessageTooLong as error:
        return HttpResponse(status=error.status)
    if kept:
        return JsonResponse({"version": draft.version})
    return JsonResponse({"version": draft.version, "text": draft.text}, status=409)
