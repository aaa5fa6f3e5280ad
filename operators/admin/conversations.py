"""Conversations as the engine shows them, with what a supervisor may do about them and the team's own words."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.utils.translation import get_language

from conversations.admin.history import ConversationAdmin, HandoffAdmin
from conversations.models import Conversation, Handoff, Outcomes
from operators.admin import actions
from operators.admin.labels import TagFilter
from operators.models import Reason


class InTheirWords:
    """An outcome is a reason of the team, or one of the product's own."""

    @staticmethod
    def labelled(handoffs: Any) -> Any:
        company = OuterRef("conversation__sender__organization")
        reasons = Reason.objects.filter(organization=company, code=OuterRef("outcome"))
        return handoffs.annotate(outcome_labels=Subquery(reasons.values("labels")[:1]))

    def outcome(self, handoff: Any) -> str:
        if handoff.outcome in Outcomes.values or not handoff.outcome:
            return super().outcome(handoff)  # type: ignore[misc,no-any-return]
        reason = Reason(code=handoff.outcome, labels=handoff.outcome_labels or {})
        return reason.label(get_language() or "")


@admin.register(Conversation)
class SupervisedConversationAdmin(InTheirWords, ConversationAdmin):
    actions = actions.OFFERED
    list_filter: ClassVar[Any] = (*ConversationAdmin.list_filter, TagFilter)

    def handoffs(self, conversation: Conversation) -> Any:
        return self.labelled(super().handoffs(conversation))

    def has_act_permission(self, request: HttpRequest) -> bool:
        """To change a conversation here is to act on it, through the desk."""
        return self.may(request, "change")

    def render_change_form(self, request: HttpRequest, context: Any, *more: Any, **named: Any) -> Any:
        context["acts"] = self.get_action_choices(request, default_choices=[])
        return super().render_change_form(request, context, *more, **named)


@admin.register(Handoff)
class ReasonedHandoffAdmin(InTheirWords, HandoffAdmin):
    def get_queryset(self, request: HttpRequest) -> Any:
        return self.labelled(super().get_queryset(request))
