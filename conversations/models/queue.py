from __future__ import annotations

from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from conversations import wakeup
from conversations.models.base import Due, Public
from conversations.models.organization import Organization, Sender

_MINUTES = [MinValueValidator(1), MaxValueValidator(24 * 60)]


class WaitingThen(models.TextChoices):
    RAISE = "raise", _("keep waiting, one priority higher each time")
    BOT = "bot", _("go back to the bot with an apology")


class QueueQuerySet(models.QuerySet["Queue"]):
    def for_organization(self, organization: Organization) -> QueueQuerySet:
        return self.filter(organization=organization)

    def default_of(self, organization: Organization) -> Queue | None:
        return self.for_organization(organization).order_by("-is_default", "order", "pk").first()

    def wanted(self, name: str | None, *, organization: Organization) -> Queue | None:
        """The queue asked for by name, else the default one; None while there is no queue at all."""
        named = self.for_organization(organization).filter(name=name).first() if name else None
        return named or self.default_of(organization)

    def distribute(self, queue: Queue | None, now: datetime) -> None:
        """Something waits in it that may be offered: said in the transaction that puts it there.

        Whoever is distributing loses the row, and looks again.
        """
        if queue is None or not queue.auto_offer:
            return
        self.filter(pk=queue.pk).update(due_at=now, leased_until=None, lease_number=F("lease_number") + 1)
        transaction.on_commit(wakeup.ring)


class Queue(Due, Public):
    """A "fila": where conversations wait. ``texts`` is {moment: {language: text}}; a moment left out says
    nothing or the product's own words (``conversations/texts.py`` knows which). Due while what waits in it may
    be offered to somebody."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="queues")
    name = models.CharField(_("name"), max_length=80)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    is_default = models.BooleanField(_("default"), default=False)
    texts = models.JSONField(_("texts"), default=dict, blank=True)

    auto_offer = models.BooleanField(
        _("offer automatically"),
        default=False,
        help_text=_(
            "To whoever is available, has a free place and has waited longest. Taking stays possible."
        ),
    )
    offer_seconds = models.PositiveSmallIntegerField(
        _("seconds to accept an offer"),
        default=30,
        validators=[MinValueValidator(5), MaxValueValidator(600)],
    )
    waiting_minutes = models.PositiveSmallIntegerField(
        _("longest wait, in minutes"),
        null=True,
        blank=True,
        default=10,
        validators=_MINUTES,
        help_text=_(
            "Then the customer is told once, supervisors are alerted, and what stands below happens."
        ),
    )
    waiting_then = models.CharField(
        _("after the longest wait"), max_length=10, choices=WaitingThen.choices, default=WaitingThen.RAISE
    )
    first_reply_minutes = models.PositiveSmallIntegerField(
        _("longest time to the first reply, in minutes"),
        null=True,
        blank=True,
        default=10,
        validators=_MINUTES,
        help_text=_("Taken and not answered by then, the chat goes back to the front of the queue."),
    )
    silent_minutes = models.PositiveSmallIntegerField(
        _("customer silent for, in minutes"),
        null=True,
        blank=True,
        validators=_MINUTES,
        help_text=_("The customer is asked twice, each time after so long, and then the chat is finished."),
    )
    alert_email = models.EmailField(
        _("address to write to"),
        blank=True,
        default="",
        help_text=_(
            "When somebody waits and nobody who could take the chat is there. No name, no text of theirs."
        ),
    )
    alert_minutes = models.PositiveSmallIntegerField(
        _("write after so many minutes"), default=5, validators=_MINUTES
    )

    objects = QueueQuerySet.as_manager()

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="queue_name")]

    def __str__(self) -> str:
        return self.name

    def text(self, moment: str, language: str) -> str | None:
        """What the supervisor wrote for this moment; None when they wrote nothing (an empty text is silence)."""
        return (self.texts.get(moment) or {}).get(language)

    @property
    def longest_wait(self) -> timedelta | None:
        return _span(self.waiting_minutes)

    @property
    def alert_delay(self) -> timedelta:
        return timedelta(minutes=self.alert_minutes)

    @property
    def reply_time(self) -> timedelta | None:
        return _span(self.first_reply_minutes)

    @property
    def silence(self) -> timedelta | None:
        return _span(self.silent_minutes)


def _span(minutes: int | None) -> timedelta | None:
    return None if minutes is None else timedelta(minutes=minutes)


class BotAnswer(models.Model):
    """One menu entry or keyword answer of the built-in bot."""

    sender = models.ForeignKey(Sender, models.CASCADE, related_name="answers")
    language = models.CharField(_("language"), max_length=10, default="pt-br")
    label = models.CharField(_("menu entry"), max_length=60)
    keywords = models.CharField(
        _("keywords"), max_length=500, blank=True, help_text=_("Separated by commas.")
    )
    text = models.TextField(_("answer"), max_length=4096, blank=True)
    in_menu = models.BooleanField(_("in the menu"), default=True)
    hands_over = models.BooleanField(_("calls a person"), default=False)
    queue = models.ForeignKey(Queue, models.SET_NULL, null=True, blank=True, verbose_name=_("queue"))
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("bot answer")
        verbose_name_plural = _("bot answers")
        constraints = [
            models.UniqueConstraint(fields=["sender", "language", "label"], name="bot_answer_label")
        ]

    def __str__(self) -> str:
        return self.label
