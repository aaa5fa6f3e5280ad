from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.base import Due, Public
from conversations.models.organization import Organization, Sender

if TYPE_CHECKING:
    from conversations.models.contact import Contact


class Approval(models.TextChoices):
    """What WhatsApp has said about it. A word that is not here is shown as it came."""

    UNSUBMITTED = "unsubmitted", _("not submitted")
    RECEIVED = "received", _("submitted")
    PENDING = "pending", _("in review")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")
    PAUSED = "paused", _("paused by WhatsApp")
    DISABLED = "disabled", _("disabled by WhatsApp")


class Category(models.TextChoices):
    UTILITY = "utility", _("Utility")
    MARKETING = "marketing", _("Marketing")
    AUTHENTICATION = "authentication", _("Authentication")


class TemplateQuerySet(models.QuerySet["Template"]):
    def for_organization(self, organization: Organization) -> Self:
        return self.filter(organization=organization)

    def of(self, sender: Sender) -> Self:
        """Those of the account this sender belongs to. A demo number has no account: it shows the company's."""
        own = self.filter(organization=sender.organization_id, gone=False)
        return own if sender.demo else own.filter(account_sid=sender.account_sid)

    def offered(self) -> Self:
        """What somebody may look for: never a one-time code, nor what nobody has submitted."""
        hidden = models.Q(category=Category.AUTHENTICATION) | models.Q(approval=Approval.UNSUBMITTED)
        return self.exclude(hidden).exclude(body="")

    def approved(self) -> Self:
        return self.offered().filter(approval=Approval.APPROVED)


class Template(Public):
    """A message that Twilio keeps and WhatsApp reviews: it may open a closed window. Written by the sync only."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="templates")
    account_sid = models.CharField(_("Twilio account SID"), max_length=64)
    content_sid = models.CharField(_("content SID"), max_length=64)
    name = models.CharField(_("name"), max_length=255)
    language = models.CharField(_("language"), max_length=20)
    category = models.CharField(_("category"), max_length=20, choices=Category.choices, blank=True)
    approval = models.CharField(
        _("approval"), max_length=20, choices=Approval.choices, default=Approval.UNSUBMITTED
    )
    rejection_reason = models.TextField(_("why it was rejected"), blank=True, default="")
    kind = models.CharField(_("content type"), max_length=60)
    header = models.TextField(_("header"), blank=True, default="")
    body = models.TextField(_("text"), blank=True, default="")
    footer = models.TextField(_("footer"), blank=True, default="")
    media = models.JSONField(default=list, blank=True)
    variables = models.JSONField(_("variables"), default=list, blank=True)
    """``[{"name": "1", "sample": "Maria"}, …]`` in the order in which they are read."""
    buttons = models.JSONField(_("buttons"), default=list, blank=True)
    """``[{"kind": "reply", "title": "…"}, …]``; ``kind`` is reply, url, phone or list."""
    synced_at = models.DateTimeField(_("last seen at Twilio"))
    gone = models.BooleanField(_("gone"), default=False)
    """Twilio lists it no longer: kept because messages name it, and not offered."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        constraints = [
            models.UniqueConstraint(fields=["account_sid", "content_sid"], name="template_account_content")
        ]

    @property
    def label(self) -> str:
        """Its name as somebody reads it: Twilio's are often one word in small letters."""
        plain = " ".join(self.name.replace("_", " ").split())
        return plain[:1].upper() + plain[1:]

    @property
    def names(self) -> list[str]:
        return [variable["name"] for variable in self.variables]

    def barred(self, contact: Contact | None) -> str:
        """Why it may not be sent (to this person), as a code; "" when it may."""
        if self.approval != Approval.APPROVED:
            return "not_approved"
        if self.category == Category.MARKETING and (contact is None or contact.opted_in_at is None):
            return "no_consent"
        return ""


class TemplateSync(Due):
    """When the templates of one account were last read, and what went wrong since."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="template_syncs")
    account_sid = models.CharField(_("Twilio account SID"), max_length=64, unique=True)
    synced_at = models.DateTimeField(_("last sync"), null=True, blank=True)
    found = models.PositiveIntegerField(_("templates found"), default=0)
    last_error = models.CharField(_("last error"), max_length=40, blank=True, default="")
    last_error_at = models.DateTimeField(_("last error at"), null=True, blank=True)

    class Meta:
        verbose_name = _("template sync")
        verbose_name_plural = _("template syncs")

    def __str__(self) -> str:
        return self.account_sid
