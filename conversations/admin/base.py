"""What every page of the admin keeps to: one company's rows only, and lists that never count everything."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ShowFacets
from django.core.exceptions import NON_FIELD_ERRORS, BadRequest
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from conversations.models import Organization

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    Pages = Paginator[Any]
else:
    ModelAdmin, Pages = admin.ModelAdmin, Paginator

LISTED = 1000
"""Rows a list can be paged through; what is further back is found with a filter or the search."""


class Bounded(Pages):
    """Counts no further than a list is paged: a COUNT over all messages is what makes an admin slow."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:LISTED].count())


class RelatedFilter(admin.RelatedFieldListFilter):
    """Offers only the rows of the supervisor's own company."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        choices = within(field.remote_field.model._default_manager.all(), request)
        return [(str(row.pk), _worded(row)) for row in choices.order_by("pk")[:LISTED]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Foreign keys have the names of their fields, and those are words of the catalogue.
        self.title = gettext(str(self.title))


class DateFilter(admin.DateFieldListFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = gettext("date")


def within(queryset: Any, request: HttpRequest) -> Any:
    """The rows of these that belong to the company of whoever asks."""
    mine = request.user.organization  # type: ignore[union-attr]
    return (
        queryset.filter(pk=mine.pk) if queryset.model is Organization else queryset.filter(organization=mine)
    )


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


class Scoped(ModelAdmin):
    """Supervisors (staff) of one company. ``organization_path`` leads from the model to its organization;
    lists, pages, history, deletion and autocompletion all go through ``get_queryset``."""

    organization_path = "organization"
    ordering: ClassVar[Any] = ("-id",)
    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = Bounded

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        mine = {self.organization_path: request.user.organization}  # type: ignore[union-attr]
        return super().get_queryset(request).filter(**mine)

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> Any:
        """What a form's menu offers, and accepts: a foreign id in the POST is an invalid choice."""
        offered = super().get_field_queryset(db, db_field, request)
        if offered is None:
            offered = db_field.remote_field.model._default_manager.all()
        return within(offered, request)

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

    def has_module_permission(self, request: HttpRequest) -> bool:
        return supervises(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return supervises(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return supervises(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return supervises(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(Scoped):
    """What happened. Nobody edits or deletes it here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def supervises(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_staff)


def shown(name: str, label: Any) -> Any:
    """A column or a line that only shows a field: related rows by name, times short."""

    @admin.display(description=label, ordering=None if name.startswith("get_") else name)
    def show(_model_admin: Any, row: Any) -> str:
        value = getattr(row, name)
        return _worded(value() if callable(value) else value)

    return show


def _worded(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return _moment(timezone.localtime(value))
    return str(getattr(value, "shown_name", "") or value)


def _moment(local: datetime) -> str:
    """Of the last two days the hour says more than the date."""
    today, time = timezone.localdate(), local.strftime("%H:%M")
    if local.date() == today:
        return gettext("today, %(time)s") % {"time": time}
    if local.date() == today - timedelta(days=1):
        return gettext("yesterday, %(time)s") % {"time": time}
    return formats.date_format(local, "SHORT_DATETIME_FORMAT")


def pretty(value: Any) -> str:
    """Stored JSON, readable and escaped."""
    if not value:
        return "-"
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True))


def chip(label: Any, kind: str = "") -> str:
    return format_html('<span class="chip {}">{}</span>', kind, label)
