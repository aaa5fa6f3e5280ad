"""Lines on their way out, and a stand-in Twilio whose answers a test chooses and whose callbacks it sends itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from conversations import clock, delivery, replies, work
from conversations.contract import Cause
from conversations.models import Author, Conversation, Delivery, Event, Message, StatusReport
from handoffflow.simulator.standin import StandIn
from operators import desk
from operators.models import Operator
from tests.builders import JOAO, fresh
from tests.conftest import TWILIO_SID
from tests.standin import build

ROBO = Cause(kind="bot", door="worker")


@pytest.fixture
def twilio(tmp_path: Path, settings: Any) -> Iterator[StandIn]:
    with build(tmp_path / "simulator.sqlite3", webhook_base="http://127.0.0.1:9") as running:
        running.meet(JOAO)
        settings.TWILIO_API_URL = running.url
        yield running


def operator_says(conversation: Conversation, operator: Operator, body: str = "Olá, João") -> Delivery:
    said = desk.reply(
        fresh(conversation),
        operator=operator,
        door="panel",
        body=body,
        epoch=fresh(conversation).epoch,
        client_key=None,
        now=clock.now(),
    )
    return Delivery.objects.get(message=said[0])


def bot_says(conversation: Conversation, body: str = "Posso ajudar?") -> Delivery:
    current = fresh(conversation)
    said = replies.say(
        current, cause=ROBO, author=Author.BOT, body=body, now=clock.now(), epoch=current.epoch
    )
    return Delivery.objects.get(message=said[0])


def reload(row: Delivery) -> Delivery:
    return Delivery.objects.select_related("message", "conversation", "sender").get(pk=row.pk)


def only_deliveries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bots and deadlines stay out of these stories."""
    work.load_handlers()
    monkeypatch.setattr(work, "handlers", {"delivery": work.handlers["delivery"]})


def report(
    row: Delivery,
    status: str,
    *,
    sid: str,
    code: int | None = None,
    with_mid: bool = True,
    account_sid: str = TWILIO_SID,
    now: datetime | None = None,
) -> StatusReport:
    params = {"MessageSid": sid, "MessageStatus": status, "AccountSid": account_sid, "To": row.recipient}
    if code is not None:
        params["ErrorCode"] = str(code)
    return delivery.apply_report(
        params, mid=row.public_id if with_mid else None, account_sid=account_sid, now=now or clock.now()
    )


def shown(row: Delivery) -> tuple[str, str]:
    """What the delivery is, and what the thread shows."""
    row = reload(row)
    return row.state, row.message.status


def told(row: Delivery) -> list[str]:
    """The statuses that the feed told of, in order."""
    events = Event.objects.filter(conversation=row.conversation_id, kind="message.status").order_by("seq")
    return [event.data["status"] for event in events if event.data["message"] == row.message_id]


def message_of(row: Delivery) -> Message:
    return Message.objects.get(pk=row.message_id)
