"""Who outside wants to be told of events, and what each of them is still to be told. Models of this app."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations import crypto
from conversations.models import Conversation, Due, Event, Organization
from conversations.models.base import Public

LONGEST_URL = 500
TEST = "test"
"""The kind of a notice that tells of nothing: somebody wants to see one arrive."""
KEPT = timedelta(days=7)


class Pause(models.TextChoices):
    BY_HAND = "by_hand", _("switched off")
    FAILING = "failing", _("its receiver has not answered for a day")
    GONE = "gone", _("its receiver wants no more (410)")


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def for_organization(self, organization: Organization) -> Self:
        return self.filter(organization=organization)

    def running(self) -> Self:
        return self.filter(paused="")

    def paused_by_itself(self) -> Self:
        return self.filter(paused__in=[Pause.FAILING, Pause.GONE])


class Subscription(Public, Due):
    """An address that is told of events. It stands at ``cursor`` in their feed, and is due to read on from there.

    While ``paused`` (one of ``Pause``) it reads nothing and nothing is posted; it goes on where it was.
    """

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="subscriptions")
    name = models.CharField(_("name"), max_length=120)
    url = models.CharField(
        _("address"), max_length=LONGEST_URL, help_text=_("https://…: each event is posted there, signed.")
    )
    secret_encrypted = models.TextField(editable=False)
    kinds = models.JSONField(_("events"), default=list, blank=True)
    """Kinds of events, such as handoff.claimed or handoff.*; empty: all."""
    cursor = models.TextField(editable=False)
    paused = models.CharField(
        _("paused"), max_length=10, choices=Pause.choices, blank=True, default="", editable=False
    )
    paused_at = models.DateTimeField(_("paused since"), null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True, editable=False)
    """When the first attempt failed after which none has succeeded."""
    lost_at = models.DateTimeField(_("missed something"), null=True, blank=True, editable=False)
    """When it last had to begin afresh: the events it had not read were not kept any more."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SubscriptionQuerySet.as_manager()

    if TYPE_CHECKING:
        organization_id: int

    class Meta:
        verbose_name = _("outgoing webhook")
        verbose_name_plural = _("outgoing webhooks")

    @property
    def shown_name(self) -> str:
        return self.name

    @property
    def secret(self) -> str:
        """What everything posted to it is signed with."""
        return crypto.decrypt(self.secret_encrypted)

    @secret.setter
    def secret(self, plain: str) -> None:
        self.secret_encrypted = crypto.encrypt(plain)

    def wants(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds or f"{kind.partition('.')[0]}.*" in self.kinds


class NoticeState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    DELIVERED = "delivered", _("delivered")
    FAILED = "failed", _("given up")


class NoticeQuerySet(models.QuerySet["Notice"]):
    def waiting(self) -> Self:
        return self.filter(state=NoticeState.WAITING)


class Notice(Public, Due):
    """One event that one subscription is told of, and what came of it. In its conversation the oldest goes first."""

    subscription = models.ForeignKey(
        Subscription, models.CASCADE, related_name="notices", verbose_name=_("outgoing webhook")
    )
    event = models.ForeignKey(Event, models.CASCADE, null=True, related_name="+")
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, null=True, related_name="+", verbose_name=_("conversation")
    )
    seq = models.PositiveIntegerField(default=0)
    kind = models.CharField(_("event"), max_length=40)
    state = models.CharField(
        _("state"), max_length=10, choices=NoticeState.choices, default=NoticeState.WAITING
    )
    tries = models.PositiveIntegerField(_("attempts"), default=0)
    status = models.PositiveIntegerField(_("HTTP status"), null=True)
    trouble = models.CharField(_("trouble"), max_length=80, blank=True, default="")
    first_tried_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(_("settled at"), null=True)
    created_at = models.DateTimeField(_("since"))

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        constraints = [models.UniqueConstraint(fields=["subscription", "event"], name="notice_event")]
        indexes = [
            models.Index(fields=["subscription", "conversation", "state", "seq"], name="notice_order"),
            models.Index(fields=["subscription", "settled_at"], name="notice_settled"),
        ]


def new_secret() -> str:
    return secrets.token_urlsafe(32)
