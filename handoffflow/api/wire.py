"""Reading a request strictly, once, before anything looks at it."""

from __future__ import annotations

import hashlib
import re
from enum import Enum
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser
from pydantic import BaseModel

from conversations import jsons
from conversations.jsons import BadJson
from handoffflow.api import errors
from handoffflow.api.errors import Refused
from handoffflow.uploading import LARGEST_BODY

MAX_BYTES = 256 * 1024
_JSON = re.compile(r"application/json\s*(;\s*charset\s*=\s*\"?utf-8\"?\s*)?", re.IGNORECASE)
_FORM = re.compile(r"multipart/form-data\s*;.*boundary=.+", re.IGNORECASE)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Takes(Enum):
    """What the body of a call is."""

    JSON = "json"
    FILE = "file"


class ReadyParser(Parser):
    """Ninja's parser, given what was read already."""

    def parse_body(self, request: HttpRequest) -> Any:
        return request.document  # type: ignore[attr-defined]

    def parse_querydict(
        self, data: MultiValueDict[str, str], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        return {name: data[name] for name in data}


def check_headers(request: HttpRequest, takes: Takes = Takes.JSON) -> None:
    length = request.headers.get("Content-Length") or ""
    most = LARGEST_BODY if takes is Takes.FILE else MAX_BYTES
    if length.isascii() and length.isdigit() and (len(length) > 9 or int(length) > most):
        raise Refused("too_large")
    kind = request.headers.get("Content-Type", "")
    if takes is Takes.FILE:
        if not _FORM.fullmatch(kind.strip()):
            raise Refused("unsupported_media_type")
    elif not _JSON.fullmatch(kind.strip()) and (kind or length not in {"", "0"}):
        raise Refused("unsupported_media_type")


def check_query(request: HttpRequest, known: type[BaseModel] | None) -> None:
    """No parameter nobody reads (a typing error would widen a list), and none given twice."""
    names = set(known.model_fields) if known else set()
    odd = [(name if name in names else "?", name) for name in request.GET]
    wrong = [(shown, "unknown") for shown, name in odd if name not in names]
    wrong += [(name, "repeated") for name in names if len(request.GET.getlist(name)) > 1]
    wrong += [(name, "nul") for name in names if "\x00" in request.GET.get(name, "")]
    if wrong:
        raise Refused("invalid", wrong)


def document(request: HttpRequest) -> dict[str, Any]:
    """The body as an object; no body is an empty one."""
    body = request.body
    if len(body) > MAX_BYTES:
        raise Refused("too_large")
    if not body:
        return {}
    try:
        return jsons.read(body)
    except BadJson as bad:
        if bad.code in {"type", "nul"}:
            raise Refused("invalid", [(errors.plain(bad.member) if bad.member else "", bad.code)]) from None
        raise Refused(bad.code) from None


def form(request: HttpRequest) -> dict[str, Any]:
    """The one file of a form, by what tells it from others; an Idempotency-Key stands for that."""
    wrong = [(errors.plain(name), "unknown") for name in {*request.POST, *request.FILES} - {"file"}]
    files = request.FILES.getlist("file")
    if "file" in request.POST or len(files) != 1:
        wrong.append(("file", "repeated" if len(files) > 1 else "required"))
    if wrong:
        raise Refused("invalid", sorted(wrong))
    return {"name": files[0].name, "type": files[0].content_type, "content": _digest(files[0])}


def _digest(file: UploadedFile[Any]) -> str:
    found = hashlib.sha256()
    for piece in file.chunks():
        found.update(piece)
    file.seek(0)
    return found.hexdigest()


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None
