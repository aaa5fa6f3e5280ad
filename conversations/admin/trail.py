"""The audit trail, to read only: the one page of the admin that leaves no mark itself."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.admin import base, lists, scope, wording
from conversations.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(base.ReadOnly):
    marks_views = False
    searches_by_index = False
    list_display = ("when", "action", "who", "thing", "told")
    list_filter = (("at", lists.DateFilter),)
    search_fields = ("=action", "=actor_id", "=subject_id")
    search_help_text = gettext_lazy(
        "An action such as conversation.viewed, or the id of a person or a thing."
    )
    fields = ("when", "action", "who", "actor_id", "what", "subject_id", "told")

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        named = scope.names({row.actor_id for row in rows if row.actor_kind in {"operator", "supervisor"}})
        for row in rows:
            row.actor_name = named.get(row.actor_id, "")

    @admin.display(description=gettext_lazy("when"))
    def when(self, entry: AuditEntry) -> str:
        return wording.second(entry.at)

    @admin.display(description=gettext_lazy("who"))
    def who(self, entry: Any) -> str:
        if not hasattr(entry, "actor_name"):
            self.prepare(None, [entry])  # type: ignore[arg-type]
        return str(entry.actor_name or entry.actor_kind)

    @admin.display(description=gettext_lazy("what"))
    def what(self, entry: AuditEntry) -> str:
        return f"{entry.subject_kind} {entry.subject_id}".strip() or "-"

    @admin.display(description=gettext_lazy("what"))
    def thing(self, entry: AuditEntry) -> str:
        """Enough of the id to tell rows apart; the whole of it is on the entry's own page."""
        return f"{entry.subject_kind} {entry.subject_id[:8]}".strip() or "-"

    @admin.display(description=gettext_lazy("details"))
    def told(self, entry: AuditEntry) -> str:
        said = {name: value for name, value in entry.data.items() if name != "door"}
        fields = said.pop("fields", None)
        parts = [_("fields: %(names)s") % {"names": ", ".join(fields)}] if fields else []
        parts += [f"{name}: {value}" for name, value in said.items()]
        return "; ".join(parts) or "-"
