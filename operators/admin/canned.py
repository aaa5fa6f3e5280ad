"""Canned replies in the admin: what operators find by /code, of one queue or of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.admin import base, lists
from operators.models import CannedReply

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[CannedReply]
else:
    ModelForm = forms.ModelForm


class CannedReplyForm(ModelForm):
    class Meta:
        model = CannedReply
        fields = ("code", "title", "body", "queue", "order", "active")
        help_texts = {
            "body": gettext_lazy(
                "In braces, first_name, name, agent, protocol, queue and company are filled in for each"
                " conversation. Whatever else stands in braces is left for the operator to fill in."
            )
        }

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).lower()

    def clean(self) -> dict[str, Any]:
        """Said before the database says it: one code once in each queue, and once among those of all queues."""
        given = super().clean() or {}
        queue = given.get("queue")
        same = CannedReply.objects.filter(
            organization=self.instance.organization_id,
            shelf=queue.pk if queue else 0,
            code=given.get("code", ""),
        )
        if same.exclude(pk=self.instance.pk).exists():
            self.add_error("code", _("There is one with this code already."))
        return given


@admin.register(CannedReply)
class CannedReplyAdmin(base.Scoped):
    form = CannedReplyForm
    ordering = ("order", "code")
    list_display = ("code", "title", "queue_here", "order", "active")
    list_editable = ("order", "active")
    list_filter = ("active", ("queue", lists.RelatedFilter))
    list_select_related = ("queue",)
    search_fields = ("code", "title", "body")
    fieldsets = ((None, {"fields": ("code", "title", "body", "queue", "order", "active")}),)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete")

    @admin.display(description=gettext_lazy("queue"), ordering="queue__name")
    def queue_here(self, reply: CannedReply) -> str:
        return reply.queue.name if reply.queue else _("every queue")
