"""How an account is set up at Twilio: what its console shows, and the addresses that can be set from here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from conversations.twilio.client import Account
from conversations.twilio.reading import ask, connected

MOST = 50
"""Senders, services and addresses looked at: more than one company has."""


@dataclass(frozen=True, slots=True)
class Number:
    """A WhatsApp sender as Twilio has it."""

    sid: str
    status: str
    webhook: str
    method: str
    status_callback: str
    quality: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A Messaging Service; what it does with incoming messages wins over the number's own webhook."""

    sid: str
    name: str
    inbound: str


async def account(of: Account) -> tuple[str, datetime | None]:
    """Whether it is active, and what time it is at Twilio."""
    sdk, headers = connected(of), dict[str, str]()
    found = await ask(sdk.api.v2010.accounts(of.sid).fetch_async, headers=headers)
    try:
        at = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        at = None
    return str(found.status or ""), at


async def number(of: Account, address: str) -> Number | None:
    senders = connected(of).messaging.v2.channels_senders
    rows = await ask(lambda: senders.list_async(channel="whatsapp", limit=MOST))
    row = next((one for one in rows if one.sender_id == address), None)
    if row is None:
        return None
    hook: dict[str, Any] = row.webhook or {}
    properties: dict[str, Any] = row.properties or {}
    return Number(
        sid=str(row.sid),
        status=str(row.status or ""),
        webhook=str(hook.get("callback_url") or ""),
        method=str(hook.get("callback_method") or ""),
        status_callback=str(hook.get("status_callback_url") or ""),
        quality=str(properties.get("quality_rating") or ""),
    )


async def services(of: Account, address: str, wanted: str) -> list[Service]:
    """The Messaging Services that this number is in, and the ``wanted`` one."""
    messaging = connected(of).messaging.v1
    found = []
    for row in await ask(lambda: messaging.services.list_async(limit=MOST)):
        members = await ask(partial(messaging.services(row.sid).channel_senders.list_async, limit=MOST))
        if row.sid == wanted or any(one.sender == address for one in members):
            found.append(Service(row.sid, str(row.friendly_name or ""), str(row.inbound_request_url or "")))
    return found


async def captured(of: Account, address: str) -> bool:
    """Whether Twilio Conversations makes a conversation of its own out of every message to this number."""
    addresses = connected(of).conversations.v1.address_configurations
    rows = await ask(lambda: addresses.list_async(limit=MOST))
    return any(one.address == address and (one.auto_creation or {}).get("enabled") for one in rows)


async def approved(of: Account) -> int:
    """How many templates WhatsApp has approved."""
    contents = connected(of).content.v1.content_and_approvals
    rows = await ask(lambda: contents.list_async(limit=1000))
    return sum((one.approval_requests or {}).get("status") == "approved" for one in rows)


async def set_webhook(of: Account, sid: str, *, webhook: str, status_callback: str) -> None:
    """Only the webhook: what the document leaves out stays as it is."""
    hook = {"callback_url": webhook, "callback_method": "POST", "status_callback_url": status_callback}
    version = connected(of).messaging.v2
    await ask(
        lambda: version.update_async(
            method="POST",
            uri=f"/Channels/Senders/{sid}",
            data={"webhook": hook},
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
    )


async def set_inbound(of: Account, service: str, *, webhook: str) -> None:
    found = connected(of).messaging.v1.services(service)
    await ask(lambda: found.update_async(inbound_request_url=webhook, inbound_method="POST"))
