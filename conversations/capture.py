"""``TWILIO_CAPTURE=<file>``: what Twilio really posts, one JSON object a line, without what it says or about whom.

Twilio documents a part of its fields. Names, types and shapes are kept; every letter becomes x or X and every digit 0,
but for the few values that are words of Twilio's own. Nothing that happens here may cost a webhook.
"""

from __future__ import annotations

import json
import logging
import os
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

logger = logging.getLogger(__name__)

MOST_BYTES = 5_000_000
LONGEST = 200
"""Characters of one value; what is longer says how long it was."""
DEEPEST = 8
_OWN_WORDS = re.compile(
    r"MessageType|SmsStatus|MessageStatus|NumMedia|NumSegments|ApiVersion|ReferralNumMedia|ButtonType|Forwarded"
    r"|FrequentlyForwarded|ErrorCode|ChannelPrefix|EventType|ReferralSourceType|StructuredMessage"
    r"|(?:Referral)?MediaContentType\d*|FlowEvent|HttpMethod|bodySHA256"
)
_WORD = re.compile(r"(?!.*\d{6})[\w./;= +-]{0,60}", re.ASCII)
_SID = re.compile(r"\b([A-Z]{2})[0-9a-fA-F]{32}\b")
_PATH_WORDS = re.compile(r"2010-04-01|Accounts|Messages|Media|v\d|Flows")
_HEADERS = ("user-agent", "content-type", "x-home-region", "i-twilio-idempotency-token")


def note(door: str, form: Mapping[str, Any], headers: Mapping[str, str], *, now: datetime) -> None:
    """Append one request. Whatever fails, fails here."""
    if not settings.TWILIO_CAPTURE:
        return
    try:
        line = json.dumps(_request(door, form, headers, now), ensure_ascii=False) + "\n"
        _append(str(settings.TWILIO_CAPTURE), line.encode())
    except Exception as error:  # noqa: BLE001 - a debugging aid; the message matters more
        logger.warning("nothing captured: %s", type(error).__name__)


def _append(path: str, line: bytes) -> None:
    opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.fstat(opened).st_size + len(line) <= MOST_BYTES:
            os.write(opened, line)
    finally:
        os.close(opened)


def _request(door: str, form: Mapping[str, Any], headers: Mapping[str, str], now: datetime) -> dict[str, Any]:
    return {
        "at": now.isoformat(timespec="seconds"),
        "door": door,
        "headers": {name: _shape(headers[name]) for name in _HEADERS if headers.get(name)},
        "form": {_name(name): redacted(name, form[name]) for name in form},
    }


def redacted(name: str, value: Any) -> Any:
    """The value's shape."""
    text = str(value)
    if _OWN_WORDS.fullmatch(name) and _WORD.fullmatch(text):
        return text
    if text[:1] in "{[" and len(text) > 1:
        try:
            return {"json": _inside(json.loads(text), 0)}
        except (ValueError, RecursionError):
            pass
    if text.startswith(("http://", "https://")):
        return _address(text)
    return _shape(text)


def _inside(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {_name(name): _inside(one, depth + 1) for name, one in list(value.items())[:LONGEST]}
    if isinstance(value, list):
        return [_inside(one, depth + 1) for one in value[:LONGEST]]
    if isinstance(value, str):
        return _shape(value)
    return value if isinstance(value, bool) or value is None else 0


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return _shape(text)
    shown = host if host == "twilio.com" or host.endswith(".twilio.com") else _shape(host)
    path = "/".join(_segment(segment) for segment in parts.path.split("/"))
    return f"{parts.scheme}://{shown}{path}" + (f"?{_shape(parts.query)}" if parts.query else "")


def _segment(segment: str) -> str:
    return segment if _PATH_WORDS.fullmatch(segment) else _shape(segment)


def _name(name: str) -> str:
    """A field's name, unless somebody has put a number into it."""
    return name if _WORD.fullmatch(name) else _shape(name)


def _shape(text: str) -> str:
    sid = _SID.fullmatch(text)
    if sid:
        return sid[1] + "0" * 32
    prefix, rest = ("whatsapp:", text[9:]) if text.startswith("whatsapp:") else ("", text)
    shaped = prefix + "".join(map(_letter, rest[:LONGEST]))
    return shaped if len(rest) <= LONGEST else f"{shaped}…({len(rest)})"


def _letter(letter: str) -> str:
    if letter.isdigit():
        return "0"
    if letter.isalpha():
        return "X" if letter.isupper() else "x"
    if letter in "\n\r\t " or (letter.isascii() and unicodedata.category(letter)[0] in "PS"):
        return letter
    return "*"
