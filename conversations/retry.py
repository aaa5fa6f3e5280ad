"""Webhooks that could not be applied when they came: the worker tries them again, through the same door."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from conversations import audit, intake, wakeup, work
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import InboundWebhook, Organization, WebhookOutcome

MOST = 1000


def failed(_now: datetime) -> QuerySet[InboundWebhook]:
    return InboundWebhook.objects.filter(outcome=WebhookOutcome.FAILED).select_related("sender")


@work.handles(InboundWebhook, name="webhook", candidates=failed)
def again(row: InboundWebhook, now: datetime) -> None:
    intake.receive_again(row, now=now)


@atomically
def at_once(organization: Organization, pks: list[int], *, cause: Cause, now: datetime) -> int:
    """A person wants these tried now. How many were still waiting; one that is being tried is left to that."""
    free = Q(leased_until=None) | Q(leased_until__lte=Now())
    waiting = InboundWebhook.objects.filter(
        free, organization=organization, outcome=WebhookOutcome.FAILED, pk__in=pks[:MOST]
    )
    hastened = waiting.update(due_at=now, leased_until=None, lease_number=F("lease_number") + 1)
    if hastened:
        audit.note("webhook.replayed", cause=cause, organization=organization.pk, now=now, count=hastened)
        transaction.on_commit(wakeup.ring)
    return hastened
