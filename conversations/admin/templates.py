"""The templates as they were last read from Twilio, and when that was."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext, gettext_lazy

from conversations import clock, template_sync
from conversations.admin import base, lists, scope, wording
from conversations.models import Approval, Template, TemplateSync

CHIPS = {
    Approval.APPROVED: "ok",
    Approval.REJECTED: "bad",
    Approval.DISABLED: "bad",
    Approval.PAUSED: "warn",
    Approval.PENDING: "info",
    Approval.RECEIVED: "info",
}


@admin.register(Template)
class TemplateAdmin(base.ReadOnly):
    reach = None
    marks_views = False
    change_list_template = "admin/conversations/template/change_list.html"
    list_display = ("label", "language", "category", "state", "kind", "is_gone")
    list_filter = (
        ("approval", lists.ChoiceFilter),
        ("category", lists.ChoiceFilter),
    )
    search_fields = ("name", "=content_sid")
    searches_by_index = False
    seen = wording.shown("synced_at", gettext_lazy("last seen at Twilio"))
    why = wording.shown("rejection_reason", gettext_lazy("why it was rejected"))
    fields = (
        *("name", "language", "category", "state", "why", "kind", "header", "body", "footer"),
        *("gaps", "pressed", "content_sid", "account_sid", "seen", "is_gone"),
    )

    @admin.display(description=gettext_lazy("name"))
    def label(self, template: Template) -> str:
        return template.label

    @admin.display(description=gettext_lazy("approval"))
    def state(self, template: Template) -> str:
        known = template.approval in Approval.values
        kind = CHIPS.get(Approval(template.approval), "") if known else ""
        return wording.chip(template.get_approval_display(), kind)

    @admin.display(description=gettext_lazy("gone"), boolean=True)
    def is_gone(self, template: Template) -> bool:
        return template.gone

    @admin.display(description=gettext_lazy("variables"))
    def gaps(self, template: Template) -> str:
        return ", ".join(f"{one['name']} ({one['sample']})" for one in template.variables) or "-"

    @admin.display(description=gettext_lazy("buttons"))
    def pressed(self, template: Template) -> str:
        return ", ".join(button["title"] for button in template.buttons) or "-"

    def get_urls(self) -> Any:
        sync = path("sync/", self.admin_site.admin_view(self.sync), name="conversations_template_sync")
        return [sync, *super().get_urls()]

    def sync(self, request: HttpRequest) -> HttpResponse:
        """Read Twilio's list now: the worker does it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        template_sync.ask(request.user.organization, now=clock.now())  # type: ignore[union-attr]
        messages.info(request, gettext("Twilio's list is being read. Reload this page in a moment."))
        return HttpResponseRedirect(reverse("admin:conversations_template_changelist"))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        known = scope.within(TemplateSync.objects.order_by("pk"), request)
        syncs = [(one, told(one.last_error)) for one in known]
        return super().changelist_view(request, {"syncs": syncs, **(extra_context or {})})


def told(cause: str) -> str:
    """What went wrong, and what to do about it."""
    if not cause:
        return ""
    return {
        "credentials": gettext("Twilio refused the account's token. Check it at the sender."),
        "not_connected": gettext("Twilio could not be reached."),
        "timeout": gettext("Twilio did not answer in time."),
        "broken": gettext("The connection to Twilio broke."),
        "busy": gettext("Twilio asked to be left alone for a moment."),
        "server_error": gettext("Twilio had an error of its own."),
    }.get(cause) or gettext("Twilio's answer could not be used (%(cause)s).") % {"cause": cause}
