"""What Twilio says about a sender: asked once, judged by ``numbers``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from django.conf import settings

from conversations.models import Sender
from conversations.twilio import client, console, studio
from conversations.twilio.client import Account
from conversations.twilio.console import Number, Service
from conversations.twilio.reading import CannotRead

T = TypeVar("T")


@dataclass
class Known:
    sender: Sender
    trouble: str = ""
    """Why the account cannot be read; nothing else is known then."""
    status: str = ""
    time: datetime | None = None
    number: Number | None = None
    services: list[Service] = field(default_factory=list)
    captured: bool = False
    approved: int | None = None
    flow: str | None = None
    """How the sender's Studio flow stands: published or draft, "" where there is none of that SID."""
    unreadable: list[str] = field(default_factory=list)


def webhook_url() -> str:
    """Two seconds to connect, 4.5 for the answer, two more tries: three fit into Twilio's fifteen seconds."""
    return f"{settings.APP_URL}/api/twilio/webhook#ct=2000&rt=4500&rc=2&rp=5xx,ct,rt"


def status_url() -> str:
    return f"{settings.APP_URL}/api/twilio/status"


def credentials(sender: Sender) -> Account:
    """The token, whatever else the sender sends with: an API key may not ask for the account."""
    token, _spare = sender.calling_tokens
    return Account(sender.account_sid, token, settings.TWILIO_API_URL)


async def ask_all(senders: list[Sender]) -> list[Known]:
    try:
        return [await ask(sender) for sender in senders]
    finally:
        await client.close()


async def ask(sender: Sender) -> Known:
    known, of = Known(sender), credentials(sender)
    try:
        known.status, known.time = await console.account(of)
    except CannotRead as problem:
        known.trouble = problem.cause
        return known
    if known.status != "active":
        return known
    address, service = sender.address, sender.messaging_service_sid
    if not sender.sandbox:
        known.number = await _part(known, "number", None, lambda: console.number(of, address))
        known.services = await _part(known, "services", [], lambda: console.services(of, address, service))
    known.captured = await _part(known, "addresses", False, lambda: console.captured(of, address))
    if sender.flow:
        known.flow = await _part(known, "flow", None, lambda: studio.status(of, sender.flow))
    known.approved = await _part(known, "templates", None, lambda: console.approved(of))
    return known


async def _part(known: Known, name: str, otherwise: T, call: Callable[[], Awaitable[T]]) -> T:
    try:
        return await call()
    except CannotRead:
        known.unreadable.append(name)
        return otherwise


def behind_flow(known: Known) -> bool:
    """Whether the number's own webhook is the sender's Studio flow, which then asks us."""
    sender, given = known.sender, known.number.webhook if known.number else ""
    return bool(sender.flow) and given.partition("?")[0] == studio.flow_url(sender.account_sid, sender.flow)


async def mend(known: Known) -> bool:
    """Set our addresses at Twilio, on the number and on the Messaging Services it is in. False if Twilio refuses."""
    of = credentials(known.sender)
    try:
        if known.number is not None and not behind_flow(known):
            await console.set_webhook(
                of, known.number.sid, webhook=webhook_url(), status_callback=status_url()
            )
        for service in known.services:
            await console.set_inbound(of, service.sid, webhook=webhook_url())
    except CannotRead:
        return False
    else:
        return True
    finally:
        await client.close()
