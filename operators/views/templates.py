"""Choosing a template, filling its gaps, seeing it as it will arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from conversations import clock, errors
from conversations.models import Conversation, Mode
from operators import desk, http
from operators.forms import TemplateForm
from operators.http import OperatorRequest, operator_required
from operators.views import pages, wording
from operators.views import template_parts as parts
from operators.views.refusals import refusable
from operators.views.template_parts import Recipient


@operator_required
@require_safe
@refusable
def choose(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """The list, narrowed by ``?q=`` and ``?category=``, and beside it the one that ``?template=`` names."""
    conversation = _mine(request, public_id)
    return _dialog(request, conversation, TemplateForm.read(request.GET), status=200)


@operator_required
@require_safe
@refusable
def preview(request: OperatorRequest, public_id: UUID, template_id: UUID) -> HttpResponse:
    conversation = _mine(request, public_id)
    to = _recipient(request, conversation)
    template = to.find(template_id)
    if template is None:
        raise Http404
    context = _shared(conversation) | {"shown": parts.preview(to, template)}
    return render(request, "operator/_template_preview.html", context)


def send(request: OperatorRequest, conversation: Conversation) -> HttpResponse:
    """What the dialog sends: the thread brought up to date, or the field in which something is missing."""
    form = TemplateForm.read(request.POST)
    template = _recipient(request, conversation).find(form.template)
    if template is None:
        raise errors.UnknownTemplate
    try:
        desk.send_template(
            conversation,
            operator=request.operator,
            door="panel",
            template=template,
            values=form.values,
            epoch=conversation.epoch if form.epoch is None else form.epoch,
            client_key=form.client_key,
            now=clock.now(),
        )
    except errors.TemplateVariables as wrong:
        return _ask_again(request, conversation, form, wrong.extras["fields"])
    response = pages.answer(request, conversation.public_id)
    response["HX-Trigger"] = "console:done"
    return response


def _ask_again(
    request: OperatorRequest, conversation: Conversation, form: TemplateForm, wrong: Mapping[str, str]
) -> HttpResponse:
    status = errors.TemplateVariables.status
    if not http.wants_fragment(request):
        return _dialog(request, conversation, form, status=status, wrong=wrong)
    to = _recipient(request, conversation)
    template = to.find(form.template)
    shown = template and parts.preview(to, template, given=form.values, wrong=wrong)
    return render(
        request, "operator/_template_wrong.html", _shared(conversation) | {"shown": shown}, status=status
    )


def _mine(request: OperatorRequest, public_id: UUID) -> Conversation:
    conversation = pages.find(request, public_id)
    if conversation.mode == Mode.BOT:
        raise errors.WithBot
    if conversation.mode == Mode.QUEUED:
        raise errors.NotHuman
    if conversation.operator_id != request.operator.pk:
        raise errors.NotYours(operator=conversation.operator)
    if conversation.contact.opted_out_at:
        raise errors.OptedOut
    return conversation


def _recipient(request: OperatorRequest, conversation: Conversation) -> Recipient:
    return Recipient(operator=request.operator, sender=conversation.sender, conversation=conversation)


def _dialog(
    request: OperatorRequest,
    conversation: Conversation,
    form: TemplateForm,
    *,
    status: int,
    wrong: Mapping[str, str] | None = None,
) -> HttpResponse:
    context = _shared(conversation) | parts.listed(_recipient(request, conversation), form, wrong)
    if http.wants_fragment(request):
        return render(request, "operator/_template.html", context, status=status)
    around = pages.home_context(request, clock.now(), str(conversation.public_id))
    return render(request, "operator/template.html", around | context, status=status)


def _shared(conversation: Conversation) -> dict[str, Any]:
    name, to = wording.contact_name(conversation), wording.address(conversation.reply_address)
    there = [conversation.public_id]
    return {
        "list_url": reverse("operator-templates", args=there),
        "send_url": reverse("operator-send", args=there),
        "back_url": reverse("operator-conversation", args=there),
        "epoch": conversation.epoch,
        "client_key": str(uuid4()),
        "first_name": wording.first_name(name),
        "closed": not conversation.window_open(clock.now()),
        "to": name if name == to else f"{name} · {to}",
        "from": f"{conversation.sender.name} · {wording.address(conversation.sender.address)}",
    }
