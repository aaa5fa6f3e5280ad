"""Handing a chat on: the dialog with who could take it, and the way back when they cannot."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from conversations import clock, errors, notes
from conversations.models import Conversation, Mode, Queue
from operators import desk, http
from operators.forms import HandOverForm
from operators.http import OperatorRequest, operator_required
from operators.models import Operator
from operators.views import pages, targets, wording
from operators.views.refusals import refusable


@operator_required
@require_http_methods(["GET", "HEAD", "POST"])
@refusable
def transfer(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    conversation = pages.find(request, public_id)
    if request.method != "POST":
        return _ask(request, conversation)
    form = HandOverForm.read(request.POST)
    try:
        to = _hand_on(request, conversation, form)
    except errors.HandoffError as error:
        return _ask_again(request, public_id, form, error)
    said = _("%(name)s was transferred to %(target)s.")
    return pages.home(request, said % {"name": _first_name(conversation), "target": targets.called(to)})


def _hand_on(request: OperatorRequest, conversation: Conversation, form: HandOverForm) -> Operator | Queue:
    to = targets.chosen(request, form, but=request.operator.pk)
    if to is None:
        raise targets.NobodyChosen
    desk.transfer(
        conversation,
        by=desk.cause(request.operator, "panel"),
        author=request.operator,
        operator=request.operator,
        to=to,
        note=form.note,
        now=clock.now(),
        epoch=form.epoch,
    )
    return to


def _ask(request: OperatorRequest, conversation: Conversation) -> HttpResponse:
    _must_be_mine(request, conversation)
    values = {"epoch": conversation.epoch, "to": HandOverForm.read(request.GET).to, "note": ""}
    return _dialog(request, conversation, values, status=200)


def _must_be_mine(request: OperatorRequest, conversation: Conversation) -> None:
    if conversation.mode != Mode.HUMAN:
        raise errors.NotHuman
    if conversation.operator_id != request.operator.pk:
        raise errors.NotYours(operator=conversation.operator)


def _ask_again(
    request: OperatorRequest, public_id: UUID, form: HandOverForm, error: errors.HandoffError
) -> HttpResponse:
    """As long as the chat is mine the dialog itself answers, with all that was filled in."""
    conversation = pages.find(request, public_id)
    if conversation.operator_id != request.operator.pk:
        raise error
    values = {
        "epoch": conversation.epoch,
        "to": form.to,
        "note": form.note,
        "reason": targets.sentence(error),
    }
    return _dialog(request, conversation, values, status=error.status)


def _dialog(
    request: OperatorRequest, conversation: Conversation, values: dict[str, Any], *, status: int
) -> HttpResponse:
    now = clock.now()
    context = {
        "id": str(conversation.public_id),
        "targets": [*targets.queues(request), *targets.people(request, now, but=request.operator.pk)],
        "values": values,
        "longest": notes.LONGEST,
    }
    if http.wants_fragment(request):
        return render(request, "operator/_transfer.html", context, status=status)
    page = pages.home_context(request, now, str(conversation.public_id))
    return render(request, "operator/transfer.html", page | context, status=status)


def _first_name(conversation: Conversation) -> str:
    return wording.first_name(wording.contact_name(conversation))
