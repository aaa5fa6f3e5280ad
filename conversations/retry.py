"""Webhooks that could not be applied when they came: the worker tries them again, through the same door."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from conversations import intake, work
from conversations.models import InboundWebhook, WebhookOutcome


def failed(_now: datetime) -> QuerySet[InboundWebhook]:
    return InboundWebhook.objects.filter(outcome=WebhookOutcome.FAILED).select_related("sender")


@work.handles(InboundWebhook, name="webhook", candidates=failed)
def again(row: InboundWebhook, now: datetime) -> None:
    intake.receive_again(row, now=now)
