"""Twilio's forms as plain values. Anything Twilio can sign is readable: nothing here raises.

Two characters cannot be stored everywhere and are replaced in every value: NUL becomes its visible
picture U+2400, and half a surrogate pair becomes U+FFFD.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SID_LENGTH = 64
NAME_LENGTH = 255
STATUS_LENGTH = 20
CONTENT_TYPE_LENGTH = 120
URL_LENGTH = 1000
MOST_MEDIA = 10
ERROR_LENGTH = 200
_CODE_DIGITS = 9  # fits a 32-bit column
_NUMBER = re.compile(r"[\w.:+-]*\d{6,}\w*")

_REFERRAL = {
    "body": "ReferralBody",
    "headline": "ReferralHeadline",
    "source_id": "ReferralSourceId",
    "source_type": "ReferralSourceType",
    "source_url": "ReferralSourceUrl",
    "media_url": "ReferralMediaUrl",
    "media_content_type": "ReferralMediaContentType",
    "click_id": "ReferralCtwaClid",
}
_VCARDS = {"text/vcard", "text/x-vcard", "text/directory"}


@dataclass(frozen=True)
class Media:
    url: str
    content_type: str


@dataclass(frozen=True)
class InboundMessage:
    """One message of a customer. ``from_`` is opaque: a phone, or the id of one who hides it."""

    sid: str
    from_: str
    body: str
    kind: str
    profile_name: str = ""
    user_id: str = ""
    media: tuple[Media, ...] = ()
    extras: dict[str, Any] = field(default_factory=dict)
    replied_sid: str = ""


@dataclass(frozen=True)
class StatusUpdate:
    sid: str
    status: str
    error_code: int | None
    error_text: str = ""


def readable(params: Mapping[str, Any]) -> dict[str, str]:
    """The form as text that every database stores; of a doubled name, the last value."""
    return {_text(name): _text(params[name]) for name in params}


def parse_inbound(params: Mapping[str, Any]) -> InboundMessage:
    form = readable(params)
    media = _media(form)
    extras = _extras(form)
    kind = _kind(form, media, extras)
    return InboundMessage(
        sid=_sid(form.get("MessageSid") or form.get("SmsMessageSid") or form.get("SmsSid", "")),
        from_=form.get("From", ""),
        body=_body(form, extras),
        kind=kind,
        profile_name=form.get("ProfileName", "").strip()[:NAME_LENGTH],
        user_id=_address(form.get("ExternalUserId", "")),
        media=media,
        extras=extras,
        replied_sid=_sid(form.get("OriginalRepliedMessageSid", "")),
    )


def parse_status(params: Mapping[str, Any]) -> StatusUpdate:
    form = readable(params)
    return StatusUpdate(
        sid=_sid(form.get("MessageSid") or form.get("SmsSid", "")),
        status=(form.get("MessageStatus") or form.get("SmsStatus", "")).strip().lower()[:STATUS_LENGTH],
        error_code=code(form.get("ErrorCode")),
        error_text=impersonal(form.get("ErrorMessage") or form.get("ChannelStatusMessage", "")),
    )


def impersonal(text: str) -> str:
    """Twilio's words for an error, which may repeat the number it is about."""
    return _NUMBER.sub("…", " ".join(_text(text).split()))[:ERROR_LENGTH]


def code(value: object) -> int | None:
    """An error code, or None for what is not one."""
    digits = str(value or "").strip()
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _CODE_DIGITS:
        return None
    return int(digits) or None


def storable(value: Any) -> str:
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        value = value[-1] if value else ""
    text = "" if value is None else str(value)
    text = text.replace("\x00", "\u2400")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _sid(value: str) -> str:
    """A longer one is none of Twilio's, and fits no column."""
    value = value.strip()
    return value if len(value) <= SID_LENGTH else ""


def _address(value: str) -> str:
    value = value.strip()
    return value if not value or value.startswith("whatsapp:") else f"whatsapp:{value}"


def _media(form: Mapping[str, str]) -> tuple[Media, ...]:
    """What is there, whatever NumMedia says: the count has been seen missing and wrong."""
    found = []
    for number in range(MOST_MEDIA):
        url = form.get(f"MediaUrl{number}", "").strip()
        if url and len(url) <= URL_LENGTH:
            content_type = form.get(f"MediaContentType{number}", "").strip().lower()
            found.append(Media(url=url, content_type=content_type[:CONTENT_TYPE_LENGTH]))
    return tuple(found)


def _extras(form: Mapping[str, str]) -> dict[str, Any]:
    found = {
        "location": _location(form),
        "button": _group(form, text="ButtonText", payload="ButtonPayload", type="ButtonType"),
        "list": _group(form, id="ListId", title="ListTitle", description="ListDescription"),
        "flow": _flow(form),
        "referral": _referral(form),
        "forwarded": form.get("Forwarded") == "true" or form.get("FrequentlyForwarded") == "true",
        "frequently_forwarded": form.get("FrequentlyForwarded") == "true",
        "username": (form.get("ProfileUsername") or form.get("Username", ""))[:NAME_LENGTH],
        "type": form.get("MessageType", "")[:NAME_LENGTH],
    }
    return {name: value for name, value in found.items() if value}


def _group(form: Mapping[str, str], **names: str) -> dict[str, str]:
    return {short: form[name] for short, name in names.items() if form.get(name)}


def _location(form: Mapping[str, str]) -> dict[str, Any]:
    latitude, longitude = _degrees(form.get("Latitude"), 90), _degrees(form.get("Longitude"), 180)
    if latitude is None or longitude is None:
        return {}
    return {
        "latitude": latitude,
        "longitude": longitude,
        "label": form.get("Label", ""),
        "address": form.get("Address", ""),
    }


def _degrees(value: str | None, most: int) -> float | None:
    try:
        degrees = float(value or "")
    except ValueError:
        return None
    return degrees if math.isfinite(degrees) and abs(degrees) <= most else None


def _flow(form: Mapping[str, str]) -> dict[str, str]:
    """A filled-in WhatsApp form. Other rich replies in InteractiveData stay in the raw webhook."""
    answers = _object(form.get("FlowData", "")) or _object(form.get("InteractiveData", "")).get(
        "flowResponse"
    )
    if not isinstance(answers, dict):
        return {}
    # Escapes inside JSON can bring back the characters that no database stores.
    return {_text(name): _text(_plain(answer)) for name, answer in answers.items()}


def _object(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _referral(form: Mapping[str, str]) -> dict[str, str]:
    """The advertisement behind a click. ReferralNumMedia comes with every message and means nothing."""
    if not (form.get("ReferralSourceId") or form.get("ReferralCtwaClid")):
        return {}
    return _group(form, **_REFERRAL)


def _body(form: Mapping[str, str], extras: Mapping[str, Any]) -> str:
    return (
        form.get("Body", "")
        or extras.get("button", {}).get("text", "")
        or extras.get("list", {}).get("title", "")
    )


def _kind(form: Mapping[str, str], media: tuple[Media, ...], extras: Mapping[str, Any]) -> str:
    for kind in ("button", "list", "flow", "location"):
        if kind in extras:
            return kind
    if media:
        return _media_kind(media[0].content_type)
    return "text" if form.get("Body", "").strip() or form.get("MessageType") == "text" else "unsupported"


def _media_kind(content_type: str) -> str:
    media_type = content_type.partition(";")[0].strip()
    if media_type in _VCARDS:
        return "contact"
    if media_type == "image/webp":  # WhatsApp sends this type for stickers only
        return "sticker"
    family = media_type.partition("/")[0]
    return family if family in ("image", "audio", "video") else "document"
