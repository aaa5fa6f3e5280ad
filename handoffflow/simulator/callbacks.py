"""What the stand-in tells the desk: the form of each webhook, its signature, and the POST itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from handoffflow.simulator import checks, customers, shapes
from handoffflow.simulator.ledger import Job, Ledger, Message
from handoffflow.simulator.shapes import Account

WEBHOOK = "/api/twilio/webhook"
READ_TIMEOUT = 15  # Twilio's longest wait for an answer


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the product is: the address it is known by, and the one it is reached at."""

    app_url: str
    webhook_base: str

    def reached(self, url: str) -> str | None:
        """The same URL where it really listens, or None for a foreign one: nothing leaves this computer."""
        if url != self.app_url and not url.startswith((self.app_url + "/", self.app_url + "?")):
            return None
        return self.webhook_base + url[len(self.app_url) :]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one POST: a status, or how the connection broke."""

    result: str
    ms: float
    connected: bool
    body: str = ""
    content_type: str = ""


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature: the whole URL, then every name and value in the order of the names."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def inbound_form(ledger: Ledger, account: Account, message: Message, *, api_url: str) -> dict[str, str]:
    """The parameters of a message that comes in, as captured traffic has them."""
    customer = customers.find(ledger, message.customer)
    files = ledger.media(message.sid)
    form = {
        "SmsMessageSid": message.sid,
        "NumMedia": str(len(files)),
        "ProfileName": customer.name if customer else "Cliente",
        "MessageType": _kind(files[0].type) if files else "text",
        "SmsSid": message.sid,
        "SmsStatus": "received",
        "Body": message.body,
        "To": message.number,
        "NumSegments": "1",
        "ReferralNumMedia": "0",
        "MessageSid": message.sid,
        "AccountSid": account.sid,
        "From": message.customer,
        "ApiVersion": shapes.VERSION,
    }
    if customer and customer.user_id:
        form["ExternalUserId"] = customer.user_id
    address = message.customer.removeprefix("whatsapp:")
    if address.startswith("+"):
        form["WaId"] = address[1:]
    for position, file in enumerate(files):
        path = f"{account.path}/Messages/{message.sid}/Media/{file.sid}"
        form |= {f"MediaUrl{position}": api_url + path, f"MediaContentType{position}": file.type}
    context = {name: form[name] for name in ("ProfileName", "WaId") if name in form}
    form["ChannelMetadata"] = json.dumps({"type": "whatsapp", "data": {"context": context}})
    return form | message.extra


def _kind(content_type: str) -> str:
    family = content_type.partition("/")[0]
    return {"application": "document", "text": "contacts"}.get(family, family)


def status_form(account: Account, message: Message, job: Job) -> dict[str, str]:
    """The parameters of a status callback."""
    status = job.status or message.status
    masked = message.customer.removeprefix("whatsapp:")[:-4] + "XXXX"
    form = {
        "ChannelPrefix": "whatsapp",
        "ApiVersion": shapes.VERSION,
        "MessageStatus": status,
        "SmsSid": message.sid,
        "SmsStatus": status,
        "ChannelInstallSid": "XE" + account.sid[2:],
        "To": message.customer,
        "From": message.number,
        "MessageSid": message.sid,
        "AccountSid": account.sid,
        "ChannelToAddress": masked,
        "StructuredMessage": "true" if message.template else "false",
    }
    if message.service:
        form["MessagingServiceSid"] = message.service
    if status in {"delivered", "read", "undelivered"}:
        form["EventType"] = status.upper()
    if job.error:
        text = checks.TEXT.get(job.error, "Error")
        form |= {"ErrorCode": str(job.error), "ErrorMessage": text, "ChannelStatusMessage": text}
    return form


def post(desk: Desk, *, url: str, form: Mapping[str, str], token: str, about: str) -> Outcome:
    """Sign for the address the desk is known by, and speak to the one where it listens."""
    target = desk.reached(url)
    if target is None:
        return Outcome("foreign address, not called", 0, connected=True)
    public, parts = urlsplit(url), urlsplit(target)
    connection_type = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connection_type(parts.hostname or "", parts.port, timeout=READ_TIMEOUT)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Twilio-Signature": signature(token, url.partition("#")[0], form),
        "User-Agent": "TwilioProxy/1.1",
        "I-Twilio-Idempotency-Token": str(uuid.uuid5(uuid.NAMESPACE_URL, about)),
        "Host": public.netloc,
        "X-Forwarded-Proto": public.scheme,
        "Connection": "close",
    }
    started, connected, body, kind = time.monotonic(), False, "", ""
    try:
        connection.connect()
        connected = True
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, urlencode(form).encode(), headers)
        response = connection.getresponse()
        body = response.read(65536).decode("utf-8", "replace")
        result, kind = str(response.status), response.headers.get("Content-Type", "")
    except (OSError, http.client.HTTPException) as problem:
        result = type(problem).__name__
    finally:
        connection.close()
    return Outcome(result, (time.monotonic() - started) * 1000, connected, body, kind)
