"""What Twilio's console would show of an account: its WhatsApp senders, Messaging Services and captured addresses."""

from __future__ import annotations

import json
import re
from typing import Any

from handoffflow.simulator.checks import Form, Refused, one
from handoffflow.simulator.shapes import Account

SENDERS, SERVICES = "/v2/Channels/Senders", "/v1/Services"
ADDRESSES = "/v1/Configuration/Addresses"
_SENDER = re.compile(rf"{SENDERS}/(XE[0-9a-fA-F]{{32}})\Z")
_SERVICE = re.compile(rf"{SERVICES}/(MG[0-9a-fA-F]{{32}})(/ChannelSenders)?\Z")
_WEBHOOK = {
    "callback_url", "callback_method", "fallback_url", "fallback_method", "status_callback_url",
    "status_callback_method",
}  # fmt: skip


class Console:
    """One account's settings, as they are after following the instructions; a test plants what is wrong."""

    def __init__(self, account: Account, app_url: str) -> None:
        self.account = account
        self.sender: dict[str, Any] = {
            "sid": "XE" + account.sid[2:],
            "sender_id": account.number,
            "status": "ONLINE",
            "offline_reasons": None,
            "properties": {"quality_rating": "HIGH", "messaging_limit": "1K Customers/24hr"},
            "webhook": {
                "callback_url": f"{app_url}/api/twilio/webhook#ct=2000&rt=4500&rc=2&rp=5xx,ct,rt",
                "callback_method": "POST",
                "fallback_url": None,
                "fallback_method": None,
                "status_callback_url": f"{app_url}/api/twilio/status",
                "status_callback_method": "POST",
            },
        }
        self.senders = [self.sender]
        self.services: list[dict[str, Any]] = []
        self.addresses: list[dict[str, Any]] = []

    def add_service(self, sid: str, *, inbound: str | None, member: bool = True) -> dict[str, Any]:
        service = {
            "sid": sid,
            "account_sid": self.account.sid,
            "friendly_name": "Service",
            "inbound_request_url": inbound,
            "inbound_method": "POST",
            "use_inbound_webhook_on_number": False,
            "members": [self.account.number] if member else [],
        }
        self.services.append(service)
        return service

    def capture_address(self, address: str, *, enabled: bool = True) -> None:
        creation = {"type": "default", "enabled": enabled, "conversation_service_sid": None}
        self.addresses.append({"sid": "IG" + "1" * 32, "address": address, "auto_creation": creation})

    def answer(
        self, method: str, path: str, query: Form, form: Form, body: str
    ) -> tuple[int, dict[str, Any]]:
        """The status and the document of a call; Refused where Twilio refuses."""
        if method == "GET" and path == SENDERS:
            if one(query, "Channel") != "whatsapp":
                raise Refused(20001, detail="Channel")
            return 200, _page("senders", self.senders)
        if method == "GET" and path == SERVICES:
            return 200, _page("services", [_shown(service) for service in self.services])
        if method == "GET" and path == ADDRESSES:
            return 200, _page("address_configurations", self.addresses)
        if match := _SENDER.match(path):
            return self._sender(method, match[1], body)
        if match := _SERVICE.match(path):
            return self._service(method, match[1], bool(match[2]), form)
        raise Refused(20404, status=404)

    def _sender(self, method: str, sid: str, body: str) -> tuple[int, dict[str, Any]]:
        sender = next((one for one in self.senders if one["sid"] == sid), None)
        if sender is None:
            raise Refused(20404, status=404)
        if method != "POST":
            return 200, sender
        try:
            webhook = json.loads(body)["webhook"]
            known = set(webhook) <= _WEBHOOK and webhook.get("callback_method", "POST") in {"POST", "PUT"}
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise Refused(20001, detail="webhook")
        sender["webhook"] |= webhook
        return 202, sender

    def _service(self, method: str, sid: str, members: bool, form: Form) -> tuple[int, dict[str, Any]]:
        service = next((one for one in self.services if one["sid"] == sid), None)
        if service is None:
            raise Refused(20404, status=404)
        if members:
            rows = [{"sid": self.sender["sid"], "sender": member} for member in service["members"]]
            return 200, _page("senders", rows)
        if method == "POST":
            fields = {"InboundRequestUrl": "inbound_request_url", "InboundMethod": "inbound_method"}
            service |= {field: one(form, name) for name, field in fields.items() if name in form}
        return 200, _shown(service)


def _shown(service: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in service.items() if name != "members"}


def _page(key: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: rows, "meta": {"key": key, "page": 0, "page_size": 50, "next_page_url": None}}
