"""An earlier service, shown where it stands in the thread."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from conversations.models import Event, Message
from operators import http
from operators.http import OperatorRequest, operator_required
from operators.views import pages, panes, story

_ENDS = ("handoff.released", "handoff.cancelled", "handoff.merged")


@operator_required
@require_GET
def go(request: OperatorRequest, public_id: UUID, number: int) -> HttpResponse:
    """To the page of the thread that ends with this service, at its beginning if that is on it."""
    conversation = pages.find(request, public_id)
    told = Event.objects.filter(conversation=conversation, kind__in=story.SHOWN_EVENTS).order_by("seq")
    # Looked at here: MariaDB compares what is in JSON in another collation than ours, and refuses.
    rows = told.values_list("seq", "kind", "data")
    seqs = [(seq, kind) for seq, kind, data in rows if data.get("handoff") == number]
    if not seqs:
        raise Http404
    first = seqs[0][0]
    last = next((seq for seq, kind in reversed(seqs) if kind in _ENDS), seqs[-1][0])
    between = Message.objects.filter(conversation=conversation, seq__range=(first, last)).count()
    anchor = first if between < panes.PAGE else last
    place = reverse("operator-conversation", args=[public_id])
    return http.SeeOther(f"{place}?before={last + 1}#e-{anchor}")
