"""The list: the page, its refresh, and the next one in turn."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversations import clock, errors
from operators import desk, http, preferences
from operators.http import OperatorRequest, operator_required
from operators.views import pages, refusals, rows


@operator_required
@require_GET
def page(request: OperatorRequest) -> HttpResponse:
    context = pages.home_context(request, clock.now())
    if not http.wants_fragment(request):
        return render(request, "operator/console.html", context)
    response = render(request, "operator/_closed.html", context)
    response["HX-Push-Url"] = reverse("operator-queue")
    return response


@operator_required
@require_GET
def refresh(request: OperatorRequest) -> HttpResponse:
    """The list as it is now; 304 while nothing in it has changed."""
    told = request.GET
    listing = rows.listing(
        request.operator,
        clock.now(),
        opened=told.get("open", ""),
        show=told.get("show", ""),
        sort=told.get("sort", ""),
    )
    tag = http.etag(listing, get_language())
    response = http.unchanged(request, tag) or render(request, "operator/_refresh.html", {"list": listing})
    response["ETag"] = tag
    return response


@operator_required
@require_POST
def take_next(request: OperatorRequest) -> HttpResponse:
    try:
        conversation = desk.claim_next(request.operator, door="panel", now=clock.now())
    except errors.HandoffError as error:
        return _stay(request, refusals.sentence(error), error.status)
    if conversation is None:
        return _stay(request, _("Nobody is waiting right now."), 200)
    return pages.show(request, conversation)


@operator_required
@require_POST
def prefer(request: OperatorRequest) -> HttpResponse:
    """How the screens look and sound, kept with the operator."""
    preferences.keep(request.operator, preferences.chosen(request.POST.dict()))
    place = request.POST.get("next", "")
    fits = url_has_allowed_host_and_scheme(place, allowed_hosts=None) and place.startswith("/operator/")
    return http.SeeOther(place if fits else reverse("operator-queue"))


def _stay(request: OperatorRequest, said: str, status: int) -> HttpResponse:
    """Nothing taken: the page as it was, and why."""
    if http.wants_fragment(request):
        return render(request, "operator/_toast.html", {"text": said}, status=status)
    context = pages.home_context(request, clock.now()) | {"said": said}
    return render(request, "operator/console.html", context, status=status)
