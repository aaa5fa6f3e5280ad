"""The sheet with every key, and the command bar: what can be done now, by its name."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from conversations import clock
from conversations.models import Conversation
from operators import forms, http
from operators.http import OperatorRequest, operator_required
from operators.views import keymap, pages, search, targets


@operator_required
@require_GET
def keys(request: OperatorRequest) -> HttpResponse:
    context = {"groups": keymap.grouped(keymap.known_to(request.operator))}
    if http.wants_fragment(request):
        return render(request, "operator/_keys.html", context)
    return render(request, "operator/keys.html", pages.home_context(request, clock.now()) | context)


@operator_required
@require_GET
def bar(request: OperatorRequest) -> HttpResponse:
    """What it holds when it opens over the chat ``open``; with ``q`` the conversations that fit. Only script asks."""
    form, now = forms.SearchForm.read(request.GET), clock.now()
    if form.typed:
        found = search.results(form, request.operator, now)
        return render(request, "operator/_command_found.html", {"results": found})
    listed = [key for key in keymap.known_to(request.operator) if key.icon]
    return render(request, "operator/_command.html", {"actions": listed, "people": _people(request)})


def _people(request: OperatorRequest) -> list[targets.Target]:
    """To whom the open chat can be handed on, if it is this operator's."""
    public_id = forms.uuid(request.GET.get("open"))
    mine = Conversation.objects.visible_to(request.operator).held_by(request.operator)
    if public_id is None or not mine.filter(public_id=public_id).exists():
        return []
    there = targets.people(request, clock.now(), but=request.operator.pk)
    return [person for person in there if person.free]
