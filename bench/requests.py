"""Webhooks as Twilio posts them, signed, as bytes for a socket."""

from __future__ import annotations

import base64
import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from bench import environment

PATH = "/api/twilio/webhook"


@dataclass(frozen=True, slots=True)
class Webhook:
    sid: str
    raw: bytes


def webhooks(
    count: int, addresses: Sequence[str], *, url: str, body: str = "Tudo certo com o pedido?"
) -> list[Webhook]:
    """Messages from these customers in turn."""
    return [_webhook(addresses[number % len(addresses)], url, body) for number in range(count)]


def _webhook(address: str, url: str, body: str) -> Webhook:
    sid = f"SM{uuid.uuid4().hex}"
    form = {
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ProfileName": "João Silva",
        "MessageType": "text",
        "SmsSid": sid,
        "WaId": address.removeprefix("whatsapp:+"),
        "SmsStatus": "received",
        "Body": body,
        "To": environment.NUMBER,
        "NumSegments": "1",
        "ReferralNumMedia": "0",
        "MessageSid": sid,
        "AccountSid": environment.SID,
        "From": address,
        "ApiVersion": "2010-04-01",
    }
    content = urlencode(form).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {url.partition('://')[2]}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(content)}\r\n"
        f"User-Agent: TwilioProxy/1.1\r\nI-Twilio-Idempotency-Token: {uuid.uuid4()}\r\nAccept: */*\r\n"
        f"X-Twilio-Signature: {_signature(url + PATH, form)}\r\n\r\n"
    )
    return Webhook(sid, head.encode() + content)


def _signature(url: str, form: dict[str, str]) -> str:
    signed = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.digest(environment.TOKEN.encode(), signed.encode(), "sha1")).decode()
