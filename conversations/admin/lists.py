"""Lists that stay quick whatever is behind them: nothing is counted, and only an index orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Max
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext

from conversations.admin import scope, wording

if TYPE_CHECKING:
    Pages = Paginator[Any]
else:
    Pages = Paginator

LISTED = 1000
"""Rows a list can be paged through; what is further back is found with a filter or the search."""


class Bounded(Pages):
    """Counts no further than a list is paged."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:LISTED].count())


class Endless(ChangeList):
    """A list of what happened: a page, and whether there is another. Filters look at the newest rows only
    (``reach`` of the page's model admin), so that one which fits nothing does not read everything."""

    model_admin: Any
    more = False
    first = 0

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        found = super().get_queryset(request, exclude_parameters)
        reach = self.model_admin.reach
        if reach is None or (self.query and self.model_admin.searches_by_index):
            return found
        newest = self.model._default_manager.aggregate(newest=Max("pk"))["newest"] or 0
        return found.filter(pk__gt=newest - reach)

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[Any]:
        """As the index has it: a second column would be sorted by hand."""
        return list(self.model_admin.get_ordering(request))

    def get_results(self, request: HttpRequest) -> None:
        if self.page_num > LISTED // self.list_per_page:
            raise IncorrectLookupParameters
        first = (self.page_num - 1) * self.list_per_page
        rows = list(self.queryset[first : first + self.list_per_page + 1])
        self.first = first + 1
        self.result_list = rows[: self.list_per_page]
        self.more = len(rows) > self.list_per_page and self.page_num < LISTED // self.list_per_page
        self.many = len(rows) > self.list_per_page
        # As many as all of them: nobody has counted what "all" would be.
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count, self.can_show_all = False, False
        self.show_admin_actions = True
        self.multi_page = self.more or self.page_num > 1
        self.paginator: Any = Pages(self.queryset, self.list_per_page)
        self.paginator.count = first + len(self.result_list) + self.more
        self.model_admin.prepare(request, self.result_list)

    @property
    def last(self) -> int:
        return self.first + len(self.result_list) - 1


class RelatedFilter(admin.RelatedFieldListFilter):
    """Offers only the rows of the supervisor's own company."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        choices = scope.within(field.remote_field.model._default_manager.all(), request)
        return [(str(row.pk), wording.worded(row)) for row in choices.order_by("pk")[:LISTED]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Foreign keys have the names of their fields, and those are words of the catalogue.
        self.title = gettext(str(self.title))


class ChoiceFilter(admin.ChoicesFieldListFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = gettext(str(self.title))


class DateFilter(admin.DateFieldListFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = gettext("date")
