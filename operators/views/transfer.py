"""Handing a chat on: the dialog with who could take it, and the way back when they cannot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from conversations import clock, errors, notes
from conversations.models import Conversation, Mode, Queue
from operators import desk, http, presence
from operators.forms import HandOverForm
from operators.http import OperatorRequest, operator_required
from operators.models import Operator, PresenceStatus
from operators.views import pages, refusals, wording
from operators.views.refusals import refusable

_NOT_THERE = {
    PresenceStatus.ON_BREAK.value: lambda: _("on break"),
    PresenceStatus.OFFLINE.value: lambda: _("offline"),
    presence.AWAY: lambda: _("away"),
}


class NobodyChosen(errors.HandoffError):
    code = "target_required"
    status = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A line of the dialog; ``free`` when it can be chosen, ``load`` is what there is to do, or why it cannot."""

    value: str
    name: str
    load: str
    initials: str
    hue: str
    presence: str = ""
    free: bool = True


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
    return pages.home(request, said % {"name": _first_name(conversation), "target": _name(to)})


def _hand_on(request: OperatorRequest, conversation: Conversation, form: HandOverForm) -> Operator | Queue:
    to = _chosen(request, form)
    if to is None:
        raise NobodyChosen
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


def _chosen(request: OperatorRequest, form: HandOverForm) -> Operator | Queue | None:
    """Somebody of this company other than the operator themselves, or one of its queues."""
    company = request.operator.organization
    if form.queue:
        return Queue.objects.for_organization(company).filter(public_id=form.queue).first()
    if form.person:
        return _colleagues(request).filter(public_id=form.person).first()
    return None


def _ask(request: OperatorRequest, conversation: Conversation) -> HttpResponse:
    _must_be_mine(request, conversation)
    values = {"epoch": conversation.epoch, "to": "", "note": ""}
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
    values = {"epoch": conversation.epoch, "to": form.to, "note": form.note, "reason": _sentence(error)}
    return _dialog(request, conversation, values, status=error.status)


def _sentence(error: errors.HandoffError) -> str:
    """What is refused here is about the one who would get it."""
    if isinstance(error, errors.AgentUnavailable):
        return _("That person is not available right now. Choose somebody else.")
    if isinstance(error, errors.AtCapacity):
        return _("That person has no free place. Choose somebody else.")
    own = {
        NobodyChosen.code: _("Choose who gets the chat."),
        errors.NoteRequired.code: _("Write a note for whoever gets it."),
    }
    return own.get(error.code) or refusals.sentence(error)


def _dialog(
    request: OperatorRequest, conversation: Conversation, values: dict[str, Any], *, status: int
) -> HttpResponse:
    now = clock.now()
    context = {
        "id": str(conversation.public_id),
        "targets": [*_queues(request), *_people(request, now)],
        "values": values,
        "longest": notes.LONGEST,
    }
    if http.wants_fragment(request):
        return render(request, "operator/_transfer.html", context, status=status)
    page = pages.home_context(request, now, str(conversation.public_id))
    return render(request, "operator/transfer.html", page | context, status=status)


def _queues(request: OperatorRequest) -> list[Target]:
    waits = Count("conversations", filter=Q(conversations__mode=Mode.QUEUED, conversations__merged_into=None))
    queues: Any = Queue.objects.for_organization(request.operator.organization).annotate(waits=waits)
    return [
        Target(
            value=f"queue:{queue.public_id}",
            name=_name(queue),
            load=ngettext("%(count)d waiting", "%(count)d waiting", queue.waits) % {"count": queue.waits},
            initials=wording.initials(queue.name),
            hue=wording.hue(queue),
        )
        for queue in queues.order_by("order", "pk")
    ]


def _people(request: OperatorRequest, now: datetime) -> list[Target]:
    """Who is there and has a place comes first."""
    people = list(_colleagues(request))
    states = presence.states([person.pk for person in people], now)
    load = _load(people)
    offline = PresenceStatus.OFFLINE.value
    found = [_person(person, states.get(person.pk, offline), load[person.pk]) for person in people]
    return sorted(found, key=lambda target: (not target.free, target.name.casefold()))


def _person(person: Operator, state: str, busy: int) -> Target:
    full = busy >= person.capacity
    there = state == PresenceStatus.AVAILABLE
    load = ngettext("%(count)d of %(limit)d chat", "%(count)d of %(limit)d chats", person.capacity)
    shown = load % {"count": busy, "limit": person.capacity}
    if not there:
        shown = _NOT_THERE[state]()
    elif full:
        shown = _("full: %(load)s") % {"load": shown}
    return Target(
        value=f"operator:{person.public_id}",
        name=person.shown_name,
        load=shown,
        initials=wording.initials(person.shown_name),
        hue=wording.hue(person),
        presence=state,
        free=there and not full,
    )


def _colleagues(request: OperatorRequest) -> QuerySet[Operator]:
    company = Operator.objects.for_organization(request.operator.organization)
    return company.filter(is_active=True).exclude(pk=request.operator.pk)


def _load(people: list[Operator]) -> Counter[int]:
    """What each of them holds or was offered."""
    theirs = Q(mode=Mode.HUMAN, operator__in=people) | Q(mode=Mode.QUEUED, offered_to__in=people)
    rows = Conversation.objects.filter(theirs, merged_into=None).values_list("operator", "offered_to")
    return Counter(holder or offered for holder, offered in rows)


def _name(to: Operator | Queue) -> str:
    if isinstance(to, Queue):
        return _("Queue %(name)s") % {"name": to.name}
    return to.shown_name


def _first_name(conversation: Conversation) -> str:
    return wording.first_name(wording.contact_name(conversation))
