from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.base import Due, Public
from conversations.models.message import Message
from conversations.models.organization import Organization, Sender


class WebhookOutcome(models.TextChoices):
    APPLIED = "applied", _("applied")
    DUPLICATE = "duplicate", _("duplicate")
    IGNORED = "ignored", _("ignored")
    FAILED = "failed", _("failed")


class WebhookSource(models.TextChoices):
    WEBHOOK = "webhook", _("webhook")
    LIST = "list", _("Twilio's list")


class InboundWebhook(Due, Public):
    """The raw form of every accepted message webhook, and what became of it.

    A message that Twilio lists and whose webhook never came has a form made of what the list says, and ``received_at``
    is then when Twilio received it.
    """

    TO_STUDIO = "studio"
    """The reason of one that was applied, and handed to the flow by the answer to it."""

    organization = models.ForeignKey(Organization, models.PROTECT, null=True, blank=True)
    sender = models.ForeignKey(Sender, models.PROTECT, null=True, blank=True)
    source = models.CharField(max_length=10, choices=WebhookSource.choices, default=WebhookSource.WEBHOOK)
    provider_sid = models.CharField(max_length=64, db_index=True)
    params = models.JSONField()
    outcome = models.CharField(max_length=10, choices=WebhookOutcome.choices)
    reason = models.CharField(max_length=60, blank=True, default="")
    message = models.ForeignKey(Message, models.SET_NULL, null=True, blank=True, related_name="webhooks")
    received_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
