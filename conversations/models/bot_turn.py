from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Case, F, Value, When
from django.utils.translation import gettext_lazy as _

from conversations.models.base import Due, Public
from conversations.models.conversation import Conversation

PAUSE = timedelta(seconds=1.2)
"""How long the bot waits for another bubble before it answers."""
LONGEST_PAUSE = timedelta(seconds=4)


class TurnKind(models.TextChoices):
    MESSAGE = "message", _("answer a message")
    RELEASED = "released", _("speak after human service")


class BotTurnQuerySet(models.QuerySet["BotTurn"]):
    def owe(self, conversation: Conversation, *, kind: TurnKind, cause_seq: int, now: datetime) -> None:
        """The bot owes an answer to ``cause_seq``: move the open turn forward, or open one.

        Called while the conversation's row is held (its seq was just taken), so two messages cannot both open one.
        """
        due_at = now + PAUSE if kind == TurnKind.MESSAGE else now
        moved = self.filter(open_for=conversation).update(
            kind=kind,
            cause_seq=cause_seq,
            epoch=conversation.epoch,
            due_at=Case(When(latest_at__lt=due_at, then=F("latest_at")), default=Value(due_at)),
            lease_number=F("lease_number") + 1,
            leased_until=None,
            attempts=0,
        )
        if not moved:
            self.create(
                conversation=conversation,
                open_for=conversation,
                kind=kind,
                cause_seq=cause_seq,
                epoch=conversation.epoch,
                latest_at=now + LONGEST_PAUSE,
                due_at=due_at,
            )

    def fails(self, turn: BotTurn, *, since: datetime) -> datetime:
        """It was asked in vain at ``since``, by whoever held it then; says since when it has been."""
        self.filter(pk=turn.pk, failing_since=None).update(failing_since=since)
        return turn.failing_since or since

    def close(self, conversation: Conversation) -> None:
        """Nobody waits for the bot any more; an answer under way finds its lease number gone."""
        self.filter(open_for=conversation).update(
            open_for=None, due_at=None, leased_until=None, lease_number=F("lease_number") + 1
        )


class BotTurn(Due, Public):
    """The bot's duty to answer. At most one is open per conversation."""

    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="bot_turns")
    open_for = models.OneToOneField(
        Conversation, models.PROTECT, null=True, blank=True, related_name="open_turn"
    )
    kind = models.CharField(max_length=10, choices=TurnKind.choices, default=TurnKind.MESSAGE)
    cause_seq = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()
    latest_at = models.DateTimeField()
    failing_since = models.DateTimeField(null=True, editable=False)
    """When it was first asked in vain. Newer messages move the question on, not this: somebody waits since then."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BotTurnQuerySet.as_manager()

    class Meta:
        verbose_name = _("bot turn")
        verbose_name_plural = _("bot turns")
