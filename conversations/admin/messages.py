"""Bubbles as rows, for whoever looks for one of them. Their text is on their own page, which leaves a mark."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.admin import base, finding, lists, wording
from conversations.models import Message, Status

STATUS_CHIPS = {
    Status.DELIVERED: "ok",
    Status.READ: "ok",
    Status.UNKNOWN: "warn",
    Status.FAILED: "bad",
    Status.QUEUED: "info",
    Status.SENDING: "info",
}


@admin.register(Message)
class MessageAdmin(base.ReadOnly):
    organization_path = "conversation__sender__organization"
    list_display = ("when", "customer", "by", "sort", "status_chip", "code")
    list_filter = (
        ("author", lists.ChoiceFilter),
        ("status", lists.ChoiceFilter),
        ("kind", lists.ChoiceFilter),
    )
    search_fields = ("public_id",)
    search_help_text = gettext_lazy("The id of a message or of its conversation, or Twilio's SID.")
    identity = wording.shown("public_id", gettext_lazy("id"))
    sort = wording.shown("get_kind_display", gettext_lazy("kind"))
    code = wording.shown("error_code", gettext_lazy("error code"))
    sid = wording.shown("provider_sid", gettext_lazy("Twilio's SID"))
    text = wording.shown("body", gettext_lazy("message"))
    fields = ("when", "thread", "customer", "by", "sort", "text", "status_chip", "code", "sid", "identity")

    def get_queryset(self, request: HttpRequest) -> Any:
        # Looked up for the rows of a page: joined, a database might begin with all contacts.
        return super().get_queryset(request).prefetch_related("conversation__contact", "operator")

    def find(self, request: HttpRequest, queryset: Any, term: str) -> Any:
        if term[:2].upper() in {"SM", "MM"}:
            return finding.by_sid(queryset, term, "pk")
        return finding.of_conversation(queryset, term, "-seq")

    @admin.display(description=gettext_lazy("when"))
    def when(self, message: Message) -> str:
        return wording.second(message.occurred_at)

    @admin.display(description=gettext_lazy("customer"))
    def customer(self, message: Message) -> str:
        return message.conversation.contact.name or _("no name")

    @admin.display(description=gettext_lazy("author"))
    def by(self, message: Message) -> str:
        return message.operator.shown_name if message.operator else message.get_author_display()

    @admin.display(description=gettext_lazy("status"))
    def status_chip(self, message: Message) -> str:
        return wording.chip(message.get_status_display(), STATUS_CHIPS.get(Status(message.status), ""))

    @admin.display(description=gettext_lazy("conversation"))
    def thread(self, message: Message) -> str:
        page = reverse("admin:conversations_conversation_change", args=[message.conversation_id])
        return format_html('<a href="{}">{}</a>', page, message.conversation)
