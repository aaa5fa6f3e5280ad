"""Finishing a chat: the dialog, the guard against what came in meanwhile, and the way back to the bot."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from conversations import clock, errors
from conversations.models import Conversation, Mode, Resume
from operators import desk, forms, http
from operators.forms import ReleaseForm
from operators.http import OperatorRequest, operator_required
from operators.models import Reason
from operators.views import bubbles, pages, refusals, wording
from operators.views.refusals import refusable

_HERE = (errors.UnreadMessage, errors.OutcomeRequired)
"""Refusals that the dialog itself answers; any other means that the chat is no longer mine."""


@operator_required
@require_http_methods(["GET", "HEAD", "POST"])
@refusable
def release(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    conversation = pages.find(request, public_id)
    if request.method != "POST":
        return _ask(request, conversation)
    form = ReleaseForm.read(request.POST)
    try:
        _release(request, conversation, form)
    except _HERE as error:
        return _ask_again(request, conversation, form, error)
    said = _("Chat finished: %(name)s is with the bot.")
    return pages.home(request, said % {"name": wording.first_name(wording.contact_name(conversation))})


def _release(request: OperatorRequest, conversation: Conversation, form: ReleaseForm) -> None:
    desk.release(
        conversation,
        operator=request.operator,
        by=desk.cause(request.operator, "panel"),
        epoch=form.epoch,
        seen=conversation.seen_seq if form.last_seen_seq is None else form.last_seen_seq,
        release=form.release(),
        now=clock.now(),
        force=form.force,
    )


def _ask(request: OperatorRequest, conversation: Conversation) -> HttpResponse:
    if conversation.mode != Mode.HUMAN:
        raise errors.NotHuman
    if conversation.operator_id != request.operator.pk:
        raise errors.NotYours(operator=conversation.operator)
    seen = min(forms.number(request.GET.get("seen"), conversation.seen_seq), conversation.seq)
    values = {"epoch": conversation.epoch, "seen": seen, "resume": Resume.WAIT, "outcome": "", "summary": ""}
    return _dialog(request, conversation, values, status=200)


def _ask_again(
    request: OperatorRequest, conversation: Conversation, form: ReleaseForm, error: errors.HandoffError
) -> HttpResponse:
    unread = error.extras.get("messages", [])
    values: dict[str, Any] = {
        "epoch": conversation.epoch if form.epoch is None else form.epoch,
        "seen": form.last_seen_seq or 0,
        "resume": form.resume,
        "outcome": form.outcome,
        "summary": form.summary,
        "force": form.force or bool(unread),
        "unread": _bubbles(conversation, unread, clock.now()),
        "reason": refusals.sentence(error),
    }
    return _dialog(request, conversation, values, status=error.status)


def _bubbles(conversation: Conversation, unread: list[Any], now: datetime) -> list[bubbles.Bubble]:
    name = wording.contact_name(conversation)
    return [bubbles.one(message, contact=name, now=now) for message in unread]


def _dialog(
    request: OperatorRequest, conversation: Conversation, values: dict[str, Any], *, status: int
) -> HttpResponse:
    name = wording.contact_name(conversation)
    outcomes = _outcomes(request)
    context = {
        "id": str(conversation.public_id),
        "name": name,
        "first_name": wording.first_name(name),
        "asked": conversation.handoff.summary if conversation.handoff else "",
        "outcomes": outcomes,
        "values": values | {"outcome": values["outcome"] or (outcomes[0][0] if outcomes else "")},
        "destinations": _destinations(),
    }
    if http.wants_fragment(request):
        return render(request, "operator/_finalise.html", context, status=status)
    page = pages.home_context(request, clock.now(), str(conversation.public_id))
    return render(request, "operator/release.html", page | context, status=status)


def _outcomes(request: OperatorRequest) -> list[tuple[str, str]]:
    language = get_language() or "en"
    mine = Reason.objects.filter(organization_id=request.operator.organization_id, active=True)
    return [(reason.code, reason.label(language)) for reason in mine.order_by("order", "pk")]


def _destinations() -> list[tuple[str, str, str, str]]:
    """Value, icon, title and what it means for the customer."""
    return [
        (
            Resume.BOT_NOW,
            "bot",
            _("Back to the bot, it speaks now"),
            _("The bot writes first and already knows what was settled."),
        ),
        (
            Resume.WAIT,
            "clock",
            _("Back to the bot, it waits for the customer"),
            _("The bot answers when the customer writes, and knows what was settled."),
        ),
        (
            Resume.CLOSE,
            "lock",
            _("Close without bot"),
            _("Nothing more is said; the next message starts the bot afresh."),
        ),
    ]
