from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.models.base import Said, SaidQuerySet
from conversations.models.conversation import Conversation

if TYPE_CHECKING:
    from operators.models import Operator


class NoteKind(models.TextChoices):
    NOTE = "note", _("internal note")
    TRANSFER = "transfer", _("note of a transfer")
    WHISPER = "whisper", _("whisper")


class NoteQuerySet(SaidQuerySet["Note"]):
    def readable_by(self, operator: Operator) -> NoteQuerySet:
        """Everybody's notes, and the whispers that this operator wrote or is meant to read; supervisors read all."""
        if operator.is_staff:
            return self.all()
        mine = Q(for_operator=operator) | Q(author=operator)
        return self.filter(~Q(kind=NoteKind.WHISPER) | mine)


class Note(Said):
    """What the team says among itself. A model of its own on purpose: nothing that sends can reference it."""

    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="notes")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=NoteKind.choices, default=NoteKind.NOTE)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="notes"
    )
    """None: an integration."""
    for_operator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="whispers"
    )
    body = models.TextField()
    client_key = models.CharField(max_length=255, null=True, blank=True)
    """Of whoever wrote it, so that writing it again is harmless."""
    created_at = models.DateTimeField()
    pinned_at = models.DateTimeField(null=True, blank=True)
    """Since when it stands at the top of what is known of the contact."""
    pinned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = NoteQuerySet.as_manager()

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        constraints = [
            models.UniqueConstraint(fields=["conversation", "seq"], name="note_seq"),
            models.UniqueConstraint(fields=["conversation", "client_key"], name="note_client_key"),
        ]
