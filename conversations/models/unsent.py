from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.attachment import unguessable
from conversations.models.base import Due, Public
from conversations.models.conversation import Conversation

KEPT = timedelta(hours=24)
"""How long an uploaded file waits for the message that takes it along."""


class UnsentFileQuerySet(models.QuerySet["UnsentFile"]):
    def ready(self, now: datetime) -> Self:
        """Those that a message may still take: a worker that gives one up claims it first, and is not undone."""
        return self.filter(due_at__gt=now, lease_number=0)


class UnsentFile(Due, Public):
    """A file that was uploaded to be sent in a conversation. A message takes it along and ends the row, once; what
    nobody has sent by ``due_at`` is removed. Its ``public_id`` becomes the attachment's."""

    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="unsent_files")
    kind = models.CharField(max_length=20)
    media_type = models.CharField(max_length=120)
    name = models.CharField(max_length=120, blank=True, default="")
    size = models.PositiveBigIntegerField()
    facts = models.JSONField(default=dict, blank=True)
    file = models.FileField(max_length=200, default=unguessable, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = UnsentFileQuerySet.as_manager()

    class Meta:
        verbose_name = _("file not sent yet")
        verbose_name_plural = _("files not sent yet")
