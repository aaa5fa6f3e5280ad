from __future__ import annotations

from datetime import datetime

from django.db import models, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from conversations import wakeup
from conversations.models.base import Due
from conversations.models.conversation import Conversation
from conversations.models.organization import BotEngineName


class StudioCallQuerySet(models.QuerySet["StudioCall"]):
    def owe(self, conversation: Conversation, *, now: datetime) -> None:
        """What Studio runs for this customer has to end, if Studio is the bot here.

        Called while the conversation's row is held (its seq was just taken), so two cannot both make the row.
        """
        if conversation.sender.bot_engine != BotEngineName.STUDIO:
            return
        again = self.filter(conversation=conversation).update(
            asked_at=now,
            looks=0,
            due_at=now,
            leased_until=None,
            attempts=0,
            lease_number=F("lease_number") + 1,
        )
        if not again:
            self.create(conversation=conversation, asked_at=now, due_at=now)
        transaction.on_commit(wakeup.ring)

    def wait(self, conversation: Conversation, *, until: datetime) -> None:
        """The flow is about to be told something, which must find it as it is."""
        owed = self.filter(conversation=conversation, looks=0).exclude(due_at=None)
        owed.update(due_at=until, leased_until=None, lease_number=F("lease_number") + 1)


class StudioCall(Due):
    """The duty to end what a Studio flow runs for a customer who has been handed to people. One row per thread."""

    conversation = models.OneToOneField(Conversation, models.PROTECT, related_name="studio_call")
    asked_at = models.DateTimeField()
    looks = models.PositiveSmallIntegerField(default=0)
    """How often Studio was asked and nothing ran any more: what was on its way then may have begun since."""

    objects = StudioCallQuerySet.as_manager()

    class Meta:
        verbose_name = _("call to Studio")
        verbose_name_plural = _("calls to Studio")

    def __str__(self) -> str:
        return str(self.conversation_id)
