"""Tags of the conversation: give one, take one off."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from conversations import clock
from operators import desk, forms, http
from operators import tags as desk_tags
from operators.http import OperatorRequest, operator_required
from operators.models import Tag
from operators.views import marks, pages, wording
from operators.views.refusals import refusable


@operator_required
@require_http_methods(["GET", "HEAD", "POST"])
@refusable
def tags(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """GET: what can be given, to choose from; a page of its own without script."""
    conversation = pages.find(request, public_id)
    if request.method == "POST":
        found = _tag(request, forms.uuid(request.POST.get("tag")))
        desk_tags.add(conversation, found, operator=request.operator, door="panel", now=clock.now())
        return pages.answer(request, public_id)
    told = {
        "id": str(public_id),
        "name": wording.contact_name(conversation),
        "offered": marks.chips(desk_tags.offered(conversation)),
    }
    if http.wants_fragment(request):
        return render(request, "operator/_tags.html", told)
    context = pages.home_context(request, clock.now(), str(public_id))
    return render(request, "operator/tags.html", context | told)


@operator_required
@require_POST
@refusable
def remove(request: OperatorRequest, public_id: UUID, tag_id: UUID) -> HttpResponse:
    conversation = pages.find(request, public_id)
    found = _tag(request, tag_id, offered=False)
    desk_tags.remove(conversation, found, by=desk.cause(request.operator, "panel"), now=clock.now())
    return pages.answer(request, public_id)


def _tag(request: OperatorRequest, public_id: UUID | None, *, offered: bool = True) -> Tag:
    """One of this company's; one that is no longer offered can only be taken off."""
    if public_id is None:
        raise Http404
    ours = Tag.objects.filter(organization=request.operator.organization_id, public_id=public_id)
    found = (ours.filter(active=True) if offered else ours).first()
    if found is None:
        raise Http404
    return found
