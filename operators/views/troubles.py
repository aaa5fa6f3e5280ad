"""What supervisors read above every page of the console: which number is paused and why, and whose bot is silent."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversations import clock, pauses
from conversations.models import Sender
from conversations.twilio.errors import PAGE, Trouble
from operators import banners, desk, http
from operators.banners import Banner
from operators.http import OperatorRequest, supervisor_required
from operators.models import Operator
from operators.views import wording


@banners.tells
def of_numbers(operator: Operator, now: datetime) -> list[Banner]:
    """One for each paused number and each silent bot of the company."""
    own = Sender.objects.for_organization(operator.organization)
    found = list(own.exclude(paused="", bot_rests_until=None).order_by("pk"))
    paused = [_banner(sender, now) for sender in found if sender.paused]
    return paused + [_silent(sender, now) for sender in found if sender.bot_rests_until]


def _banner(sender: Sender, now: datetime) -> Banner:
    text, todo = _words(sender.paused)
    return Banner(
        id=str(sender.public_id),
        see=_page(sender),
        label=_("See the sender"),
        text=text % {"name": sender.name},
        todo=todo,
        code=sender.paused_code,
        link=PAGE.format(code=sender.paused_code),
        next=wording.recent(sender.due_at, now) if sender.due_at and sender.due_at > now else "",
        resume=reverse("operator-resume", args=[sender.public_id]),
    )


def _silent(sender: Sender, now: datetime) -> Banner:
    until = sender.bot_rests_until
    return Banner(
        id=f"{sender.public_id}-bot",
        see=_page(sender),
        label=_("See the sender"),
        text=_("The bot of %(name)s does not answer: its customers come to you at once.")
        % {"name": sender.name},
        todo=_("See that it runs, and that its address is right."),
        next=wording.recent(until, now) if until and until > now else "",
    )


def _page(sender: Sender) -> str:
    return reverse("admin:conversations_sender_change", args=[sender.pk])


def _words(why: str) -> tuple[str, str]:
    """What is the matter, and what helps."""
    said = {
        Trouble.CREDENTIALS: (
            _("Twilio refuses the credentials of %(name)s: its messages wait."),
            _("Enter the current Auth Token."),
        ),
        Trouble.LOCKED: (
            _("WhatsApp has locked %(name)s: its messages wait."),
            _("See what Meta's Business Manager says about the account."),
        ),
        Trouble.LIMIT: (
            _("The Twilio account of %(name)s has reached its limit for today: messages wait."),
            _("It goes on tomorrow, or as soon as the account is upgraded."),
        ),
        Trouble.SANDBOX: (
            _("Twilio treats %(name)s as a sandbox number: its messages wait."),
            _("Finish registering the number in Twilio's console."),
        ),
        Trouble.SETUP: (
            _("%(name)s is not set up as a WhatsApp sender at Twilio: its messages wait."),
            _("Compare number and account with the WhatsApp senders in Twilio's console."),
        ),
    }
    return said.get(Trouble(why)) or ("", "") if why in set(Trouble) else _by_hand()


def _by_hand() -> tuple[str, str]:
    return _("%(name)s is paused: whatever goes out through it waits."), ""


# Doors --------------------------------------------------------------------------------------------


@supervisor_required
@require_GET
def refresh(request: OperatorRequest) -> HttpResponse:
    found = banners.of(request.operator, clock.now())
    tag = http.etag(found, get_language())
    response = http.unchanged(request, tag) or _drawn(request, found)
    response["ETag"] = tag
    return response


@supervisor_required
@require_POST
def resume(request: OperatorRequest, sender_id: UUID) -> HttpResponse:
    """Whoever comes second has nothing left to do, and is told so."""
    own = Sender.objects.for_organization(request.operator.organization)
    sender = own.filter(public_id=sender_id).first()
    if sender is None:
        raise Http404
    now = clock.now()
    done = pauses.resume(sender, cause=desk.cause(request.operator, "panel"), now=now)
    name = {"name": sender.name}
    said = _("%(name)s goes on.") % name if done else _("%(name)s was going on already.") % name
    if http.wants_fragment(request):
        response = _drawn(request, banners.of(request.operator, now), said=said, status=200 if done else 409)
        response["HX-Trigger"] = "console:done" if done else "console:refused"
        return response
    messages.info(request, said)
    return http.SeeOther(reverse("operator-work"))


def _drawn(request: OperatorRequest, found: list[Banner], status: int = 200, **more: Any) -> HttpResponse:
    return render(request, "operator/_troubles_refresh.html", {"troubles": found, **more}, status=status)
