from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.organization import Organization


class AuditEntry(models.Model):
    """A fact without a conversation, or that somebody looked: who, what, at which thing. Insert only, never text."""

    organization = models.ForeignKey(
        Organization, models.PROTECT, null=True, blank=True, related_name="audit_entries"
    )
    at = models.DateTimeField(_("when"), db_index=True)
    actor_kind = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64, blank=True, default="")
    action = models.CharField(_("action"), max_length=40)
    subject_kind = models.CharField(max_length=40, blank=True, default="")
    subject_id = models.CharField(max_length=64, blank=True, default="")
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [models.Index(fields=["organization", "-id"], name="audit_recent")]

    def __str__(self) -> str:
        return f"{self.action} #{self.pk}"
