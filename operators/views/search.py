"""Search: names, numbers, what was said and what was noted, as far as whoever asks may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from conversations import clock, searching
from conversations.models import Conversation, Note
from conversations.searching import Found
from operators import forms, http
from operators.http import OperatorRequest, operator_required
from operators.models import Operator
from operators.views import hits, pages
from operators.views.hits import Hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Hits of a kind. ``further``: so far back there is more to look through."""

    kind: str
    hits: list[Hit]
    more: bool
    further: int | None = None


@operator_required
@require_GET
def page(request: OperatorRequest) -> HttpResponse:
    """``?q=``; ``in=`` one kind only, looked for ``back=`` so far."""
    form = forms.SearchForm.read(request.GET)
    found = results(form, request.operator, clock.now())
    context: dict[str, Any] = {
        "query": form.typed,
        "results": found,
        "said": _said(found) if form.wanted else "",
    }
    if not http.wants_fragment(request):
        return render(request, "operator/console.html", pages.home_context(request, clock.now()) | context)
    return render(request, "operator/_found.html", context)


def results(form: forms.SearchForm, operator: Operator, now: datetime) -> list[Group]:
    """What there is, people first. Of each kind there is a group as long as there may be something in it."""
    if not form.wanted:
        return []
    groups = [_group(kind, form, operator, now) for kind in ([form.kind] if form.kind else forms.KINDS)]
    return [group for group in groups if group.hits or group.further]


def _group(kind: str, form: forms.SearchForm, operator: Operator, now: datetime) -> Group:
    wanted, among = form.wanted, Conversation.objects.visible_to(operator)
    if kind == "people":
        people = searching.people(wanted, among=among, company=operator.organization_id)
        return _drawn(kind, people, hits.of_people(people, operator, now))
    if kind == "messages":
        said = searching.said(wanted, among=among, back=form.back)
        return _drawn(kind, said, hits.of_messages(said, wanted, operator, now))
    readable = Note.objects.readable_by(operator)
    noted = searching.noted(wanted, readable=readable, among=among, back=form.back)
    return _drawn(kind, noted, hits.of_notes(noted, wanted, operator, now))


def _drawn(kind: str, found: Found[Any], drawn: list[Hit]) -> Group:
    return Group(kind=kind, hits=drawn, more=found.more, further=found.further)


def _said(groups: list[Group]) -> str:
    """For those who hear it."""
    count = sum(len(group.hits) for group in groups)
    return ngettext("%(count)d result", "%(count)d results", count) % {"count": count}
