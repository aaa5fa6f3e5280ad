from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.conversation import Conversation
from conversations.models.organization import Organization


class Event(models.Model):
    """One fact of a conversation's story: ids, enums and numbers only, never text. Append only."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    actor_kind = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64, blank=True, default="")
    data = models.JSONField(default=dict)
    epoch_before = models.PositiveIntegerField()
    epoch_after = models.PositiveIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [models.UniqueConstraint(fields=["conversation", "seq"], name="event_seq")]
        indexes = [models.Index(fields=["organization", "id"], name="event_feed")]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"
