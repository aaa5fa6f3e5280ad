from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.base import Due
from conversations.models.organization import Sender


class Reconciliation(Due):
    """How far a sender's messages have been compared with Twilio's list of them."""

    sender = models.OneToOneField(Sender, models.CASCADE, related_name="reconciliation")
    read_until = models.DateTimeField(null=True, blank=True, editable=False)
    """What Twilio received before this moment is here, or was left out for a reason."""
    done_at = models.DateTimeField(null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    cause = models.CharField(max_length=30, blank=True, default="", editable=False)
    found = models.PositiveIntegerField(default=0, editable=False)
    """How many the last pass that found any brought in, and when that was."""
    found_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("comparison with Twilio")
        verbose_name_plural = _("comparisons with Twilio")

    def __str__(self) -> str:
        return str(self.sender_id)
