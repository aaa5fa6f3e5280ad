"""Where an operator can be called while no console is open, and what they are still to be called for."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models import Conversation, Due, Queue
from conversations.models.base import Public

LONGEST_ADDRESS = 1000


class PushSubscription(Public):
    """A browser that an operator has let call them. ``endpoint`` is an address at its maker's push service.

    It holds as long as the password under which it was allowed (``allowed_under``).
    """

    operator = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="push_subscriptions")
    endpoint = models.CharField(max_length=LONGEST_ADDRESS)
    fingerprint = models.CharField(max_length=64, unique=True, editable=False)
    """Of the endpoint, which is too long for a key on every database."""
    p256dh = models.CharField(max_length=120)
    auth = models.CharField(max_length=60)
    device = models.CharField(max_length=80, blank=True, default="")
    allowed_under = models.CharField(max_length=64)
    session = models.CharField(max_length=64, blank=True, default="")
    """The mark of the login in whose browser it is: signing out there ends it."""
    created_at = models.DateTimeField()
    last_ok_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    """Calls in a row that did not get through."""

    class Meta:
        verbose_name = _("device that notifies")
        verbose_name_plural = _("devices that notify")


class CallKind(models.TextChoices):
    WAITING = "waiting"
    OFFERED = "offered"
    MESSAGE = "message"
    MENTION = "mention"
    TEST = "test"


class PushCall(Due):
    """One browser is to be told of one conversation, the latest news of it only. Due until it was, or need not be."""

    subscription = models.ForeignKey(PushSubscription, models.CASCADE, related_name="calls")
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, null=True, blank=True, related_name="push_calls"
    )
    kind = models.CharField(max_length=10, choices=CallKind.choices)
    event = models.PositiveBigIntegerField(default=0)
    """The id of the event that it is about: what is older, or the same again, calls nobody."""
    made_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "conversation"], name="push_call_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class Story(Due):
    """How far the events have been read for those who are to be called: one row, made with the first device."""

    name = models.CharField(max_length=20, unique=True)
    cursor = models.TextField()

    def __str__(self) -> str:
        return self.name


class QueueAlarm(Due):
    """A queue whose address is written to when nobody is there. ``told`` are the handoffs it was written about."""

    queue = models.OneToOneField(Queue, models.CASCADE, related_name="alarm")
    mailed_at = models.DateTimeField(null=True, blank=True)
    told = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"#{self.pk}"
