from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.base import Public
from conversations.models.organization import Organization, Sender


class QueueQuerySet(models.QuerySet["Queue"]):
    def for_organization(self, organization: Organization) -> QueueQuerySet:
        return self.filter(organization=organization)

    def default_of(self, organization: Organization) -> Queue | None:
        return self.for_organization(organization).order_by("-is_default", "order", "pk").first()

    def wanted(self, name: str | None, *, organization: Organization) -> Queue | None:
        """The queue asked for by name, else the default one; None while there is no queue at all."""
        named = self.for_organization(organization).filter(name=name).first() if name else None
        return named or self.default_of(organization)


class Queue(Public):
    """A "fila": where conversations wait. ``texts`` is {moment: {language: text}}; a moment left out says
    nothing or the product's own words (``conversations/texts.py`` knows which)."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="queues")
    name = models.CharField(_("name"), max_length=80)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    is_default = models.BooleanField(_("default"), default=False)
    texts = models.JSONField(_("texts"), default=dict, blank=True)

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
