"""What the pages and fragments of the console are made of, read once per request."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from conversations import clock, likeness
from conversations.models import Conversation
from conversations.models.conversation import stopped
from operators import banners, forms, http, labels, mentions, preferences, presence, push, tags
from operators.http import OperatorRequest
from operators.models import Operator, PresenceStatus
from operators.views import canned_texts, failures, keymap, panes, rows, spots, timers, wording

FAR = 2**31
"""Beyond every number of a thread: whatever a page shows is older."""


def find(request: OperatorRequest, public_id: UUID) -> Conversation:
    """The conversation, if this operator may see it; anybody else's does not exist."""
    visible = Conversation.objects.visible_to(request.operator).with_parties().select_related("offered_to")
    found = visible.filter(public_id=public_id).annotate(
        doubts=failures.doubts(clock.now()),
        stopped=stopped(),
        somebody=likeness.somebody(),
        tagged=tags.has_any(),
        set_up=labels.is_set_up(),
        unanswered_since=timers.unanswered(),
        shared=Operator.objects.shared(request.operator),
    )
    conversation = found.first()
    if conversation is None:
        raise Http404
    return conversation


def merged(request: OperatorRequest, public_id: UUID) -> Conversation:
    """One that goes on in another, which this operator may see."""
    goes_on = Conversation.objects.visible_to(request.operator).values("pk")
    found = Conversation.objects.filter(public_id=public_id, merged_into__in=goes_on)
    conversation = found.select_related("merged_into").first()
    if conversation is None:
        raise Http404
    return conversation


def goes_on(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """Instead of one that was merged into another: that one."""
    into = merged(request, public_id).merged_into
    if into is None:
        raise Http404
    response = show(request, into)
    response["X-Seq"] = str(FAR)
    return response


def home_context(request: OperatorRequest, now: datetime, opened: str = "") -> dict[str, Any]:
    around = frame_context(request)
    listing = rows.listing(
        request.operator,
        now,
        opened=opened,
        show=request.GET.get("show", ""),
        sort=request.GET.get("sort", ""),
        alone=around["alone"],
    )
    return {"list": listing} | around


def frame_context(request: OperatorRequest) -> dict[str, Any]:
    """What stands around every page of the console; it wants a ``list`` that knows how many wait besides."""
    chosen, alone = presence.chosen(request.operator), Operator.objects.alone(request.operator)
    return {
        "alone": alone,
        "operator": request.operator,
        "troubles": banners.of(request.operator, clock.now()),
        "operator_hue": wording.hue(request.operator),
        "operator_initials": wording.initials(request.operator.shown_name),
        **preferences.of(request.operator),
        "push_key": push.public_key(),
        "keymap": keymap.keymap(request.operator),
        "presence": chosen,
        "statuses": PresenceStatus.choices,
        # Nobody asks whoever works alone where they are, unless they said that they are not there.
        "show_presence": chosen != PresenceStatus.AVAILABLE or not alone,
    }


def full_context(request: OperatorRequest, conversation: Conversation, now: datetime) -> dict[str, Any]:
    """The whole page with this conversation open. The divider stands where the holder stopped reading, and whoever is
    mentioned in it reads that now."""
    context = home_context(request, now, str(conversation.public_id))
    if conversation.pk in context["list"].named_in:
        mentions.read(conversation, request.operator, now)
        context = home_context(request, now, str(conversation.public_id))
    spot = spots.of(conversation, request.operator, forms.uuid(request.GET.get("at")))
    pane = opening(request, conversation, now, alone=context["alone"], after=spot.after if spot else None)
    context |= {"pane": pane, "writing": _writing(request), "at": spot.id if spot else ""}
    context |= canned_texts.filled_in(request, conversation)
    if spot and spot.before:
        context |= _far_back(request, conversation, now, spot.before, pane.after)
    return context


def _far_back(
    request: OperatorRequest, conversation: Conversation, now: datetime, last: int, newest: int
) -> dict[str, Any]:
    """An older page above the newest one: not all that was said in between is shown."""
    items, older = panes.older_items(conversation, request.operator, last + 1, now)
    return {"earlier": items, "earlier_older": older, "between": {"after": last, "before": newest + 1}}


def _writing(request: OperatorRequest) -> str:
    """What is written without script: a note or a whisper, if their button was pressed; else a reply."""
    return {"1": "note", "whisper": "whisper"}.get(request.GET.get("note", ""), "")


def opening(
    request: OperatorRequest,
    conversation: Conversation,
    now: datetime,
    *,
    alone: bool,
    after: int | None = None,
) -> panes.Pane:
    mine = conversation.operator_id == request.operator.pk
    new_after = conversation.seen_seq if mine and conversation.unread else None
    return panes.pane(conversation, request.operator, now, after=after, new_after=new_after, alone=alone)


def update_context(request: OperatorRequest, conversation: Conversation, now: datetime) -> dict[str, Any]:
    """What brings an open conversation up to date: the asker says what it shows."""
    told = request.POST if request.method == "POST" else request.GET
    after, new = forms.number(told.get("after"), -1), forms.number(told.get("new"), -1)
    pane = panes.pane(
        conversation,
        request.operator,
        now,
        after=after if after >= 0 else None,
        new_after=new if new >= 0 else None,
        alone=not getattr(conversation, "shared", True),
    )
    return {"pane": pane, "dock_changed": told.get("dock") != pane.card}


def show(request: OperatorRequest, conversation: Conversation) -> HttpResponse:
    """The conversation as the answer to a plain form (303) or to htmx (the pane, and its address)."""
    place = reverse("operator-conversation", args=[conversation.public_id])
    if not http.wants_fragment(request):
        return http.SeeOther(place)
    now = clock.now()
    current = find(request, conversation.public_id)
    context = full_context(request, current, now)
    response = render(request, "operator/_opened.html", context)
    response["HX-Push-Url"] = place
    return response


def answer(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """After something was written: the thread for htmx, the page for a plain form."""
    conversation = find(request, public_id)
    if not http.wants_fragment(request):
        return show(request, conversation)
    context = update_context(request, conversation, clock.now())
    response = render(request, "operator/_update.html", context)
    response["X-Seq"] = str(context["pane"].seq)
    return response


def home(request: OperatorRequest, said: str) -> HttpResponse:
    """Back to the list, saying what happened."""
    place = reverse("operator-queue")
    if not http.wants_fragment(request):
        messages.info(request, said)
        return http.SeeOther(place)
    context = home_context(request, clock.now())
    response = render(request, "operator/_closed.html", context | {"said": said})
    response["HX-Push-Url"] = place
    response["HX-Trigger"] = "console:closed"
    return response
