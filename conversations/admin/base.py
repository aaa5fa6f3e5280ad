"""What every page of the admin keeps to: one company's rows only, and a trail of what was done there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ShowFacets
from django.core.exceptions import NON_FIELD_ERRORS, BadRequest
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from conversations.admin import lists, scope

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class OfOrganization:
    """Put before a ModelForm: a new row is this organization's before it is validated."""

    organization: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row: Any = self.instance  # type: ignore[attr-defined]
        if row.organization_id is None:
            row.organization = self.organization

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"organization"}  # type: ignore[misc,no-any-return]


class Labelled:
    """Put before the form of a list's row: its fields have no label beside them, so a screen reader is told."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():  # type: ignore[attr-defined]
            field.widget.attrs.setdefault("aria-label", field.label)


class Changes(list[Any]):
    """Django's own account of a change, and the names of the fields beside it."""

    names: tuple[str, ...] = ()


class Scoped(ModelAdmin):
    """Supervisors (staff) of one company. ``organization_path`` leads from the model to its organization;
    lists, pages, history, deletion and autocompletion all go through ``get_queryset``.

    What is done here is noted in the audit trail, as ``<model>.<verb>``; ``verbs`` gives some their own words.
    """

    organization_path = "organization"
    verbs: ClassVar[dict[str, str]] = {}
    ordering: ClassVar[Any] = ("-id",)
    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = lists.Bounded

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return scope.within(super().get_queryset(request), request, self.organization_path)  # type: ignore[no-any-return]

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> Any:
        """What a form's menu offers, and accepts: a foreign id in the POST is an invalid choice."""
        offered = super().get_field_queryset(db, db_field, request)
        if offered is None:
            offered = db_field.remote_field.model._default_manager.all()
        return scope.within(offered, request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The organization is not asked for, and yet part of what must be unique: set before the check."""
        taken = {NON_FIELD_ERRORS: {"unique_together": _("There is one with this name already.")}}
        form = super().get_form(request, obj, change=change, error_messages=taken, **kwargs)
        if self.organization_path != "organization":
            return form
        return type(form.__name__, (OfOrganization, form), {"organization": request.user.organization})  # type: ignore[union-attr]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        title = {"title": capfirst(str(self.opts.verbose_name_plural))}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def response_action(self, request: HttpRequest, queryset: Any, *where: Any, **named: Any) -> Any:
        """Django filters by whatever the form ticked; what is no number, or too large a one, would be a failure."""
        ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(number.isascii() and number.isdigit() and len(number) < 19 for number in ticked):
            raise BadRequest("no row of this list")
        return super().response_action(request, queryset, *where, **named)

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        form = super().get_changelist_form(request, **kwargs)
        return type(form.__name__, (Labelled, form), {})

    def construct_change_message(self, request: HttpRequest, form: Any, *more: Any, **named: Any) -> Changes:
        told = Changes(super().construct_change_message(request, form, *more, **named))
        told.names = tuple(form.changed_data)
        return told

    def note(self, request: HttpRequest, verb: str, obj: Any, **data: Any) -> None:
        scope.note(request, f"{self.opts.model_name}.{self.verbs.get(verb, verb)}", obj, **data)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.note(request, "added", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        changed = getattr(message, "names", None)
        if changed is None or changed:
            self.note(request, "changed", obj, fields=list(changed or ()))
        return super().log_change(request, obj, message)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.note(request, "deleted", obj)
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            self.note(request, "deleted", obj)
        super().delete_queryset(request, queryset)

    def may(self, request: HttpRequest, verb: str) -> bool:
        return supervises(request) and request.user.has_perm(
            f"{self.opts.app_label}.{verb}_{self.opts.model_name}"
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return supervises(request) and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "view")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(Scoped):
    """What happened. Nobody edits or deletes it here, and whoever opens one leaves a mark in the audit trail."""

    sortable_by: ClassVar[Any] = ()
    reach: ClassVar[int | None] = 50_000
    """How many of the newest rows the filters of the list look at; None: all, because an index orders each."""
    searches_by_index = True
    marks_views = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[lists.Endless]:
        return lists.Endless

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        """What a page of the list needs beside its rows."""

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if search_term.strip():
            return self.find(request, queryset, search_term.strip()), False
        return queryset, False

    def find(self, request: HttpRequest, queryset: Any, term: str) -> Any:
        """The rows that somebody looks for: by an index."""
        return super().get_search_results(request, queryset, term)[0]

    def response_action(self, request: HttpRequest, queryset: Any, *where: Any, **named: Any) -> Any:
        if request.POST.get("select_across", "0") != "0":
            raise BadRequest("only what was ticked")
        return super().response_action(request, queryset, *where, **named)

    def render_change_form(self, request: HttpRequest, context: Any, *more: Any, **named: Any) -> Any:
        if self.marks_views and (obj := named.get("obj")) is not None:
            self.note(request, "viewed", obj)
        return super().render_change_form(request, context, *more, **named)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def supervises(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_staff)
