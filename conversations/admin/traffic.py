"""What came in and what went out, as rows: for whoever looks for a lost message."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from conversations.admin import base, finding, lists, wording
from conversations.models import Delivery, DeliveryState, InboundWebhook, WebhookOutcome

REPORTS = 50
STATE_CHIPS = {
    DeliveryState.ACCEPTED: "ok",
    DeliveryState.UNKNOWN: "warn",
    DeliveryState.FAILED: "bad",
    DeliveryState.QUEUED: "info",
    DeliveryState.SENDING: "info",
}
OUTCOME_CHIPS = {WebhookOutcome.APPLIED: "ok", WebhookOutcome.FAILED: "bad"}


@admin.register(InboundWebhook)
class InboundWebhookAdmin(base.ReadOnly):
    list_display = ("identity", "outcome_chip", "why", "number", "came", "tries")
    list_filter = (
        ("outcome", lists.ChoiceFilter),
        ("sender", lists.RelatedFilter),
        ("received_at", lists.DateFilter),
    )
    list_select_related = ("sender",)
    search_fields = ("=provider_sid", "=public_id")
    identity = wording.shown("public_id", gettext_lazy("id"))
    why = wording.shown("reason", gettext_lazy("reason"))
    number = wording.shown("sender", gettext_lazy("sender"))
    origin = wording.shown("get_source_display", gettext_lazy("told by"))
    came = wording.shown("received_at", gettext_lazy("received at"))
    tries = wording.shown("attempts", gettext_lazy("attempts"))
    again = wording.shown("due_at", gettext_lazy("next attempt"))
    fields = ("identity", "outcome_chip", "why", "number", "origin", "came", "tries", "again", "raw_form")

    @admin.display(description=gettext_lazy("outcome"))
    def outcome_chip(self, webhook: InboundWebhook) -> str:
        kind = OUTCOME_CHIPS.get(WebhookOutcome(webhook.outcome), "")
        return wording.chip(webhook.get_outcome_display(), kind)

    @admin.display(description=gettext_lazy("form as received"))
    def raw_form(self, webhook: InboundWebhook) -> str:
        return wording.pretty(webhook.params)


@admin.register(Delivery)
class DeliveryAdmin(base.ReadOnly):
    """Message text is not shown here: what counts is what became of it."""

    organization_path = "sender__organization"
    list_display = ("identity", "state_chip", "code", "why", "tries", "number", "accepted", "again")
    list_filter = (
        ("state", lists.ChoiceFilter),
        ("sender", lists.RelatedFilter),
        ("created_at", lists.DateFilter),
    )
    list_select_related = ("sender",)
    search_fields = ("public_id",)
    search_help_text = gettext_lazy("The id of a delivery or of its conversation, or Twilio's SID.")
    identity = wording.shown("public_id", gettext_lazy("id"))
    thread = wording.shown("conversation", gettext_lazy("conversation"))
    code = wording.shown("error_code", gettext_lazy("error code"))
    why = wording.shown("cause", gettext_lazy("cause"))
    tries = wording.shown("attempts", gettext_lazy("attempts"))
    number = wording.shown("sender", gettext_lazy("sender"))
    accepted = wording.shown("created_at", gettext_lazy("accepted at"))
    began = wording.shown("started_at", gettext_lazy("sending since"))
    unsure = wording.shown("unknown_since", gettext_lazy("unconfirmed since"))
    again = wording.shown("due_at", gettext_lazy("next attempt"))
    fields = (
        "identity",
        "thread",
        "number",
        "state_chip",
        "why",
        "code",
        "tries",
        "accepted",
        "began",
        "unsure",
        "again",
        "reports",
    )

    def find(self, request: HttpRequest, queryset: Any, term: str) -> Any:
        if term[:2].upper() in {"SM", "MM"}:
            return finding.by_sid(queryset, term, "message")
        return finding.of_conversation(queryset, term)

    @admin.display(description=gettext_lazy("state"))
    def state_chip(self, delivery: Delivery) -> str:
        return wording.chip(delivery.get_state_display(), STATE_CHIPS.get(DeliveryState(delivery.state), ""))

    @admin.display(description=gettext_lazy("status reports"))
    def reports(self, delivery: Delivery) -> Any:
        reports = delivery.reports.order_by("pk").values_list("status", "error_code", "received_at")
        return wording.pretty([[status, code, str(at)] for status, code, at in reports[:REPORTS]])
