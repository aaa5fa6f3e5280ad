"""What happened: conversations, their handoffs, what came in and what went out. To read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.admin import base
from conversations.models import (
    Conversation,
    Delivery,
    DeliveryState,
    Handoff,
    InboundWebhook,
    Mode,
    Outcomes,
    Reasons,
    WebhookOutcome,
)

PAGE = 50
MODE_CHIPS = {Mode.BOT: "bot", Mode.QUEUED: "warn", Mode.HUMAN: "ok"}
STATE_CHIPS = {
    DeliveryState.ACCEPTED: "ok",
    DeliveryState.UNKNOWN: "warn",
    DeliveryState.FAILED: "bad",
    DeliveryState.QUEUED: "info",
    DeliveryState.SENDING: "info",
}
OUTCOME_CHIPS = {WebhookOutcome.APPLIED: "ok", WebhookOutcome.FAILED: "bad"}


@admin.register(Conversation)
class ConversationAdmin(base.ReadOnly):
    """The thread is shown a page at a time below the fields: it may hold years."""

    organization_path = "sender__organization"
    change_form_template = "admin/conversations/conversation/change_form.html"
    list_display = (
        "contact_name",
        "mode_chip",
        "operator",
        "queue",
        "waiting_since",
        "last_message_at",
        "sender",
    )
    list_filter = (
        "mode",
        ("queue", base.RelatedFilter),
        ("operator", base.RelatedFilter),
        ("sender", base.RelatedFilter),
    )
    list_select_related = ("contact", "operator", "queue", "sender")
    search_fields = ("contact__name", "=public_id")
    fields = (
        "public_id",
        "contact_name",
        "contact_address",
        "sender",
        "mode",
        "operator",
        "queue",
        "priority",
        "waiting_since",
        "last_inbound_at",
        "window_expires_at",
        "last_message_at",
        "created_at",
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
    handoffs = conversation.handoffs.select_related("operator", "queue").order_by("-number")
    return {
        "thread_messages": shown[:PAGE],
        "thread_events": events[:PAGE],
        "thread_handoffs": handoffs[:PAGE],
        "older_than": shown[PAGE - 1].seq if len(shown) > PAGE else None,
        "newest": border > conversation.seq,
    }


@admin.register(Handoff)
class HandoffAdmin(base.ReadOnly):
    organization_path = "conversation__sender__organization"
    list_display = (
        "__str__",
        "customer",
        "reason_text",
        "queue",
        "operator",
        "requested_at",
        "released_at",
        "ended",
    )
    list_filter = (("queue", base.RelatedFilter), ("operator", base.RelatedFilter), "requested_at")
    list_select_related = ("conversation__contact", "queue", "operator")
    search_fields = ("=public_id", "=conversation__public_id")
    fields = (
        "public_id",
        "customer",
        "number",
        "reason_text",
        "summary",
        "intent",
        "known",
        "suggested_reply",
        "queue",
        "requested_at",
        "operator",
        "handoff_at",
        "first_reply_at",
        "released_at",
        "ended",
        "resume",
        "given_back",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("conversation__contact", "queue", "operator")

    @admin.display(description=gettext_lazy("customer"))
    def customer(self, handoff: Handoff) -> str:
        return handoff.conversation.contact.name or _("no name")

    @admin.display(description=gettext_lazy("reason"), ordering="reason")
    def reason_text(self, handoff: Handoff) -> str:
        return str(dict(Reasons.choices).get(handoff.reason, handoff.reason))

    @admin.display(description=gettext_lazy("outcome"), ordering="outcome")
    def ended(self, handoff: Handoff) -> str:
        return str(dict(Outcomes.choices).get(handoff.outcome, handoff.outcome)) or "-"

    @admin.display(description=gettext_lazy("what the bot knew"))
    def known(self, handoff: Handoff) -> str:
        return base.pretty(handoff.slots)

    @admin.display(description=gettext_lazy("given back to the bot"))
    def given_back(self, handoff: Handoff) -> str:
        return base.pretty(handoff.context_out)


@admin.register(InboundWebhook)
class InboundWebhookAdmin(base.ReadOnly):
    list_display = ("__str__", "outcome_chip", "reason", "sender", "received_at", "attempts")
    list_filter = ("outcome", ("sender", base.RelatedFilter), "received_at")
    list_select_related = ("sender",)
    search_fields = ("=provider_sid", "=public_id")
    fields = ("public_id", "outcome", "reason", "sender", "received_at", "attempts", "due_at", "raw_form")

    @admin.display(description=gettext_lazy("outcome"), ordering="outcome")
    def outcome_chip(self, webhook: InboundWebhook) -> str:
        return base.chip(
            webhook.get_outcome_display(), OUTCOME_CHIPS.get(WebhookOutcome(webhook.outcome), "")
        )

    @admin.display(description=gettext_lazy("form as received"))
    def raw_form(self, webhook: InboundWebhook) -> str:
        return base.pretty(webhook.params)


@admin.register(Delivery)
class DeliveryAdmin(base.ReadOnly):
    """Message text is not shown here: what counts is what became of it."""

    organization_path = "sender__organization"
    list_display = (
        "__str__",
        "state_chip",
        "error_code",
        "cause",
        "attempts",
        "sender",
        "created_at",
        "due_at",
    )
    list_filter = ("state", ("sender", base.RelatedFilter), "created_at")
    list_select_related = ("sender",)
    search_fields = ("=public_id", "=message__provider_sid", "=conversation__public_id")
    fields = (
        "public_id",
        "conversation",
        "sender",
        "state",
        "cause",
        "error_code",
        "attempts",
        "created_at",
        "started_at",
        "unknown_since",
        "due_at",
        "reports",
    )

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_chip(self, delivery: Delivery) -> str:
        return base.chip(delivery.get_state_display(), STATE_CHIPS.get(DeliveryState(delivery.state), ""))

    @admin.display(description=gettext_lazy("status reports"))
    def reports(self, delivery: Delivery) -> str:
        reports = delivery.reports.order_by("pk").values_list("status", "error_code", "received_at")[:PAGE]
        return base.pretty([[status, code, str(at)] for status, code, at in reports])
