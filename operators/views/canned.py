"""What may be said again: the list over the reply box, and the same as a page."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from conversations import clock
from operators import forms, http
from operators.http import OperatorRequest, operator_required
from operators.views import canned_texts, pages, wording


@operator_required
@require_GET
def choose(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    conversation = pages.find(request, public_id)
    search = request.GET.get("q", "")[: forms.LONGEST_SEARCH]
    replies = canned_texts.offered(conversation, request.operator, search)
    context = {"id": str(public_id), "replies": replies, "search": search}
    if http.wants_fragment(request):
        return render(request, "operator/_canned.html", context)
    name = wording.contact_name(conversation)
    around = pages.home_context(request, clock.now(), str(public_id))
    return render(request, "operator/canned.html", around | context | {"name": name})
