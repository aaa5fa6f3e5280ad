from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.base import Said, SaidQuerySet
from conversations.models.conversation import Conversation

if TYPE_CHECKING:
    from conversations.models.delivery import Delivery


class Author(models.TextChoices):
    CUSTOMER = "customer", _("customer")
    BOT = "bot", _("bot")
    OPERATOR = "operator", _("operator")
    SYSTEM = "system", _("system")


class Kind(models.TextChoices):
    TEXT = "text", _("text")
    IMAGE = "image", _("image")
    STICKER = "sticker", _("sticker")
    AUDIO = "audio", _("audio")
    VIDEO = "video", _("video")
    DOCUMENT = "document", _("document")
    LOCATION = "location", _("location")
    CONTACT = "contact", _("contact card")
    BUTTON = "button", _("button reply")
    LIST = "list", _("list reply")
    FLOW = "flow", _("form reply")
    TEMPLATE = "template", _("template")
    UNSUPPORTED = "unsupported", _("unsupported message")


class Status(models.TextChoices):
    """The only status anybody reads. ``received`` is a customer's own message."""

    RECEIVED = "received", _("received")
    QUEUED = "queued", _("queued")
    SENDING = "sending", _("sending")
    UNKNOWN = "unknown", _("confirming")
    SENT = "sent", _("sent")
    DELIVERED = "delivered", _("delivered")
    READ = "read", _("read")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class MessageQuerySet(SaidQuerySet["Message"]):
    def in_order(self) -> Self:
        return self.order_by("seq")

    def newest_first(self) -> Self:
        return self.order_by("-seq")


class Message(Said):
    """One bubble. Written by messages.py (append), statuses.py and the sending modules (what became of it)."""

    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="messages")
    seq = models.PositiveIntegerField()
    author = models.CharField(max_length=10, choices=Author.choices)
    operator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="messages"
    )
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.TEXT)
    body = models.TextField(blank=True, default="")
    extras = models.JSONField(default=dict, blank=True)
    reply_to = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="replies")
    provider_sid = models.CharField(max_length=64, null=True, blank=True, unique=True)
    client_key = models.CharField(max_length=255, null=True, blank=True)
    part = models.PositiveSmallIntegerField(default=0)
    epoch = models.PositiveIntegerField(default=0)
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    late = models.BooleanField(default=False)

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RECEIVED)
    rank = models.SmallIntegerField(default=0)
    error_code = models.PositiveIntegerField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True, db_index=True, editable=False)
    """Since when it counts as failed; null otherwise, so that the index holds only those."""

    to_studio = False
    """In memory only: the answer to its webhook hands it to the flow."""

    objects = MessageQuerySet.as_manager()

    if TYPE_CHECKING:
        delivery: Delivery

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["conversation", "seq"], name="message_seq"),
            models.UniqueConstraint(fields=["conversation", "client_key", "part"], name="message_client_key"),
        ]
