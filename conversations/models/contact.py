from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.base import Public
from conversations.models.organization import ADDRESS_LENGTH, Organization, Sender


class ContactQuerySet(models.QuerySet["Contact"]):
    def for_organization(self, organization: Organization) -> ContactQuerySet:
        return self.filter(organization=organization)


class Contact(Public):
    """A person who writes to the company."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="contacts")
    name = models.CharField(_("name"), max_length=255, blank=True, default="")
    language = models.CharField(_("language"), max_length=10, default="pt-br")
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    opted_out_at = models.DateTimeField(_("opted out at"), null=True, blank=True)
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="merged")
    anonymized_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ContactQuerySet.as_manager()

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")


class AddressKind(models.TextChoices):
    PHONE = "phone", _("phone")
    USER_ID = "user_id", _("WhatsApp user id")


class ContactAddress(models.Model):
    """How a person is reached on a sender: opaque text, exactly as received (twilio/reference: never parse From
    as a phone number without a branch)."""

    sender = models.ForeignKey(Sender, models.PROTECT, related_name="addresses")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="addresses")
    kind = models.CharField(max_length=10, choices=AddressKind.choices)
    value = models.CharField(max_length=ADDRESS_LENGTH)
    unreachable_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        constraints = [models.UniqueConstraint(fields=["sender", "value"], name="address_sender_value")]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"
