from __future__ import annotations

import secrets
from typing import IO, Self

from django.core.files.storage import default_storage
from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations import clock, sniffing
from conversations.models.base import Due, Public
from conversations.models.message import Message


class AttachmentState(models.TextChoices):
    PENDING = "pending", _("being fetched")
    STORED = "stored", _("stored")
    FAILED = "failed", _("failed")


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    def pending(self) -> Self:
        return self.filter(state=AttachmentState.PENDING)


def unguessable() -> str:
    """Where a file will lie. Chosen with the row: a second attempt replaces what the first has left."""
    return f"{clock.now():%Y/%m}/{secrets.token_urlsafe(24)}"


class Attachment(Due, Public):
    """The file of a message: where Twilio keeps it, what it was said to be, and what it turned out to be.

    ``content_type`` is Twilio's word for it, ``media_type`` what it is served as; empty until it is stored.
    """

    message = models.ForeignKey(Message, models.PROTECT, related_name="attachments")
    position = models.PositiveSmallIntegerField(default=0)
    source_url = models.URLField(max_length=1000, blank=True, default="")
    content_type = models.CharField(max_length=120, blank=True, default="")
    state = models.CharField(max_length=10, choices=AttachmentState.choices, default=AttachmentState.PENDING)
    reason = models.CharField(max_length=20, blank=True, default="")
    """Why the last attempt failed, a code of ``media.Reason``."""
    file = models.FileField(max_length=200, default=unguessable, editable=False)
    media_type = models.CharField(max_length=120, blank=True, default="")
    name = models.CharField(max_length=120, blank=True, default="")
    size = models.PositiveBigIntegerField(default=0)
    facts = models.JSONField(default=dict, blank=True)
    """What its bytes told: ``width`` and ``height`` in pixels, ``seconds``, ``contacts`` of a contact card."""

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        constraints = [models.UniqueConstraint(fields=["message", "position"], name="attachment_position")]

    def opened(self) -> IO[bytes] | None:
        """Its bytes, for whoever may have them; None if they are gone from the storage."""
        try:
            return default_storage.open(str(self.file))
        except FileNotFoundError:
            return None

    @property
    def download_name(self) -> str:
        """Its own name, with an extension that agrees with what it is."""
        return sniffing.saved_as(self.name, self.media_type)
