"""The panel's sign of life, and what its operator chose to be."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from conversations import clock, typing_signs
from conversations.models import Conversation
from operators import forms, http, presence
from operators.http import OperatorRequest, operator_required
from operators.models import PresenceStatus


@operator_required
@require_POST
def here(request: OperatorRequest) -> HttpResponse:
    """``status`` chooses; without it this is a beat: ``idle`` seconds, the ``conversation`` looked
    at and whether they are ``typing`` there (a ``reply``, and no note), the one that they have ``left``."""
    now = clock.now()
    chosen = request.POST.get("status")
    if chosen in PresenceStatus.values:
        presence.choose(request.operator, PresenceStatus(chosen), now=now)
        return _back(request)
    presence.beat(request.operator, now=now, idle=timedelta(seconds=forms.number(request.POST.get("idle"))))
    _look(request, now)
    return HttpResponse(status=204)


def _look(request: OperatorRequest, now: datetime) -> None:
    """Only what the operator may see; anything else is nothing they look at. Other tabs may look at something else."""
    if left := _find(request, "left"):
        presence.close(request.operator, left)
    if seen := _find(request, "conversation"):
        typing = request.POST.get("typing") == "1"
        presence.view(request.operator, seen, typing=typing, now=now)
        if typing and request.POST.get("reply") == "1" and seen.operator_id == request.operator.pk:
            typing_signs.show(seen, now)


def _find(request: OperatorRequest, name: str) -> Conversation | None:
    told = request.POST.get(name, "")
    visible = Conversation.objects.visible_to(request.operator).select_related("sender")
    return visible.filter(public_id=told).first() if _is_id(told) else None


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _back(request: OperatorRequest) -> HttpResponse:
    if http.wants_fragment(request):
        return HttpResponse(status=204)
    place = request.POST.get("next", "")
    fits = url_has_allowed_host_and_scheme(place, allowed_hosts=None) and place.startswith("/operator/")
    return http.SeeOther(place if fits else reverse("operator-queue"))
