"""Whom a chat can be handed to: the lines of the dialog, and the one that was chosen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations import errors
from conversations.models import Conversation, Mode, Queue
from operators import presence
from operators.forms import HandOverForm
from operators.http import OperatorRequest
from operators.models import Operator, PresenceStatus
from operators.views import refusals, wording

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


def chosen(request: OperatorRequest, form: HandOverForm, *, but: int) -> Operator | Queue | None:
    """Somebody of this company other than ``but``, or one of its queues."""
    if form.queue:
        company = request.operator.organization
        return Queue.objects.for_organization(company).filter(public_id=form.queue).first()
    if form.person:
        return _colleagues(request, but).filter(public_id=form.person).first()
    return None


def queues(request: OperatorRequest) -> list[Target]:
    waits = Count("conversations", filter=Q(conversations__mode=Mode.QUEUED, conversations__merged_into=None))
    queues: Any = Queue.objects.for_organization(request.operator.organization).annotate(waits=waits)
    return [
        Target(
            value=f"queue:{queue.public_id}",
            name=called(queue),
            load=ngettext("%(count)d waiting", "%(count)d waiting", queue.waits) % {"count": queue.waits},
            initials=wording.initials(queue.name),
            hue=wording.hue(queue),
        )
        for queue in queues.order_by("order", "pk")
    ]


def people(request: OperatorRequest, now: datetime, *, but: int) -> list[Target]:
    """Who is there and has a place comes first."""
    found = list(_colleagues(request, but))
    states = presence.states([person.pk for person in found], now)
    load = _load(found)
    offline = PresenceStatus.OFFLINE.value
    lines = [_person(person, states.get(person.pk, offline), load[person.pk]) for person in found]
    return sorted(lines, key=lambda target: (not target.free, target.name.casefold()))


def called(to: Operator | Queue) -> str:
    if isinstance(to, Queue):
        return _("Queue %(name)s") % {"name": to.name}
    return to.shown_name


def sentence(error: errors.HandoffError) -> str:
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


def _colleagues(request: OperatorRequest, but: int) -> QuerySet[Operator]:
    company = Operator.objects.for_organization(request.operator.organization)
    return company.filter(is_active=True).exclude(pk=but)


def _load(people: list[Operator]) -> Counter[int]:
    """What each of them holds or was offered."""
    theirs = Q(mode=Mode.HUMAN, operator__in=people) | Q(mode=Mode.QUEUED, offered_to__in=people)
    rows = Conversation.objects.filter(theirs, merged_into=None).values_list("operator", "offered_to")
    return Counter(holder or offered for holder, offered in rows)
