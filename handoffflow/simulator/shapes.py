"""The shapes in which Twilio shows an account and a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from handoffflow.simulator import checks
from handoffflow.simulator.ledger import Ledger, Message

VERSION = "2010-04-01"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds after the create call at which a message is sent and delivered."""

    sent: float = 0.15
    delivered: float = 0.40


@dataclass(frozen=True, slots=True)
class Account:
    sid: str
    token: str
    number: str
    strict: bool = True
    timing: Timing = field(default_factory=Timing)
    secondary: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    """API keys and their secrets."""
    status: str = "active"

    @property
    def path(self) -> str:
        return f"/{VERSION}/Accounts/{self.sid}"


def files(ledger: Ledger, message: Message) -> int:
    """How many files belong to a message; only those with an MM number have any."""
    if not message.sid.startswith("MM"):
        return 0
    if message.inbound:
        return len(ledger.media(message.sid))
    return sum(name.startswith("MediaUrl") for name in message.extra)


def resource(account: Account, message: Message, *, files: int) -> dict[str, Any]:
    uri = f"{account.path}/Messages/{message.sid}"
    ends = (message.customer, message.number) if message.inbound else (message.number, message.customer)
    return {
        "account_sid": account.sid,
        "api_version": VERSION,
        "body": message.body,
        "date_created": _date(message.created),
        "date_sent": _date(message.sent),
        "date_updated": _date(message.updated),
        "direction": message.direction,
        "error_code": message.error,
        "error_message": checks.TEXT.get(message.error) if message.error else None,
        # A Messaging Service chooses the number only when it sends.
        "from": None if message.service and message.status in {"accepted", "queued"} else ends[0],
        "messaging_service_sid": message.service,
        "num_media": str(files),
        "num_segments": "1",
        "price": None,
        "price_unit": None,
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": ends[1],
        "uri": f"{uri}.json",
    }


def account_resource(account: Account) -> dict[str, Any]:
    return {
        "sid": account.sid,
        "friendly_name": "Simulator",
        "status": account.status,
        "type": "Full",
        "uri": f"{account.path}.json",
    }


def _date(at: float | None) -> str | None:
    return None if at is None else f"{datetime.fromtimestamp(at, UTC):%a, %d %b %Y %H:%M:%S} +0000"
