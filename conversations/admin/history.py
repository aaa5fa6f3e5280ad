"""What happened: conversations and their handoffs. To read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.admin import base, finding, lists, scope, story, wording
from conversations.models import Conversation, Handoff, Outcomes, Reasons


class ConversationAdmin(base.ReadOnly):
    """The thread is shown a page at a time below the fields: it may hold years. Registered by the desk, which
    knows what a supervisor may do about one."""

    organization_path = "sender__organization"
    change_form_template = "admin/conversations/conversation/change_form.html"
    list_display = ("contact_name", "mode_chip", "who", "where", "since", "last", "number")
    who = wording.shown("operator", gettext_lazy("operator"))
    where = wording.shown("queue", gettext_lazy("queue"))
    offered = wording.shown("offered_to", gettext_lazy("offered to"))
    number = wording.shown("sender", gettext_lazy("sender"))
    since = wording.shown("waiting_since", gettext_lazy("waiting since"))
    last = wording.shown("last_message_at", gettext_lazy("last message"))
    their_last = wording.shown("last_inbound_at", gettext_lazy("customer's last message"))
    window = wording.shown("window_expires_at", gettext_lazy("window closes at"))
    began = wording.shown("created_at", gettext_lazy("began"))
    identity = wording.shown("public_id", gettext_lazy("id"))
    list_filter = (
        "mode",
        ("queue", lists.RelatedFilter),
        ("operator", lists.RelatedFilter),
        ("sender", lists.RelatedFilter),
    )
    ordering = ("-last_message_at",)
    reach = None
    search_fields = ("public_id",)
    search_help_text = gettext_lazy("The beginning of a name, a whole phone number, or an id.")
    fields = (
        "contact_name",
        "contact_address",
        "number",
        "mode_chip",
        "goes_on_in",
        "who",
        "where",
        "offered",
        "priority",
        "since",
        "their_last",
        "window",
        "began",
        "identity",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super()
            .get_queryset(request)
            .select_related("contact", "sender", "operator", "queue", "offered_to", "merged_into")
        )

    @admin.display(description=gettext_lazy("customer"))
    def contact_name(self, conversation: Conversation) -> str:
        return conversation.contact.name or _("no name")

    @admin.display(description=gettext_lazy("address"))
    def contact_address(self, conversation: Conversation) -> str:
        return conversation.reply_address

    @admin.display(description=gettext_lazy("mode"))
    def mode_chip(self, conversation: Conversation) -> str:
        if conversation.merged_into_id:
            return wording.chip(_("merged"), "")
        return story.mode_chip(conversation.mode)

    @admin.display(description=gettext_lazy("goes on in"))
    def goes_on_in(self, conversation: Conversation) -> str:
        into = conversation.merged_into
        if into is None:
            return "-"
        return format_html(
            '<a href="{}">{}</a>',
            reverse("admin:conversations_conversation_change", args=[into.pk]),
            into.public_id,
        )

    def find(self, request: HttpRequest, queryset: Any, term: str) -> Any:
        return finding.conversations(queryset, term, company=scope.company(request))

    def handoffs(self, conversation: Conversation) -> Any:
        return conversation.handoffs.select_related("operator", "queue").order_by("-number")

    def outcome(self, handoff: Any) -> str:
        return outcome(handoff)

    def render_change_form(self, request: HttpRequest, context: Any, *more: Any, **named: Any) -> Any:
        conversation = named["obj"]
        handoffs = list(self.handoffs(conversation)[: story.PAGE])
        context |= story.of(conversation, request.GET.get("before", ""), handoffs)
        context["thread_handoffs"] = [(one, reason(one), self.outcome(one)) for one in handoffs]
        return super().render_change_form(request, context, *more, **named)


def reason(handoff: Handoff) -> str:
    """The product's own reasons in words; a bot's own code as it is."""
    return str(dict(Reasons.choices).get(handoff.reason, handoff.reason))


def outcome(handoff: Handoff) -> str:
    return str(dict(Outcomes.choices).get(handoff.outcome, handoff.outcome)) or "-"


class HandoffAdmin(base.ReadOnly):
    """Registered by the desk, which knows the words of an outcome."""

    organization_path = "conversation__sender__organization"
    list_display = ("customer", "reason_text", "where", "who", "asked", "ended_at", "ended")
    list_filter = (
        ("queue", lists.RelatedFilter),
        ("operator", lists.RelatedFilter),
        ("requested_at", lists.DateFilter),
    )
    search_fields = ("public_id",)
    search_help_text = gettext_lazy("The id of a service or of its conversation.")
    identity = wording.shown("public_id", gettext_lazy("id"))
    which = wording.shown("number", gettext_lazy("No."))
    where = wording.shown("queue", gettext_lazy("queue"))
    who = wording.shown("operator", gettext_lazy("operator"))
    asked = wording.shown("requested_at", gettext_lazy("asked for"))
    taken = wording.shown("handoff_at", gettext_lazy("taken"))
    came = wording.shown("first_handoff_at", gettext_lazy("first taken"))
    runs_out = wording.shown("due_at", gettext_lazy("deadline"))
    about = wording.shown("get_due_kind_display", gettext_lazy("which deadline"))
    answered = wording.shown("first_reply_at", gettext_lazy("first reply"))
    ended_at = wording.shown("released_at", gettext_lazy("ended"))
    in_short = wording.shown("summary", gettext_lazy("summary"))
    subject = wording.shown("intent", gettext_lazy("subject"))
    suggestion = wording.shown("suggested_reply", gettext_lazy("suggested reply"))
    goes_on = wording.shown("get_resume_display", gettext_lazy("afterwards"))
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
        "came",
        "taken",
        "answered",
        "runs_out",
        "about",
        "ended_at",
        "ended",
        "goes_on",
        "given_back",
        "identity",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("conversation__contact", "queue", "operator")

    def find(self, request: HttpRequest, queryset: Any, term: str) -> Any:
        return finding.of_conversation(queryset, term)

    @admin.display(description=gettext_lazy("customer"))
    def customer(self, handoff: Handoff) -> str:
        return handoff.conversation.contact.name or _("no name")

    @admin.display(description=gettext_lazy("reason"))
    def reason_text(self, handoff: Handoff) -> str:
        return reason(handoff)

    @admin.display(description=gettext_lazy("outcome"))
    def ended(self, handoff: Handoff) -> str:
        return self.outcome(handoff)

    def outcome(self, handoff: Any) -> str:
        return outcome(handoff)

    @admin.display(description=gettext_lazy("what the bot knew"))
    def known(self, handoff: Handoff) -> str:
        return wording.pretty(handoff.slots)

    @admin.display(description=gettext_lazy("given back to the bot"))
    def given_back(self, handoff: Handoff) -> str:
        return wording.pretty(handoff.context_out)
