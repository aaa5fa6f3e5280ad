"""Starting a chat: a number, somebody's word that its owner agreed, and a template."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from conversations import clock, errors
from conversations.models import Conversation, Sender
from operators import http, outbound
from operators.forms import StartForm, TemplateForm, uuid
from operators.http import OperatorRequest, operator_required
from operators.views import pages, refusals, wording
from operators.views import template_parts as parts
from operators.views.template_parts import Recipient


@operator_required
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: OperatorRequest) -> HttpResponse:
    if request.method != "POST":
        return _dialog(request, StartForm.read(request.GET), TemplateForm.read(request.GET))
    who, form = StartForm.read(request.POST), TemplateForm.read(request.POST)
    try:
        conversation = _begin(request, who, form)
    except errors.HandoffError as error:
        return _ask_again(request, who, form, error)
    response = pages.show(request, conversation)
    response["HX-Trigger"] = "console:done"
    return response


@operator_required
@require_safe
def preview(request: OperatorRequest, template_id: UUID) -> HttpResponse:
    to = _recipient(request, uuid(request.GET.get("sender")))
    template = to.find(template_id)
    if template is None:
        raise Http404
    return render(
        request, "operator/_template_preview.html", _around(to) | {"shown": parts.preview(to, template)}
    )


def _begin(request: OperatorRequest, who: StartForm, form: TemplateForm) -> Conversation:
    to = _recipient(request, who.sender)
    template = to.find(form.template)
    if template is None:
        raise errors.UnknownTemplate
    return outbound.start(
        to.sender,
        operator=request.operator,
        door="panel",
        number=who.number,
        name=who.name,
        template=template,
        values=form.values,
        agreed=who.agreed,
        now=clock.now(),
        client_key=form.client_key,
        same=who.same,
    )


def _ask_again(
    request: OperatorRequest, who: StartForm, form: TemplateForm, error: errors.HandoffError
) -> HttpResponse:
    """The dialog with all that was filled in, and what is missing where it is missing."""
    wrong = error.extras.get("fields", {})
    asked = _asked(error)
    if not http.wants_fragment(request):
        return _dialog(request, who, form, status=error.status, wrong=wrong, asked=asked)
    to = _recipient(request, who.sender)
    template = to.find(form.template)
    shown = template and parts.preview(to, template, given=form.values, wrong=wrong)
    context = _around(to) | {"shown": shown, "who": _who(request, to, who, asked), "again": True}
    return render(request, "operator/_template_wrong.html", context, status=error.status)


def _asked(error: errors.HandoffError) -> dict[str, Any]:
    """What the dialog says about the person."""
    if isinstance(error, errors.TemplateVariables):
        return {}
    if isinstance(error, errors.SamePerson):
        alike = error.extras["address"]
        number = wording.address(alike.value)
        name = alike.contact.name or number
        reason = _("%(name)s has nearly this number: %(number)s.") % {"name": name, "number": number}
        return {"reason": reason, "alike": {"name": name, "number": number}}
    wrong = {"invalid_number": "number", "consent_required": "agreed"}.get(error.code, "")
    return {"reason": refusals.sentence(error), "wrong": wrong}


def _dialog(
    request: OperatorRequest,
    who: StartForm,
    form: TemplateForm,
    *,
    status: int = 200,
    wrong: dict[str, str] | None = None,
    asked: dict[str, Any] | None = None,
) -> HttpResponse:
    to = _recipient(request, who.sender)
    context = _around(to) | parts.listed(to, form, wrong) | {"who": _who(request, to, who, asked or {})}
    if http.wants_fragment(request):
        return render(request, "operator/_template.html", context, status=status)
    around = pages.home_context(request, clock.now())
    return render(request, "operator/template.html", around | context, status=status)


def _senders(request: OperatorRequest) -> list[Sender]:
    ours = Sender.objects.for_organization(request.operator.organization)
    return list(ours.filter(demo=False).order_by("pk"))


def _recipient(request: OperatorRequest, wanted: UUID | None) -> Recipient:
    senders = _senders(request)
    if not senders:
        raise Http404
    chosen = next((sender for sender in senders if sender.public_id == wanted), senders[0])
    return Recipient(operator=request.operator, sender=chosen)


def _who(request: OperatorRequest, to: Recipient, who: StartForm, asked: dict[str, Any]) -> dict[str, Any]:
    typed = {"number": who.number, "name": who.name, "agreed": who.agreed}
    return typed | {"senders": _senders(request), "sender": to.sender} | asked


def _around(to: Recipient) -> dict[str, Any]:
    return {
        "list_url": reverse("operator-new"),
        "send_url": reverse("operator-new"),
        "back_url": reverse("operator-queue"),
        "client_key": str(uuid4()),
        "from": f"{to.sender.name} · {wording.address(to.sender.address)}",
    }
