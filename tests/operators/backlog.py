"""Work that waits for a supervisor, made through the engine's own functions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from conversations import clock, intake, leases, outcomes
from conversations.models import Conversation, Delivery, DeliveryState, InboundWebhook, WorkerHeartbeat
from conversations.twilio import client
from operators import desk
from operators.models import Operator
from tests.builders import fresh, says

UNANSWERED = client.Outcome("unknown", cause="timeout")


def refused(code: int) -> client.Outcome:
    return client.Outcome("refused", code=code, cause="refused")


def said(conversation: Conversation, operator: Operator, body: str = "Segredo do João") -> Delivery:
    current = fresh(conversation)
    [message] = desk.reply(
        current,
        operator=operator,
        door="panel",
        body=body,
        epoch=current.epoch,
        client_key=None,
        now=clock.now(),
    )
    return Delivery.objects.select_related("message", "sender", "conversation").get(message=message)


def ended(
    conversation: Conversation, operator: Operator, outcome: client.Outcome, *, ago: timedelta = timedelta()
) -> Delivery:
    """Something the operator says ends like this, so long ago."""
    row = said(conversation, operator)
    assert leases.claim(row)
    at = clock.now() - ago
    assert leases.keep(row, state=DeliveryState.SENDING, started_at=at)
    outcomes.settle(row, outcome, at)
    return Delivery.objects.select_related("message").get(pk=row.pk)


def unconfirmed(conversation: Conversation, operator: Operator) -> Delivery:
    return ended(conversation, operator, UNANSWERED, ago=timedelta(minutes=2))


def failed(conversation: Conversation, operator: Operator, code: int = 63019) -> Delivery:
    return ended(conversation, operator, refused(code), ago=timedelta(minutes=6))


def broken_webhook(
    monkeypatch: pytest.MonkeyPatch, body: str = "Segredo", *, error: type[Exception] = KeyError, **form: Any
) -> InboundWebhook:
    """Stored whole, and not applied."""

    def fail(*_args: Any, **_named: Any) -> None:
        raise error

    with monkeypatch.context() as failing:
        failing.setattr(intake, "apply", fail)
        return says(body, **form)


def works(name: str = "app-1-77", *, at: datetime | None = None) -> WorkerHeartbeat:
    now = at or clock.now()
    return WorkerHeartbeat.objects.create(name=name, started_at=now, beat_at=now)
