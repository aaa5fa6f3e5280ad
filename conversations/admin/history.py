"""What happened: conversations and their handoffs. To read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.admin import base
from conversations.models import Conversation, Handoff, Mode, Outcomes, Reasons

PAGE = 50
MODE_CHIPS = {Mode.BOT: "bot", Mode.QUEUED: "warn", Mode.HUMAN: "ok"}


@admin.register(Conversation)
class ConversationAdmin(base.ReadOnly):
    """The thread is shown a page at a time below the fields: it may hold years."""

    organization_path = "sender__organization"
    change_form_template = "admin/conversations/conversation/change_form.html"
    list_display = ("contact_name", "mode_chip", "who", "where", "since", "last", "number")
    who = base.shown("operator", gettext_lazy("operator"))
    where = base.shown("queue", gettext_lazy("queue"))
    number = base.shown("sender", gettext_lazy("sender"))
    since = base.shown("waiting_since", gettext_lazy("waiting since"))
    last = base.shown("last_message_at", gettext_lazy("last message"))
    their_last = base.shown("last_inbound_at", gettext_lazy("customer's last message"))
    window = base.shown("window_expires_at", gettext_lazy("window closes at"))
    began = base.shown("created_at", gettext_lazy("began"))
    identity = base.shown("public_id", gettext_lazy("id"))
    list_filter = (
        "mode",
        ("queue", base.RelatedFilter),
        ("operator", base.RelatedFilter),
        ("sender", base.RelatedFilter),
    )
    list_select_related = ("contact", "operator", "queue", "sender")
    search_fields = ("contact__name", "=public_id")
    fields = (
        "contact_name",
        "contact_address",
        "number",
        "mode_chip",
        "who",
        "where",
        "priority",
        "since",
        "their_last",
        "window",
        "began",
        "identity",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("contact", "sender", "operator", "queue")

    @admin.display(description=gettext_lazy("customer"), ordering="contact__name")
    def contact_name(self, conversation: Conversation) -> str:
        return conversation.contact.name or _("no name")

    @admin.display(description=gettext_lazy("address"))
    def contact_address(self, conversation: Conversation) -> str:
        return conversation.reply_address

    @admin.display(description=gettext_lazy("mode"), ordering="mode")
    def mode_chip(self, conversation: Conversation) -> str:
        return base.chip(conversation.get_mode_display(), MODE_CHIPS[Mode(conversation.mode)])

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        conversation = self.get_object(request, object_id)
        thread = _thread(conversation, request.GET.get("before", "")) if conversation else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **thread})


def _thread(conversation: Conversation, before: str) -> dict[str, Any]:
    """The newest bubbles, events and episodes, or those before a number of the thread: never a count."""
    border = int(before) if before.isdecimal() and len(before) < 10 else conversation.seq + 1
    messages = conversation.messages.select_related("operator").prefetch_related("attachments")
    shown = list(messages.filter(seq__lt=border).newest_first()[: PAGE + 1])
    events = conversation.events.filter(seq__lt=border).exclude(kind__startswith="message.").order_by("-seq")
    handoffs = conversation.handoffs.select_related("operator", "queue").order_by("-number")[:PAGE]
    return {
        "thread_messages": shown[:PAGE],
        "thread_events": events[:PAGE],
        "thread_handoffs": [(handoff, reason(handoff), outcome(handoff)) for handoff in handoffs],
        "older_than": shown[PAGE - 1].seq if len(shown) > PAGE else None,
        "newest": border > conversation.seq,
    }


def reason(handoff: Handoff) -> str:
    """The product's own reasons in words; a bot's own code as it is."""
    return str(dict(Reasons.choices).get(handoff.reason, handoff.reason))


def outcome(handoff: Handoff) -> str:
    return str(dict(Outcomes.choices).get(handoff.outcome, handoff.outcome)) or "-"


@admin.register(Handoff)
class HandoffAdmin(base.ReadOnly):
    organization_path = "conversation__sender__organization"
    list_display = ("customer", "reason_text", "where", "who", "asked", "ended_at", "ended")
    list_filter = (
        ("queue", base.RelatedFilter),
        ("operator", base.RelatedFilter),
        ("requested_at", base.DateFilter),
    )
    list_select_related = ("conversation__contact", "queue", "operator")
    search_fields = ("=public_id", "=conversation__public_id")
    identity = base.shown("public_id", gettext_lazy("id"))
    which = base.shown("number", gettext_lazy("No."))
    where = base.shown("queue", gettext_lazy("queue"))
    who = base.shown("operator", gettext_lazy("operator"))
    asked = base.shown("requested_at", gettext_lazy("asked for"))
    taken = base.shown("handoff_at", gettext_lazy("taken"))
    answered = base.shown("first_reply_at", gettext_lazy("first reply"))
    ended_at = base.shown("released_at", gettext_lazy("ended"))
    in_short = base.shown("summary", gettext_lazy("summary"))
    subject = base.shown("intent", gettext_lazy("subject"))
    suggestion = base.shown("suggested_reply", gettext_lazy("suggested reply"))
    goes_on = base.shown("get_resume_display", gettext_lazy("afterwards"))
    fields = (
        "customer",
        "which",
        "reason_text",
        "in_short",
        "subject",
        "known",
        "suggestion",
        "where",
        "who",
        "asked",
        "taken",
        "answered",
        "ended_at",
        "ended",
        "goes_on",
        "given_back",
        "identity",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("conversation__contact", "queue", "operator")

    @admin.display(description=gettext_lazy("customer"))
    def customer(self, handoff: Handoff) -> str:
        return handoff.conversation.contact.name or _("no name")

    @admin.display(description=gettext_lazy("reason"), ordering="reason")
    def reason_text(self, handoff: Handoff) -> str:
        return reason(handoff)

    @admin.display(description=gettext_lazy("outcome"), ordering="outcome")
    def ended(self, handoff: Handoff) -> str:
        return outcome(handoff)

    @admin.display(description=gettext_lazy("what the bot knew"))
    def known(self, handoff: Handoff) -> str:
        return base.pretty(handoff.slots)

    @admin.display(description=gettext_lazy("given back to the bot"))
    def given_back(self, handoff: Handoff) -> str:
        return base.pretty(handoff.context_out)
