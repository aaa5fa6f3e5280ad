"""Who serves: operators, and the reasons they close with."""

from __future__ import annotations

import zoneinfo
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Exists, Q
from django.utils.translation import gettext_lazy as _

from conversations.models import Conversation, Due, Organization, Queue
from conversations.models.base import Public
from operators.devices import PushCall, PushSubscription, QueueAlarm, Story  # noqa: F401 - models of this app
from operators.labels import AttributeDefinition as AttributeDefinition
from operators.labels import ContactLink as ContactLink
from operators.labels import Tag as Tag
from operators.labels import Tagging as Tagging

PLACES = 6


class PresenceStatus(models.TextChoices):
    AVAILABLE = "available", _("Available")
    ON_BREAK = "on_break", _("On break")
    OFFLINE = "offline", _("Offline")


class OperatorManager(UserManager["Operator"]):
    def _create_user_object(
        self, username: str, email: str | None, password: str | None, **extra: Any
    ) -> Operator:
        extra.setdefault("organization", Organization.default())
        return super()._create_user_object(username, email, password, **extra)  # type: ignore[misc,no-any-return]

    def for_organization(self, organization: Organization) -> models.QuerySet[Operator]:
        return self.get_queryset().filter(organization=organization)

    def alone(self, operator: Operator) -> bool:
        """Whether this is a one-person installation: nobody to hand a chat to, and no other queue."""
        return not self.filter(self.shared(operator), pk=operator.pk).exists()

    def shared(self, operator: Operator) -> Q:
        """The opposite as a condition, for a statement that asks for something else as well."""
        colleagues = self.filter(organization=operator.organization_id, is_active=True).exclude(
            pk=operator.pk
        )
        queues = Queue.objects.filter(organization=operator.organization_id).order_by("pk")
        second_queue = queues[1:2]
        return Exists(colleagues) | Exists(second_queue)


class Operator(Public, AbstractUser):
    """A person of the team. Supervisors are staff; queues are the only permission besides."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="operators")
    language = models.CharField(_("language"), max_length=10, blank=True, default="")
    time_zone = models.CharField(_("time zone"), max_length=40, blank=True, default="")
    capacity = models.PositiveSmallIntegerField(
        _("places"), default=PLACES, help_text=_("How many conversations at once.")
    )
    claim_count = models.PositiveIntegerField(default=0, editable=False)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When they last got a conversation: whoever has been without one for longest is next."""
    queues = models.ManyToManyField(Queue, blank=True, related_name="operators", verbose_name=_("queues"))
    preferences = models.JSONField(default=dict, blank=True)

    objects: ClassVar[OperatorManager] = OperatorManager()

    class Meta:
        verbose_name = _("operator")
        verbose_name_plural = _("operators")

    def __str__(self) -> str:
        return self.username

    @property
    def shown_name(self) -> str:
        return self.get_full_name() or self.username

    def reads(self, otherwise: str) -> str:
        """The language of their screens: their own choice, else what the browser was told."""
        return self.language if self.language in dict(settings.LANGUAGES) else otherwise

    @property
    def zone(self) -> str:
        """The name of their time zone, else the installation's."""
        try:
            return zoneinfo.ZoneInfo(self.time_zone or settings.TIME_ZONE).key
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            return settings.TIME_ZONE


class Reason(models.Model):
    """How a service ended, as the team says it. ``labels`` is {language: text}; the handoff keeps the code."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="reasons")
    code = models.SlugField(_("code"), max_length=40)
    labels = models.JSONField(_("labels"), default=dict)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("closing reason")
        verbose_name_plural = _("closing reasons")
        constraints = [models.UniqueConstraint(fields=["organization", "code"], name="reason_code")]

    def __str__(self) -> str:
        return self.code

    def label(self, language: str) -> str:
        return self.labels.get(language) or self.labels.get("en") or self.code


class CannedReply(Public):
    """Words that are written again and again: what operators find by ``/code``. Of one queue, or of all of them.

    ``shelf`` is the queue's key, or 0: a key with a null in it would be unique on no database.
    """

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="canned_replies")
    queue = models.ForeignKey(
        Queue,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="canned_replies",
        verbose_name=_("queue"),
        help_text=_("Empty: offered in every queue."),
    )
    shelf = models.PositiveBigIntegerField(default=0, editable=False)
    code = models.SlugField(
        _("code"), max_length=40, allow_unicode=True, help_text=_("Operators write / and this word.")
    )
    title = models.CharField(_("title"), max_length=80)
    body = models.TextField(_("text"), max_length=4000)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("canned reply")
        verbose_name_plural = _("canned replies")
        constraints = [models.UniqueConstraint(fields=["organization", "shelf", "code"], name="canned_code")]

    def __str__(self) -> str:
        return self.code

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.shelf = self.queue_id or 0
        super().save(*args, **kwargs)


class Presence(Due):
    """Whether an operator is there: a row that an open panel keeps refreshing, and an expiry; nothing has to end it.

    ``status`` is what they chose; ``away_at`` is set while their hands are off. Due once they have been gone for a
    while and somebody may wait for their answer.
    """

    operator = models.OneToOneField(Operator, models.CASCADE, related_name="presence")
    status = models.CharField(max_length=10, choices=PresenceStatus.choices, default=PresenceStatus.AVAILABLE)
    seen_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    away_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("presence")
        verbose_name_plural = _("presences")

    def __str__(self) -> str:
        return f"{self.status} #{self.operator_id}"


class Viewing(models.Model):
    """An operator has this conversation before their eyes, or writes in it; gone with its expiry."""

    operator = models.ForeignKey(Operator, models.CASCADE, related_name="viewings")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="viewings")
    expires_at = models.DateTimeField(db_index=True)
    typing_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("viewing")
        verbose_name_plural = _("viewings")
        constraints = [models.UniqueConstraint(fields=["operator", "conversation"], name="viewing_once")]

    def __str__(self) -> str:
        return f"viewing #{self.pk}"


class Draft(Due):
    """What an operator has begun to write in a conversation. Empty once it was sent: then only the number counts.

    ``version`` rises with every change; whoever has not seen the newest one changes nothing. ``left_at``: since when
    the conversation is known not to be theirs. Due when somebody has to look whether it still is.
    """

    class Kind(models.TextChoices):
        REPLY = "reply", _("Reply")
        NOTE = "note", _("Internal note")
        WHISPER = "whisper", _("Whisper")

    operator = models.ForeignKey(Operator, models.CASCADE, related_name="drafts")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="drafts")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    text = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("draft")
        verbose_name_plural = _("drafts")
        constraints = [
            models.UniqueConstraint(fields=["operator", "conversation", "kind"], name="draft_of_each_kind")
        ]

    def __str__(self) -> str:
        return f"draft #{self.pk}"
