"""What Twilio checks before it takes a message, with its own error numbers and sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from handoffflow.simulator.books import Draft

Form = Mapping[str, Sequence[str]]

# The documented form fields. Twilio ignores others; the stand-in refuses them, so that a typo in a field name
# is found by the first test that sends it.
FIELDS = frozenset({
    "To", "From", "MessagingServiceSid", "Body", "MediaUrl", "ContentSid", "ContentVariables",
    "StatusCallback", "ApplicationSid", "ProvideFeedback", "Attempt", "ValidityPeriod", "ForceDelivery",
    "ContentRetention", "AddressRetention", "SmartEncoded", "PersistentAction", "TrafficType", "ShortenUrls",
    "ScheduleType", "SendAt", "SendAsMms", "RiskCheck", "FallbackFrom", "MaxPrice", "MessageIntent",
})  # fmt: skip
TEXT = {
    11751: "Media message size exceeds the limit",
    20001: "Unknown parameter",
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    20503: "Service Unavailable",
    21211: "Invalid 'To' Phone Number",
    21603: "A 'From' phone number is required",
    21604: "A 'To' phone number is required",
    21609: "The 'StatusCallback' URL is not a valid URL",
    21610: "Attempt to send to unsubscribed recipient",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21619: "A text message body or media urls must be specified",
    21620: "Invalid media URL(s)",
    21655: "The ContentSid is invalid",
    21656: "The ContentVariables parameter is invalid",
    21701: "The Messaging Service does not exist",
    21910: "Invalid 'From' and 'To' pair. 'From' and 'To' should be of the same channel",
    14107: "Message rate limit exceeded between this pair of addresses",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    30001: "Queue overflow",
    63003: "Channel could not find To address",
    63007: "Twilio could not find a Channel with the specified From address",
    63013: "This message send failed because it violates Channel provider's policy",
    63012: "Channel provider returned an internal service error",
    63015: "Channel Sandbox can only send messages to phone numbers that have joined the Sandbox",
    63016: "Failed to send freeform message because you are outside the allowed window. "
    "If you are using WhatsApp, please use a Message Template.",
    63018: "Rate limit exceeded for Channel",
    63008: "Could not execute request because the channel module is misconfigured",
    63014: "This message send failed because it was blocked by a user action",
    63017: "Rate limit exceeded for the account",
    63019: "Media failed to download",
    63020: "Business invitation not accepted",
    63021: "Channel invalid content error",
    63024: "Invalid message recipient",
    63032: "WhatsApp limits messages to this user",
    63038: "The account has exceeded its daily limit of messages",
    63049: "Meta chose not to deliver this marketing message",
    63051: "The WhatsApp Business Account is locked",
    63059: "The number was moved to another WhatsApp Business Account",
    63112: "Meta has disabled the WhatsApp Business Account",
}
# Refused in the answer; every other code is found out later and told by callback.
AT_ONCE = frozenset({21211, 21610, 21614, 63003, 63007})

_PHONE = re.compile(r"whatsapp:\+[1-9]\d{6,14}\Z")
_USER_ID = re.compile(r"whatsapp:[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}\Z")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}\Z")
_CONTENT = re.compile(r"HX[0-9a-fA-F]{32}\Z")
LIMIT = 1600


class Refused(Exception):
    """Twilio says no. ``code`` is its error number."""

    def __init__(self, code: int, *, status: int = 400, detail: str = "") -> None:
        self.code = code
        self.status = status
        self.message = TEXT.get(code, "Error") + (f": {detail}" if detail else "")
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Sender:
    """The one WhatsApp number of the simulated account."""

    number: str
    service: str | None = None


def draft(form: Form, sender: Sender, *, strict: bool = True) -> Draft:
    """Turn the form of a create call into a message, or refuse it as Twilio would."""
    unknown = sorted(set(form) - FIELDS)
    if strict and unknown:
        raise Refused(20001, detail=", ".join(unknown))
    to = _recipient(form)
    service = _sender(form, sender)
    media = [url for url in form.get("MediaUrl", ()) if url]
    body, template = one(form, "Body"), one(form, "ContentSid")
    _content(body, media, template)
    if template and (body or media):
        raise Refused(21619, detail="a content takes the place of a body and of media")
    callback = one(form, "StatusCallback")
    if callback and not _is_url(callback):
        raise Refused(21609)
    return Draft(
        customer=to,
        number=sender.number,
        body=body,
        service=service,
        template=template or None,
        variables=one(form, "ContentVariables"),
        callback=callback or None,
        media=media,
    )


def one(form: Form, name: str) -> str:
    values = form.get(name) or [""]
    return values[-1]


def _recipient(form: Form) -> str:
    to = one(form, "To")
    if not to:
        raise Refused(21604)
    if not to.startswith("whatsapp:"):
        raise Refused(21910)
    if not _PHONE.match(to) and not _USER_ID.match(to):
        raise Refused(21211)
    return to


def _sender(form: Form, sender: Sender) -> str | None:
    given, service = one(form, "From"), one(form, "MessagingServiceSid")
    if not given and not service:
        raise Refused(21603)
    if given and given != sender.number:
        raise Refused(63007)
    if service and (not _SERVICE.match(service) or sender.service not in (None, service)):
        raise Refused(21701)
    return service or None


def _content(body: str, media: Sequence[str], template: str) -> None:
    if not body and not media and not template:
        raise Refused(21619)
    # Characters outside the basic plane count twice, as the recipient's phone counts them.
    if len(body.encode("utf-16-le")) // 2 > LIMIT:
        raise Refused(21617)
    if template and not _CONTENT.match(template):
        raise Refused(21655)
    if not all(_is_url(url) for url in media):
        raise Refused(21620)


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(host) and "_" not in str(host)
