"""The supervisors' page: who waits, who has what, and the word that takes a chat from somebody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from conversations import clock, errors
from conversations.models import Conversation, Mode
from operators import desk, forms, http
from operators.http import OperatorRequest, supervisor_required
from operators.models import Operator
from operators.views import pages, refusals, team_alerts, team_board, wording
from operators.views.team_board import Board
from operators.views.team_parts import Asked


@supervisor_required
@require_GET
def page(request: OperatorRequest) -> HttpResponse:
    return render(request, "operator/team.html", context_of(request, _board(request)))


@supervisor_required
@require_GET
def refresh(request: OperatorRequest) -> HttpResponse:
    """The board as it is now; 304 while nothing on it has changed."""
    board = _board(request)
    tag = http.etag(board, get_language())
    response = http.unchanged(request, tag)
    if response is None:
        response = render(request, "operator/_team_refresh.html", context_of(request, board))
    response["ETag"] = tag
    return response


@supervisor_required
@require_GET
def alert(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """What a supervisor's panel says of an event it was told of; nothing if that is no alert."""
    conversation = pages.find(request, public_id)
    found = team_alerts.one(request.operator, conversation, forms.number(request.GET.get("seq")))
    if found is None:
        return HttpResponse(status=204)
    return render(request, "operator/_team_toast.html", {"alert": found})


@supervisor_required
@require_http_methods(["GET", "HEAD", "POST"])
def claim(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """In somebody's place, after the question whether that is meant."""
    conversation = pages.find(request, public_id)
    holder = conversation.operator or conversation.offered_to
    if request.method != "POST":
        if holder is None:
            return refused(request, errors.NotHuman())
        return _confirm(request, conversation, holder, "operator/_team_claim.html")
    try:
        desk.claim(
            conversation,
            operator=request.operator,
            door="panel",
            now=clock.now(),
            epoch=_epoch(request, conversation),
            force=True,
        )
    except errors.HandoffError as error:
        return refused(request, error)
    return http.SeeOther(reverse("operator-conversation", args=[public_id]))


@supervisor_required
@require_http_methods(["GET", "HEAD", "POST"])
def requeue(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """Back to the front of the queue, after the question whether that is meant."""
    conversation = pages.find(request, public_id)
    if request.method != "POST":
        if conversation.operator is None:
            return refused(request, errors.NotHuman())
        return _confirm(request, conversation, conversation.operator, "operator/_team_requeue.html")
    by = desk.cause(request.operator, "panel")
    try:
        desk.take_away(conversation, by=by, now=clock.now(), epoch=_epoch(request, conversation))
    except errors.HandoffError as error:
        return refused(request, error)
    name = wording.first_name(wording.contact_name(conversation))
    return done(request, _("%(name)s is back at the front of the queue.") % {"name": name})


def context_of(request: OperatorRequest, board: Board) -> dict[str, Any]:
    frame = pages.frame_context(request)
    return frame | {"board": board, "list": {"waiting_count": board.waiting_count}}


def done(request: OperatorRequest, said: str, status: int = 200) -> HttpResponse:
    """Back on the page, saying what happened."""
    if not http.wants_fragment(request):
        messages.info(request, said)
        return http.SeeOther(_back(request))
    context = context_of(request, _board(request)) | {"said": said}
    response = render(request, "operator/_team_refresh.html", context, status=status)
    response["HX-Trigger"] = "console:done"
    return response


def refused(request: OperatorRequest, error: errors.HandoffError) -> HttpResponse:
    return done(request, refusals.sentence(error), error.status)


def dialog(
    request: OperatorRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """A question, over the page or as a page of its own."""
    context = context | {"query": asked(request).query, "back": _back(request), "chat": _in_chat(request)}
    if http.wants_fragment(request):
        return render(request, template, context, status=status)
    waiting = Conversation.objects.visible_to(request.operator).queued().count()
    frame = pages.frame_context(request) | {"list": {"waiting_count": waiting}}
    return render(request, "operator/team_dialog.html", frame | context | {"dialog": template}, status=status)


def asked(request: OperatorRequest) -> Asked:
    """What the page is narrowed to stands behind the address of everything that is done on it."""
    told = forms.TeamForm.read(request.GET)
    return Asked(told.queue, told.name)


def _epoch(request: OperatorRequest, conversation: Conversation) -> int:
    """The one the supervisor saw when they were asked: whoever has it by now did not get it in vain."""
    told = forms.number(request.POST.get("epoch"), -1)
    return conversation.epoch if told < 0 else told


def _board(request: OperatorRequest) -> Board:
    return team_board.board(request.operator, asked(request), clock.now())


def _confirm(
    request: OperatorRequest, conversation: Conversation, holder: Operator, template: str
) -> HttpResponse:
    name = wording.contact_name(conversation)
    context = {
        "id": str(conversation.public_id),
        "first_name": wording.first_name(name),
        "holder": wording.first_name(holder.shown_name),
        "offered": conversation.mode == Mode.QUEUED,
        "epoch": conversation.epoch,
    }
    return dialog(request, template, context)


def _in_chat(request: OperatorRequest) -> bool:
    """Asked from the chat itself, and not from the team's page."""
    return "chat" in request.GET


def _back(request: OperatorRequest) -> str:
    match = request.resolver_match
    if _in_chat(request) and match and "public_id" in match.kwargs:
        return reverse("operator-conversation", args=[match.kwargs["public_id"]])
    return reverse("operator-team") + asked(request).query
