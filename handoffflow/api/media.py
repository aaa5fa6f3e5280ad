"""Files: uploading one to be sent, having one fetched, and reading what is in a conversation."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, HttpResponseBase
from ninja import Router

from conversations import clock, errors, fetching, outward, sniffing, uploads
from conversations.models import Attachment, AttachmentState
from conversations.twilio.downloads import DownloadFailed
from conversations.uploads import LARGEST, Upload
from handoffflow.api import once, openapi, render, spoken, wire
from handoffflow.api.auth import Access, ApiRequest
from handoffflow.api.errors import Refused
from handoffflow.models import Scope

router = Router(tags=["messages"])

FETCH_SECONDS = 20.0
IN_MEMORY = 1024 * 1024
_fetching = threading.BoundedSemaphore(2)
"""A fetch holds one of the eight threads that serve everybody: no more of them at once."""


@router.get(
    "/conversations/{conv_id}/media/{media_id}",
    auth=Access(Scope.READ, Scope.BOT),
    response={200: None},
    openapi_extra=openapi.file(),
)
def get_media(request: ApiRequest, conv_id: str, media_id: str) -> HttpResponseBase:
    """The bytes of a stored file, as a download. Of one that was merged, too."""
    conversation = request.auth.readable(conv_id)
    found = Attachment.objects.filter(message__conversation=conversation, state=AttachmentState.STORED)
    attachment = found.filter(public_id=media_id).first() if wire.is_id(media_id) else None
    if attachment is None:
        raise Refused("not_found")
    return render.file(attachment)


@router.post(
    "/conversations/{conv_id}/media",
    auth=Access(Scope.BOT, Scope.DESK, takes=wire.Takes.FILE),
    response={201: spoken.Uploaded},
    openapi_extra=openapi.upload("bad_form", "file_refused"),
)
def upload_media(request: ApiRequest, conv_id: str) -> HttpResponse:
    """Store one file, so that a message can take it along within 24 hours: pictures up to 5 MB, others up to 16 MB."""
    return once.perform(request, lambda: _upload(request, conv_id))


def _upload(request: ApiRequest, conv_id: str) -> HttpResponse:
    conversation = request.auth.conversation(conv_id)
    row = uploads.keep(conversation, request.FILES["file"], now=clock.now())  # type: ignore[arg-type]
    shown = spoken.Uploaded.model_construct(
        id=row.public_id, content_type=row.media_type, name=row.name, size=row.size, expires_at=row.due_at
    )
    return render.document(shown, status=201)


@contextmanager
def fetched(url: str) -> Iterator[Upload | None]:
    """The file at this address as it can be sent, while a message is made of it; gone again if none was."""
    try:
        fetching.checked(url)
    except outward.AddressRefused as refused:
        raise Refused("invalid", [("media_url.0", refused.code)]) from None
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as into, uploads.taken(_fetch(url, into)) as upload:
        yield upload


def _fetch(url: str, into: tempfile.SpooledTemporaryFile[bytes]) -> UploadedFile[bytes]:
    if not _fetching.acquire(blocking=False):
        raise Refused("rate_limited")
    try:
        head = async_to_sync(fetching.fetch)(url, write=into.write, most=LARGEST, seconds=FETCH_SECONDS)
    except DownloadFailed as failed:
        raise errors.FileNotFetched(reason=failed.reason) from failed
    finally:
        _fetching.release()
    name = sniffing.file_name(head.disposition, fetching.checked(url).name)
    return UploadedFile(into, name=name or None, content_type=head.content_type)
