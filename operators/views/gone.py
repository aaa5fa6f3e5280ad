"""A chat that is open on a page and that its operator may see no longer."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render

from conversations.models import Conversation
from operators import drafts, http
from operators.http import OperatorRequest
from operators.views import pages

CARD = "gone"
"""What such a page tells of its foot."""


def away(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """Where it goes on, or a card in its place: the same of what nobody made, so that it tells a stranger nothing."""
    try:
        return pages.goes_on(request, public_id)
    except Http404:
        if not http.wants_fragment(request):
            raise
    if request.GET.get("dock") == CARD:
        return HttpResponse(status=204)
    context = {"id": str(public_id), "card": CARD, "drafts": drafts.left_in(public_id, request.operator)}
    response = render(request, "operator/_gone.html", context)
    response["X-Seq"] = str(pages.FAR)
    return response


def back(request: OperatorRequest, conversation: Conversation) -> HttpResponse:
    """They may see it again, and nothing of it is left on their page: all of it."""
    response = pages.show(request, conversation)
    response["X-Seq"] = str(pages.FAR)
    return response
