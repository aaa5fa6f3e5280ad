"""Choosing a template, filling its gaps, seeing it as it will arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from conversations import clock, errors, words
from conversations.models import Category, Conversation, Mode, Template
from operators import desk, http
from operators.forms import TemplateForm
from operators.http import OperatorRequest, operator_required
from operators.views import pages, suggestions, wording
from operators.views import template_parts as parts
from operators.views.refusals import refusable


@operator_required
@require_safe
@refusable
def choose(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """The list, narrowed by ``?q=`` and ``?category=``, and beside it the one that ``?template=`` names."""
    conversation = _mine(request, public_id)
    wanted = TemplateForm.read(request.GET)
    return _dialog(request, conversation, wanted, status=200)


@operator_required
@require_safe
@refusable
def preview(request: OperatorRequest, public_id: UUID, template_id: UUID) -> HttpResponse:
    conversation = _mine(request, public_id)
    template = _offered(conversation).filter(public_id=template_id).first()
    if template is None:
        raise Http404
    context = _shared(request, conversation) | {
        "shown": parts.preview(request.operator, conversation, template, given=None, wrong={})
    }
    return render(request, "operator/_template_preview.html", context)


def send(request: OperatorRequest, conversation: Conversation) -> HttpResponse:
    """What the dialog sends: the thread brought up to date, or the field in which something is missing."""
    form = TemplateForm.read(request.POST)
    template = _offered(conversation).filter(public_id=form.template).first()
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
        return _ask_again(request, conversation, template, form, wrong.extras["fields"])
    response = pages.answer(request, conversation.public_id)
    response["HX-Trigger"] = "console:done"
    return response


def _ask_again(
    request: OperatorRequest,
    conversation: Conversation,
    template: Template,
    form: TemplateForm,
    wrong: Mapping[str, str],
) -> HttpResponse:
    status = errors.TemplateVariables.status
    if not http.wants_fragment(request):
        return _dialog(request, conversation, form, status=status, wrong=wrong)
    shown = parts.preview(request.operator, conversation, template, given=form.values, wrong=wrong)
    context = _shared(request, conversation) | {"shown": shown}
    return render(request, "operator/_template_wrong.html", context, status=status)


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


def _offered(conversation: Conversation) -> Any:
    return Template.objects.of(conversation.sender).offered()


def _dialog(
    request: OperatorRequest,
    conversation: Conversation,
    form: TemplateForm,
    *,
    status: int,
    wrong: Mapping[str, str] | None = None,
) -> HttpResponse:
    found = _in_order(conversation)
    counts = {category: sum(row.category == category for row in found) for category in parts.CATEGORY_CHIPS}
    rows = [row for row in found if _fits(row, form)]
    chosen = _chosen(rows, conversation, form.template)
    lines = {row.content_sid: parts.line(row, conversation, chosen) for row in rows}
    used = [lines[sid] for sid in suggestions.used(request.operator) if sid in lines]
    context = _shared(request, conversation) | {
        "used": used,
        "others": [line for line in lines.values() if line not in used],
        "counts": [
            (category, Category(category).label, count) for category, count in counts.items() if count
        ],
        "total": len(found),
        "q": form.search,
        "category": form.category,
        "step": "preview" if form.template else "list",
        "shown": chosen
        and parts.preview(
            request.operator, conversation, chosen, given=form.values if wrong else None, wrong=wrong or {}
        ),
    }
    if http.wants_fragment(request):
        return render(request, "operator/_template.html", context, status=status)
    around = pages.home_context(request, clock.now(), str(conversation.public_id))
    return render(request, "operator/template.html", around | context, status=status)


def _in_order(conversation: Conversation) -> list[Template]:
    """Those in the customer's language first, and then by name."""
    spoken = conversation.contact.language[:2].lower()

    def place(row: Template) -> tuple[bool, str, str]:
        return row.language[:2].lower() != spoken, words.normalise(row.label), row.language

    return sorted(_offered(conversation), key=place)


def _chosen(rows: list[Template], conversation: Conversation, wanted: UUID | None) -> Template | None:
    """The one asked for, else the first that may be sent."""
    free = [row for row in rows if not row.barred(conversation.contact)]
    return next((row for row in free if row.public_id == wanted), free[0] if free else None)


def _fits(row: Template, form: TemplateForm) -> bool:
    said = words.normalise(f"{row.label} {row.body}")
    in_category = not form.category or row.category == form.category
    return in_category and all(word in said for word in words.normalise(form.search).split())


def _shared(request: OperatorRequest, conversation: Conversation) -> dict[str, Any]:
    name = wording.contact_name(conversation)
    to = wording.address(conversation.reply_address)
    return {
        "id": str(conversation.public_id),
        "epoch": conversation.epoch,
        "client_key": str(uuid4()),
        "first_name": wording.first_name(name),
        "closed": not conversation.window_open(clock.now()),
        "to": name if name == to else f"{name} · {to}",
        "from": f"{conversation.sender.name} · {wording.address(conversation.sender.address)}",
    }
