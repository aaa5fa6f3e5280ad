from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from conversations import words
from conversations.models.base import Public
from conversations.models.organization import ADDRESS_LENGTH, Organization, Sender

NAME = 255
FOUND = 200
"""Contacts that one search looks through."""


class ContactQuerySet(models.QuerySet["Contact"]):
    def for_organization(self, organization: Organization) -> ContactQuerySet:
        return self.filter(organization=organization)

    def update(self, **changes: Any) -> int:
        """A new name is found at once, and an erased one no more."""
        if isinstance(name := changes.get("name"), str):
            changes |= searched(name)
        return super().update(**changes)

    def named(self, beginning: str) -> list[int]:
        """The ids of those whose name, or its last word, begins like this: as many as a search shows."""
        wanted = words.normalise(beginning)
        if not wanted:
            return []
        found = [
            pk
            for column in ("search_name", "search_surname")
            for pk in self.filter(**begins(column, wanted)).values_list("pk", flat=True)[:FOUND]
        ]
        return found[:FOUND]


def searched(name: str) -> dict[str, str]:
    """What is looked for in place of a name: it as it is, and with the last word first."""
    whole = words.normalise(name)
    first, _space, last = whole.rpartition(" ")
    return {"search_name": whole[:NAME], "search_surname": f"{last} {first}"[:NAME] if first else ""}


def begins(column: str, wanted: str) -> dict[str, str]:
    """So that the index is used. PostgreSQL's compares in C order under LIKE; elsewhere a comparison does."""
    if connection.vendor == "postgresql":
        return {f"{column}__startswith": wanted}
    return {f"{column}__gte": wanted, f"{column}__lt": f"{wanted}\U0010ffff"}


class Contact(Public):
    """A person who writes to the company. Found by ``search_name``, which follows ``name``."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="contacts")
    name = models.CharField(_("name"), max_length=NAME, blank=True, default="")
    search_name = models.CharField(max_length=NAME, blank=True, default="", editable=False)
    search_surname = models.CharField(max_length=NAME, blank=True, default="", editable=False)
    language = models.CharField(_("language"), max_length=10, default="pt-br")
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    opted_out_at = models.DateTimeField(_("opted out at"), null=True, blank=True)
    opted_in_at = models.DateTimeField(_("agreed to be written to at"), null=True, blank=True)
    opted_in_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("agreement noted by"),
    )
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="merged")
    anonymized_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ContactQuerySet.as_manager()

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        indexes = [
            models.Index(
                fields=["organization", column],
                name=f"contact_{column}",
                opclasses=["int8_ops", "varchar_pattern_ops"],
            )
            for column in ("search_name", "search_surname")
        ]

    def save(self, **how: Any) -> None:
        for column, value in searched(self.name).items():
            setattr(self, column, value)
        super().save(**how)


class SeenBeside(models.Model):
    """An address that came in one payload with somebody's own, and is another's, or may not be theirs: whether the
    two are one person is for people to say."""

    contact = models.ForeignKey(Contact, models.PROTECT, related_name="seen_beside")
    sender = models.ForeignKey(Sender, models.PROTECT, related_name="+")
    value = models.CharField(max_length=ADDRESS_LENGTH)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("address seen beside another")
        verbose_name_plural = _("addresses seen beside others")
        constraints = [models.UniqueConstraint(fields=["contact", "sender", "value"], name="seen_beside")]
        indexes = [models.Index(fields=["sender", "value"], name="seen_beside_value")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Apart(models.Model):
    """Somebody has said that these two are not one person: nobody is asked again. ``one`` came first."""

    one = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    other = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("not the same person")
        verbose_name_plural = _("not the same people")
        constraints = [models.UniqueConstraint(fields=["one", "other"], name="apart_pair")]

    def __str__(self) -> str:
        return f"#{self.pk}"


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
    """Since when Twilio stops whatever goes there. Until they write."""
    unreachable_code = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        constraints = [models.UniqueConstraint(fields=["sender", "value"], name="address_sender_value")]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"
