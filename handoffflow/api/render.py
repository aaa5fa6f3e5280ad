"""Answers that are not refusals."""

from __future__ import annotations

from hashlib import blake2b

from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
)
from pydantic import BaseModel

from conversations.models import Attachment, Conversation
from handoffflow.api import present

MEDIA_TYPE = "application/json; charset=utf-8"


def document(found: BaseModel, *, status: int = 200) -> HttpResponse:
    return HttpResponse(found.model_dump_json(), status=status, content_type=MEDIA_TYPE)


def conversation(changed: Conversation, *, status: int = 200) -> HttpResponse:
    """The conversation as it is now, whatever was read before."""
    return document(present.conversation(changed.pk), status=status)


def unless_known(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """304 when the caller has these very bytes already."""
    tag = f'"{blake2b(response.content, digest_size=16).hexdigest()}"'
    asked = request.headers.get("If-None-Match", "")
    known = {item.strip().removeprefix("W/") for item in asked.split(",")}
    answer = HttpResponseNotModified() if tag in known or asked.strip() == "*" else response
    answer["ETag"] = f"W/{tag}"
    return answer


def file(attachment: Attachment) -> HttpResponseBase:
    """The bytes, for programs: never a page of ours."""
    content = attachment.opened()
    if content is None:
        raise Http404  # answered as every other absence
    name = attachment.download_name
    answer = FileResponse(content, as_attachment=True, filename=name, content_type=attachment.media_type)
    answer["Content-Length"] = str(attachment.size)
    return answer
