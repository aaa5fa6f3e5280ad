"""What the company's language model may tell: its articles, and what a question would find among them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import ChoiceField, Textarea
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from conversations import knowledge
from conversations.admin import base, scope
from conversations.models import KnowledgeArticle, Sender

LONGEST_QUESTION = 1000


class Question(forms.Form):
    """What a customer would ask, and at which number: its bot answers are looked through as well."""

    question = forms.CharField(
        label=_("Question"),
        max_length=LONGEST_QUESTION,
        widget=Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        help_text=_("As a customer would write it. Nothing is sent to the language model."),
    )
    language = forms.ChoiceField(label=_("Language of the customer"), choices=settings.LANGUAGES)
    sender = forms.ModelChoiceField(label=_("Number"), queryset=Sender.objects.none(), empty_label=None)

    def __init__(self, *args: Any, senders: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sender"].queryset = senders  # type: ignore[attr-defined]

    def found(self) -> list[tuple[str, str]]:
        given = self.cleaned_data
        articles = knowledge.found(given["question"], sender=given["sender"], language=given["language"])
        return [(article.title, article.text) for article in articles]


@admin.register(KnowledgeArticle)
class KnowledgeArticleAdmin(base.Scoped):
    change_list_template = "admin/conversations/knowledgearticle/change_list.html"
    ordering = ("title", "id")
    list_display = ("title", "language", "beginning", "active")
    list_editable = ("active",)
    list_filter = ("language", "active")
    search_fields = ("title", "body")
    fields = ("title", "language", "body", "active")
    formfield_overrides = {
        models.TextField: {"widget": Textarea(attrs={"rows": 14, "class": "vLargeTextField"})}
    }

    @admin.display(description=_("beginning"))
    def beginning(self, article: KnowledgeArticle) -> str:
        return " ".join(article.body[:200].split())[:45]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "language":
            return ChoiceField(label=capfirst(str(db_field.verbose_name)), choices=settings.LANGUAGES)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete")

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(self.attempt)
        return [path("try/", view, name="conversations_knowledgearticle_try"), *super().get_urls()]

    def attempt(self, request: HttpRequest) -> HttpResponse:
        """What a question would find. By POST: what somebody asks stays out of addresses."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        senders = scope.within(Sender.objects.order_by("name", "pk"), request)
        asked = Question(request.POST if request.method == "POST" else None, senders=senders)
        found = asked.found() if asked.is_valid() else None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("What a question finds"),
            "form": asked,
            "found": found,
        }
        return TemplateResponse(request, "admin/conversations/knowledgearticle/try.html", context)
