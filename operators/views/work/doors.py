"""The work page and what a supervisor can do on it. Whatever is not of their company does not exist."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversations import audit, clock, delivery, errors, retry
from conversations.contract import Cause
from conversations.models import Conversation, Event, InboundWebhook, Message
from operators import desk, http
from operators.http import OperatorRequest, supervisor_required
from operators.models import Operator
from operators.views import failures, pages, refusals, wording
from operators.views.work import board, tiles

LOOKED_BACK = 20
"""Events of a conversation in which a decision on one of its messages is looked for."""


@supervisor_required
@require_GET
def page(request: OperatorRequest) -> HttpResponse:
    """The page; for itself, every two seconds, what changes on it, or 304."""
    if not http.wants_fragment(request):
        return render(request, "operator/work.html", _whole(request))
    changing = _changing(request)
    tag = http.etag(changing, get_language())
    response = http.unchanged(request, tag) or render(request, "operator/_work_refresh.html", changing)
    response["ETag"] = tag
    return response


def _changing(request: OperatorRequest) -> dict[str, Any]:
    waiting = Conversation.objects.visible_to(request.operator).queued()[: tiles.MOST].count()
    return {
        "board": board.read(request.operator.organization, clock.now()),
        "list": {"waiting_count": waiting},
    }


def _whole(request: OperatorRequest) -> dict[str, Any]:
    now = clock.now()
    return pages.home_context(request, now) | {
        "board": board.read(request.operator.organization, now),
        "paused": request.GET.get("paused") == "1",
        "at": now,
    }


# Decisions ----------------------------------------------------------------------------------------


def decision(
    view: Callable[[OperatorRequest, Message], str | HttpResponse],
) -> Callable[[OperatorRequest, UUID], HttpResponse]:
    """About one message of the company. The answer is the page as it is now, and what has come of it."""

    @functools.wraps(view)
    def decided(request: OperatorRequest, message_id: UUID) -> HttpResponse:
        message = _message(request, message_id)
        try:
            answer = view(request, message)
        except errors.HandoffError as error:
            return _answer(request, _refusal(message, error), status=error.status)
        return _answer(request, answer) if isinstance(answer, str) else answer

    return decided


@supervisor_required
@require_POST
@decision
def arrived(request: OperatorRequest, message: Message) -> str:
    delivery.arrived(message, cause=_cause(request), now=clock.now(), attempt=_attempt(request))
    return _("Marked as arrived.")


@supervisor_required
@require_http_methods(["GET", "HEAD", "POST"])
@decision
def again(request: OperatorRequest, message: Message) -> str | HttpResponse:
    """GET asks first: what nobody has confirmed may be with the customer already."""
    if request.method != "POST":
        return _ask_first(request, message)
    unconfirmed = request.POST.get("unconfirmed") == "1"
    delivery.retry(
        message, cause=_cause(request), now=clock.now(), unconfirmed=unconfirmed, attempt=_attempt(request)
    )
    return _("On its way again.")


@supervisor_required
@require_POST
@decision
def discard(request: OperatorRequest, message: Message) -> str:
    delivery.discard(message, cause=_cause(request), now=clock.now(), attempt=_attempt(request))
    return _("Discarded. It stays in the chat, struck through.")


def _ask_first(request: OperatorRequest, message: Message) -> HttpResponse:
    if not failures.in_doubt(message, clock.now()):
        raise delivery.AlreadySettled
    name = wording.first_name(wording.contact_name(message.conversation))
    context = {"message": message, "first_name": name}
    return _dialog(request, "operator/_work_again.html", "operator/work_again.html", context)


def _message(request: OperatorRequest, public_id: UUID) -> Message:
    mine = Message.objects.filter(conversation__sender__organization=request.operator.organization)
    found = mine.exclude(delivery=None).filter(public_id=public_id)
    message = found.select_related("conversation__contact", "delivery").first()
    if message is None:
        raise Http404
    return message


def _attempt(request: OperatorRequest) -> UUID:
    """Which attempt the form was about. Without a word on it nothing is decided."""
    attempt = _uuid(request.POST.get("attempt", ""))
    if attempt is None:
        raise delivery.AlreadySettled
    return attempt


def _refusal(message: Message, error: errors.HandoffError) -> str:
    if not isinstance(error, delivery.AlreadySettled):
        return refusals.sentence(error)
    name = _decided_by(message)
    if name:
        return _("%(name)s has already decided this one. Nothing was changed.") % {"name": name}
    return _("This one has been settled in the meantime. Nothing was changed.")


def _decided_by(message: Message) -> str:
    """The first name of whoever had the last word on it, if that was a person."""
    told = Event.objects.filter(conversation=message.conversation_id, kind="message.status").order_by("-seq")
    last = next((event for event in told[:LOOKED_BACK] if event.data.get("message") == message.pk), None)
    by = _uuid(last.actor_id) if last else None
    person = Operator.objects.filter(public_id=by).first() if by else None
    return wording.first_name(person.shown_name) if person else ""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# Webhooks -----------------------------------------------------------------------------------------


@supervisor_required
@require_POST
def replay(request: OperatorRequest, webhook_id: UUID) -> HttpResponse:
    return _replayed(request, [_webhook(request, webhook_id).pk])


@supervisor_required
@require_POST
def replay_all(request: OperatorRequest) -> HttpResponse:
    waiting = tiles.failed_webhooks(request.operator.organization).order_by("due_at")
    return _replayed(request, list(waiting.values_list("pk", flat=True)[: retry.MOST]))


@supervisor_required
@require_GET
def original(request: OperatorRequest, webhook_id: UUID) -> HttpResponse:
    """The form as Twilio posted it, with what the customer wrote: that somebody looked is kept."""
    row = _webhook(request, webhook_id)
    by = _cause(request)
    audit.note(
        "webhook.opened",
        cause=by,
        organization=request.operator.organization_id,
        subject=row,
        now=clock.now(),
    )
    context = {"webhook": row, "form": sorted(row.params.items())}
    return _dialog(request, "operator/_work_original.html", "operator/work_original.html", context)


def _webhook(request: OperatorRequest, public_id: UUID) -> InboundWebhook:
    mine = InboundWebhook.objects.filter(organization=request.operator.organization)
    found = mine.filter(public_id=public_id).first()
    if found is None:
        raise Http404
    return found


def _replayed(request: OperatorRequest, pks: list[int]) -> HttpResponse:
    organization = request.operator.organization
    if retry.at_once(organization, pks, cause=_cause(request), now=clock.now()):
        return _answer(request, _("Being tried now. What comes of it is shown here."))
    said = _("It is being tried at this moment, or has come through already.")
    return _answer(request, said, status=409)


# Answers ------------------------------------------------------------------------------------------


def _cause(request: OperatorRequest) -> Cause:
    return desk.cause(request.operator, "panel")


def _answer(request: OperatorRequest, said: str, status: int = 200) -> HttpResponse:
    if http.wants_fragment(request):
        context = _changing(request) | {"said": said}
        response = render(request, "operator/_work_refresh.html", context, status=status)
        response["HX-Trigger"] = "console:refused" if status != 200 else "console:done"
        return response
    if status != 200:
        return render(request, "operator/work.html", _whole(request) | {"said": said}, status=status)
    messages.info(request, said)
    return http.SeeOther(reverse("operator-work"))


def _dialog(request: OperatorRequest, part: str, whole: str, context: dict[str, Any]) -> HttpResponse:
    """Into the dialog of the page, or as a page of its own where no script runs."""
    if http.wants_fragment(request):
        return render(request, part, context)
    return render(request, whole, pages.home_context(request, clock.now()) | context)
