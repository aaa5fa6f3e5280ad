"""The files of a conversation, for whoever may see it."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_POST

from conversations import clock, media
from conversations.models import Attachment, AttachmentState
from operators import desk
from operators.http import OperatorRequest, operator_required
from operators.views import pages, ranges

POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""Opened by itself, nothing in a file runs or loads anything."""


@operator_required
@require_http_methods(["GET", "HEAD"])
def file(request: OperatorRequest, public_id: UUID, attachment_id: UUID) -> HttpResponseBase:
    """The stored bytes, or the part of them that a player asks for. Always as a download: never a page of ours."""
    attachment = _find(request, public_id, attachment_id)
    content = attachment.opened() if attachment.state == AttachmentState.STORED else None
    if content is None:
        raise Http404
    response = ranges.response(content, attachment.size, request.headers.get("Range", ""))
    response["Content-Type"] = attachment.media_type
    response["Content-Disposition"] = str(
        content_disposition_header(as_attachment=True, filename=attachment.download_name)
    )
    response["Content-Security-Policy"] = POLICY
    return response


@operator_required
@require_POST
def again(request: OperatorRequest, public_id: UUID, attachment_id: UUID) -> HttpResponse:
    """Fetch a file that could not be had once more."""
    attachment = _find(request, public_id, attachment_id)
    media.retry(attachment, cause=desk.cause(request.operator, "panel"), now=clock.now())
    return pages.answer(request, public_id)


def _find(request: OperatorRequest, public_id: UUID, attachment_id: UUID) -> Attachment:
    try:
        conversation = pages.find(request, public_id)
    except Http404:
        conversation = pages.merged(request, public_id)
    found = Attachment.objects.filter(message__conversation=conversation, public_id=attachment_id)
    attachment = found.select_related("message").first()
    if attachment is None:
        raise Http404
    return attachment
