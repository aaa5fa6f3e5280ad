from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.base import Due, Public
from conversations.models.conversation import Conversation
from conversations.models.queue import Queue


class Reasons(models.TextChoices):
    """Why a person was asked for: the product's own codes; a bot may send its own."""

    CUSTOMER_ASKED = "customer_asked", _("Asked for a person")
    NOT_UNDERSTOOD = "not_understood", _("Bot did not understand twice")
    BOT_ASKED = "bot_asked", _("The bot called a person")
    BOT_FAILURE = "bot_failure", _("The bot failed")
    LOOP = "loop", _("The bot was going in circles")
    RULE = "rule", _("A rule called a person")
    API = "api", _("Asked for by an integration")
    TAKEOVER = "takeover", _("Taken over from the bot")
    OUTBOUND = "outbound", _("Started by the team")


class Outcomes(models.TextChoices):
    """How an episode ended without a person closing it; reasons of the organization come beside these."""

    CANCELLED = "cancelled", _("Customer went back to the bot")
    EXPIRED = "expired", _("Nobody came in time")
    OUT_OF_HOURS = "out_of_hours", _("Out of hours")
    MERGED = "merged", _("Merged into another conversation")


class Resume(models.TextChoices):
    BOT_NOW = "bot_now", _("Back to the bot: it speaks now")
    WAIT = "wait", _("Back to the bot: it waits for the customer")
    CLOSE = "close", _("Close without bot")


class DueKind(models.TextChoices):
    """What the one running deadline of an open handoff is about."""

    WAITING = "waiting", _("nobody has come")
    OFFER = "offer", _("the offer is not answered")
    FIRST_REPLY = "first_reply", _("taken and not answered")
    CUSTOMER_SILENT = "customer_silent", _("the customer is silent")


class Handoff(Due, Public):
    """One episode of human service: from the request until it is released, cancelled or expires."""

    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="handoffs")
    open_for = models.OneToOneField(
        Conversation, models.PROTECT, null=True, blank=True, related_name="open_handoff"
    )
    number = models.PositiveIntegerField()

    reason = models.CharField(max_length=40)
    summary = models.TextField(blank=True, default="")
    intent = models.CharField(max_length=120, blank=True, default="")
    slots = models.JSONField(default=dict, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    suggested_reply = models.TextField(blank=True, default="")
    queue = models.ForeignKey(Queue, models.PROTECT, null=True, blank=True, related_name="handoffs")
    requested_by_kind = models.CharField(max_length=20)
    requested_by_id = models.CharField(max_length=64, blank=True, default="")
    requested_at = models.DateTimeField()

    operator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="handoffs"
    )
    handoff_at = models.DateTimeField(null=True, blank=True)
    """Since when whoever has it has it; ``first_handoff_at`` is when somebody first came."""
    first_handoff_at = models.DateTimeField(null=True, blank=True)
    first_reply_at = models.DateTimeField(null=True, blank=True)

    released_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=40, blank=True, default="")
    context_out = models.JSONField(default=dict, blank=True)
    resume = models.CharField(max_length=10, choices=Resume.choices, blank=True, default="")
    told_at = models.DateTimeField(null=True, blank=True)
    """When the bot was told that this service had ended."""
    released_seq = models.PositiveIntegerField(null=True, blank=True)

    due_kind = models.CharField(max_length=20, choices=DueKind.choices, blank=True, default="")
    due_epoch = models.PositiveIntegerField(null=True, blank=True)
    due_step = models.PositiveSmallIntegerField(default=0)
    waiting_due_at = models.DateTimeField(null=True, blank=True)
    """The waiting deadline, kept while an offer's stands in its place."""
    passed_over = models.JSONField(default=list, blank=True)
    """Public ids of those who did not take it when it was offered: it is not offered to them again."""
    position_told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("handoff")
        verbose_name_plural = _("handoffs")
        constraints = [
            models.UniqueConstraint(fields=["conversation", "number"], name="handoff_number"),
        ]
