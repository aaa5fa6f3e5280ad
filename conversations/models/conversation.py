from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.utils.translation import gettext_lazy as _

from conversations.models.base import Public
from conversations.models.contact import Contact, ContactAddress
from conversations.models.organization import ADDRESS_LENGTH, Organization, Sender
from conversations.models.queue import Queue

if TYPE_CHECKING:
    from conversations.models.handoff import Handoff
    from operators.models import Operator

PREVIEW_LENGTH = 120


class Mode(models.TextChoices):
    BOT = "bot", _("with the bot")
    QUEUED = "queued", _("waiting")
    HUMAN = "human", _("with a person")


class Priority(models.IntegerChoices):
    NORMAL = 0, _("normal")
    RAISED = 1, _("raised")
    HIGH = 2, _("high")
    URGENT = 3, _("urgent")


def stopped() -> Exists:
    """The customer has blocked the number, or told Twilio that they want no more of it, and not written since."""
    address = ContactAddress.objects.filter(sender=OuterRef("sender"), value=OuterRef("reply_address"))
    return Exists(address.exclude(unreachable_code=None))


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def for_organization(self, organization: Organization | int) -> Self:
        return self.filter(sender__organization=organization, merged_into=None)

    def visible_to(self, operator: Operator) -> Self:
        """What this operator may see: their queues', and those in no queue. Staff see all of the company's."""
        mine = self.filter(sender__organization_id=operator.organization_id, merged_into=None)
        if operator.is_staff:
            return mine
        queues = operator.queues.through._default_manager.filter(operator_id=operator.pk).values("queue_id")
        return mine.filter(
            Q(queue=None) | Q(queue__in=queues) | Q(operator=operator) | Q(offered_to=operator)
        )

    def queued(self) -> Self:
        return self.filter(mode=Mode.QUEUED)

    def human(self) -> Self:
        return self.filter(mode=Mode.HUMAN)

    def held_by(self, operator: Operator) -> Self:
        return self.filter(mode=Mode.HUMAN, operator=operator)

    def wanted(self) -> Self:
        """Without those where Twilio stops whatever goes to the customer, until they write."""
        return self.exclude(stopped())

    def in_turn(self) -> Self:
        """The order in which people are taken: priority, then who has waited longest."""
        return self.order_by("-priority", "waiting_since", "pk")

    def closing_first(self, now: datetime) -> Self:
        """People before the queue, and of each those whose window closes soonest; closed ones come last."""
        closed = Case(When(window_expires_at__gt=now, then=Value(0)), default=Value(1))
        return self.alias(closed=closed).order_by("mode", "closed", "window_expires_at", "pk")

    def take(self, pk: int, numbers: int, *, merged: bool = False, **changes: Any) -> Conversation | None:
        """As ``hold``; the fresh row, or None."""
        held = self.hold(pk, numbers, merged=merged, **changes)
        return self.model.objects.with_parties().get(pk=pk) if held else None

    def hold(self, pk: int, numbers: int, *, merged: bool = False, **changes: Any) -> bool:
        """Take ``numbers`` seqs of one conversation, if it still is as this queryset says.

        This UPDATE is the fence and the row lock of every write to a conversation. ``changes`` go before
        ``seq`` in the SET list: MariaDB assigns from left to right, so what derives from seq must come first.
        One that was merged into another takes nothing more, but what becomes of what was said in it (``merged``).
        """
        row = self.filter(pk=pk) if merged else self.filter(pk=pk, merged_into=None)
        return row.update(**changes, seq=F("seq") + numbers) == 1

    def with_parties(self) -> Self:
        return self.select_related("sender", "sender__organization", "contact", "queue", "operator")


class Conversation(Public):
    """The one thread between a sender and a contact, for ever. ``mode`` alone decides who speaks."""

    sender = models.ForeignKey(Sender, models.PROTECT, related_name="conversations")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="conversations")

    # Written by conversations/handoffs.py only.
    mode = models.CharField(_("mode"), max_length=10, choices=Mode.choices, default=Mode.BOT)
    epoch = models.PositiveIntegerField(_("epoch"), default=0)
    operator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="conversations"
    )
    offered_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="offers"
    )
    queue = models.ForeignKey(Queue, models.PROTECT, null=True, blank=True, related_name="conversations")
    priority = models.PositiveSmallIntegerField(
        _("priority"), choices=Priority.choices, default=Priority.NORMAL
    )
    waiting_since = models.DateTimeField(_("waiting since"), null=True, blank=True)
    handoff_count = models.PositiveIntegerField(default=0)

    seq = models.PositiveIntegerField(default=0)
    last_inbound_seq = models.PositiveIntegerField(default=0)
    last_inbound_at = models.DateTimeField(_("customer's last message"), null=True, blank=True)
    window_expires_at = models.DateTimeField(_("window closes at"), null=True, blank=True)
    reply_address = models.CharField(max_length=ADDRESS_LENGTH)
    answered_seq = models.PositiveIntegerField(default=0)
    """Up to where a person has answered: the customer has the last word while ``last_inbound_seq`` is higher."""
    seen_seq = models.PositiveIntegerField(default=0)
    unread = models.PositiveIntegerField(default=0)

    bot_session = models.PositiveIntegerField(default=0)
    bot_session_seq = models.PositiveIntegerField(default=0)
    """Where the bot session begins in the thread."""
    bot_state = models.JSONField(default=dict, blank=True)

    last_preview = models.CharField(max_length=PREVIEW_LENGTH, blank=True, default="")
    last_author = models.CharField(max_length=10, blank=True, default="")
    last_kind = models.CharField(max_length=20, blank=True, default="")
    last_message_at = models.DateTimeField(_("last message"), null=True, blank=True)

    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="merged")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConversationQuerySet.as_manager()

    if TYPE_CHECKING:
        open_handoff: Handoff

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        constraints = [
            models.UniqueConstraint(fields=["sender", "contact"], name="conversation_sender_contact"),
            models.CheckConstraint(
                name="conversation_operator_iff_human",
                condition=Q(mode="human", operator__isnull=False)
                | (~Q(mode="human") & Q(operator__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(fields=["mode", "-priority", "waiting_since"], name="conversation_queue"),
            models.Index(fields=["operator", "-last_message_at"], name="conversation_held"),
            models.Index(fields=["mode", "-last_message_at"], name="conversation_recent"),
            models.Index(fields=["-last_message_at"], name="conversation_newest"),
        ]

    @property
    def handoff(self) -> Handoff | None:
        """The open episode of human service, if any (one query unless ``open_handoff`` was selected)."""
        return getattr(self, "open_handoff", None)

    def window_open(self, now: datetime) -> bool:
        return self.window_expires_at is not None and self.window_expires_at > now
