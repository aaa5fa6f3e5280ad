"""Is it the same person? Whoever serves a chat says so, and sees what was said in the other one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversations import clock
from conversations.models import Conversation, Mode
from operators import forms, http, people
from operators.http import OperatorRequest, operator_required, supervisor_required
from operators.views import pages, panes, persons, wording
from operators.views.refusals import refusable


@operator_required
@require_http_methods(["GET", "HEAD", "POST"])
@refusable
def same(request: OperatorRequest, public_id: UUID, other_id: UUID) -> HttpResponse:
    """GET asks first: what two people wrote would stand in one thread."""
    shown, other = _two(request, public_id, other_id)
    if request.method != "POST":
        return _confirm(request, shown, other, "operator/_same.html")
    goes_on = people.same(shown, other, operator=request.operator, door="panel", now=clock.now())
    return _done(request, goes_on)


@operator_required
@require_POST
@refusable
def different(request: OperatorRequest, public_id: UUID, other_id: UUID) -> HttpResponse:
    shown, other = _two(request, public_id, other_id)
    people.different(shown, other, operator=request.operator, now=clock.now())
    return pages.answer(request, public_id)


@supervisor_required
@require_http_methods(["GET", "HEAD", "POST"])
@refusable
def separate(request: OperatorRequest, public_id: UUID, other_id: UUID) -> HttpResponse:
    shown = pages.find(request, public_id)
    other = _merged(shown, other_id)
    if request.method != "POST":
        return _confirm(request, shown, other, "operator/_separate.html")
    people.separate(shown, other, operator=request.operator, door="panel", now=clock.now())
    return _done(request, shown)


@operator_required
@require_GET
def earlier(request: OperatorRequest, public_id: UUID, other_id: UUID) -> HttpResponse:
    """What was said in a thread that was merged into this one, the newest first to be seen."""
    shown = pages.find(request, public_id)
    other = _merged(shown, other_id)
    now = clock.now()
    before = forms.number(request.GET.get("before")) or other.seq + 1
    items, older = panes.older_items(other, request.operator, before, now)
    told = {"items": items, "older": older, "id": str(other.public_id), "shown": str(shown.public_id)}
    told["address"] = wording.address(other.reply_address)
    if http.wants_fragment(request):
        return render(request, "operator/_earlier.html", told)
    return render(request, "operator/earlier.html", pages.home_context(request, now) | told)


def _two(request: OperatorRequest, public_id: UUID, other_id: UUID) -> tuple[Conversation, Conversation]:
    """Both have to be theirs to see. An operator answers what they are asked, no more."""
    shown, other = pages.find(request, public_id), pages.find(request, other_id)
    if not request.operator.is_staff and other not in persons.of(shown, request.operator).alike:
        raise Http404
    return shown, other


def _merged(shown: Conversation, other_id: UUID) -> Conversation:
    found = Conversation.objects.with_parties().filter(public_id=other_id, merged_into=shown).first()
    if found is None:
        raise Http404
    return found


def _confirm(
    request: OperatorRequest, shown: Conversation, other: Conversation, template: str
) -> HttpResponse:
    context: dict[str, Any] = {
        "id": str(shown.public_id),
        "shown": _named(shown),
        "other": _named(other),
        "dialog": template,
    }
    context["both"] = [context["shown"], context["other"]]
    if http.wants_fragment(request):
        return render(request, template, context)
    return render(request, "operator/person.html", pages.home_context(request, clock.now()) | context)


def _named(conversation: Conversation) -> dict[str, str]:
    name, number = wording.contact_name(conversation), wording.address(conversation.reply_address)
    held = conversation.mode == Mode.HUMAN and conversation.operator
    return {
        "id": str(conversation.public_id),
        "name": name,
        "number": number if number != name else "",
        "holder": held.shown_name if held else "",
    }


def _done(request: OperatorRequest, conversation: Conversation) -> HttpResponse:
    """The thread that goes on; or the list, if it is not for whoever asked to see."""
    visible = Conversation.objects.visible_to(request.operator).filter(pk=conversation.pk).exists()
    if not visible:
        return pages.home(request, _("The two chats are one now."))
    response = pages.show(request, conversation)
    response["HX-Trigger"] = "console:done"
    return response
