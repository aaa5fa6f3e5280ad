"""Twilio fetches what a message takes along before it sends it: asks what it is, then for the bytes."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

from handoffflow.simulator import books
from handoffflow.simulator.callbacks import Desk
from handoffflow.simulator.ledger import Ledger, Message

LARGEST, LARGEST_IMAGE = 16 * 1024 * 1024, 5 * 1024 * 1024
SECONDS = 15
NOT_FETCHED, UNSUPPORTED, TOO_LARGE = 63019, 63021, 11751
TAKEN = {
    "image/jpeg", "image/png", "image/webp", "audio/ogg", "audio/amr", "audio/3gpp", "audio/aac", "audio/mpeg",
    "audio/mp4", "video/mp4", "video/3gpp", "application/pdf", "application/msword", "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint", "text/vcard",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content_type: str
    content: bytes


def collect(ledger: Ledger, desk: Desk, message: Message) -> int | None:
    """Keep the file with the message; the number of the error if it cannot be had or sent."""
    url = message.extra.get("MediaUrl0", "")
    if message.inbound or not url or ledger.media(message.sid):
        return None
    head, got = _ask(desk, url, "HEAD"), _ask(desk, url, "GET")
    if head is None or got is None or head.status != 200 or got.status != 200 or not got.content:
        return NOT_FETCHED
    kind = got.content_type.partition(";")[0].strip()
    if kind not in TAKEN or head.content_type != got.content_type:
        return UNSUPPORTED
    if len(got.content) > (LARGEST_IMAGE if kind.startswith("image/") else LARGEST):
        return TOO_LARGE
    books.keep_file(ledger, message.sid, kind, got.content)
    return None


def _ask(desk: Desk, url: str, method: str) -> _Answer | None:
    target = desk.reached(url)
    if target is None:
        return None
    parts = urlsplit(target)
    connection_type = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connection_type(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path)
        answer = connection.getresponse()
        content = answer.read(LARGEST + 1)
        return _Answer(answer.status, answer.headers.get("Content-Type", ""), content)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
