from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.base import Public, searched
from conversations.models.organization import Organization

LONGEST = 4000


class KnowledgeArticleQuerySet(models.QuerySet["KnowledgeArticle"]):
    def for_organization(self, organization: Organization) -> KnowledgeArticleQuerySet:
        return self.filter(organization=organization)


class KnowledgeArticle(Public):
    """What a company's language model may tell. Found by ``search_text``, which follows title and body."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="articles")
    language = models.CharField(_("language"), max_length=10, default="pt-br")
    title = models.CharField(
        _("title"),
        max_length=120,
        help_text=_("Words that customers use: they count twice when it is found."),
    )
    body = models.TextField(_("text"), max_length=LONGEST)
    active = models.BooleanField(_("active"), default=True)
    search_text = models.TextField(default="", editable=False)

    objects = KnowledgeArticleQuerySet.as_manager()

    class Meta:
        verbose_name = _("knowledge article")
        verbose_name_plural = _("knowledge articles")
        constraints = [
            models.UniqueConstraint(fields=["organization", "language", "title"], name="article_title")
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, **how: Any) -> None:
        self.search_text = searched(f"{self.title} {self.body}")
        super().save(**how)
