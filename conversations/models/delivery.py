from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.base import Due
from conversations.models.conversation import Conversation
from conversations.models.message import Message
from conversations.models.organization import ADDRESS_LENGTH, Sender

ERROR_TEXT = 200


class DeliveryState(models.TextChoices):
    QUEUED = "queued", _("queued")
    SENDING = "sending", _("sending")
    UNKNOWN = "unknown", _("unconfirmed")
    ACCEPTED = "accepted", _("accepted")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


UNSETTLED = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNKNOWN)


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def unsettled(self) -> Self:
        return self.filter(state__in=UNSETTLED)


class Delivery(Due):
    """The outbox row of one outbound message. Recipient, sender and body are frozen when the product accepts it.

    ``public_id`` travels in the StatusCallback URL as ``mid``: it brings the SID back when the answer is lost.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    message = models.OneToOneField(Message, models.PROTECT, related_name="delivery")
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="deliveries")
    sender = models.ForeignKey(Sender, models.PROTECT, related_name="deliveries")
    recipient = models.CharField(max_length=ADDRESS_LENGTH)
    body = models.TextField()
    media = models.UUIDField(null=True, blank=True)
    """The attachment that goes along, by its public id: what the link for Twilio is made of."""
    content_sid = models.CharField(max_length=64, blank=True, default="")
    content_variables = models.TextField(blank=True, default="")
    """Twilio's content that is sent in place of ``body`` (what it reads like), and the JSON that fills it."""
    outside_window = models.BooleanField(default=False)
    """WhatsApp has approved this content: it may go out after the 24 hours."""
    seq = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.QUEUED)
    started_at = models.DateTimeField(null=True, blank=True)
    unknown_since = models.DateTimeField(null=True, blank=True)
    listings_without = models.PositiveSmallIntegerField(default=0)
    fenced = models.BooleanField(default=False)
    """A bot's line that must not be sent once a person was asked for."""
    fell_back = models.BooleanField(default=False)
    resent = models.PositiveSmallIntegerField(default=0)
    """How often it was sent once more by itself, after Twilio had said that it did not arrive."""
    cause = models.CharField(max_length=40, blank=True, default="")
    error_code = models.PositiveIntegerField(null=True, blank=True)
    error_text = models.CharField(max_length=ERROR_TEXT, blank=True, default="")
    """Twilio's own words for it, without numbers that may be somebody's."""
    created_at = models.DateTimeField(auto_now_add=True)

    begun = False
    """In memory only: this process has just claimed it and committed it as sending."""

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(fields=["conversation", "state", "seq"], name="delivery_line"),
            models.Index(fields=["conversation", "started_at"], name="delivery_pace"),
        ]

    def __str__(self) -> str:
        return str(self.public_id)


class StatusReport(models.Model):
    """Every status callback as it came. Parked (``applied_at`` null) while its message is unknown."""

    delivery = models.ForeignKey(Delivery, models.PROTECT, null=True, blank=True, related_name="reports")
    mid = models.UUIDField(null=True, blank=True, db_index=True)
    account_sid = models.CharField(max_length=64, blank=True, default="")
    provider_sid = models.CharField(max_length=64, db_index=True)
    status = models.CharField(max_length=20)
    error_code = models.PositiveIntegerField(null=True, blank=True)
    params = models.JSONField(default=dict)
    received_at = models.DateTimeField(db_index=True)
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("status report")
        verbose_name_plural = _("status reports")

    def __str__(self) -> str:
        return f"{self.status} #{self.pk}"
