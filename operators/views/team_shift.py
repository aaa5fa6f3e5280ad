"""To a colleague or a queue: one chat of somebody, or all of them at the end of their shift."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from conversations import clock, errors, notes
from conversations.models import Conversation, Queue
from operators import desk, presence
from operators.forms import HandOverForm
from operators.http import OperatorRequest, supervisor_required
from operators.models import Operator, PresenceStatus
from operators.views import pages, targets, team, wording


@supervisor_required
@require_http_methods(["GET", "HEAD", "POST"])
def give(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    conversation = pages.find(request, public_id)
    if request.method != "POST":
        if conversation.operator is None:
            return team.refused(request, errors.NotHuman())
        return _ask_give(request, conversation, HandOverForm.read(request.GET), conversation.epoch)
    form = HandOverForm.read(request.POST)
    to = targets.chosen(request, form, but=conversation.operator_id or 0)
    if to is None:
        return _ask_give(request, conversation, form, form.epoch, targets.sentence(targets.NobodyChosen()))
    try:
        desk.transfer(
            conversation,
            by=desk.cause(request.operator, "panel"),
            author=request.operator,
            operator=None,
            to=to,
            note=form.note,
            now=clock.now(),
            epoch=conversation.epoch if form.epoch is None else form.epoch,
        )
    except (errors.NotHuman, errors.NotYours, errors.StaleEpoch) as error:
        return team.refused(request, error)
    except errors.HandoffError as error:
        return _ask_give(request, conversation, form, form.epoch, _why_not(error, to))
    name = wording.first_name(wording.contact_name(conversation))
    return team.done(request, _given(to) % {"name": name, "to": _called(to)})


@supervisor_required
@require_http_methods(["GET", "HEAD", "POST"])
def shift(request: OperatorRequest, operator_id: UUID) -> HttpResponse:
    person = _person(request, operator_id)
    if request.method != "POST":
        return _ask_shift(request, person, HandOverForm(to="", note="", epoch=None, leaves=True))
    form = HandOverForm.read(request.POST)
    to = targets.chosen(request, form, but=person.pk)
    if form.to and not isinstance(to, Operator):
        return _ask_shift(request, person, form, targets.sentence(targets.NobodyChosen()))
    colleague = to if isinstance(to, Operator) else None
    try:
        went, stayed = desk.hand_over_all(
            person,
            author=request.operator,
            to=colleague,
            note=form.note,
            now=clock.now(),
            leaves=form.leaves,
        )
    except errors.HandoffError as error:
        return _ask_shift(request, person, form, _why_not(error, colleague))
    return team.done(request, _result(person, colleague, went, stayed))


def _ask_give(
    request: OperatorRequest,
    conversation: Conversation,
    form: HandOverForm,
    epoch: int | None,
    reason: str = "",
) -> HttpResponse:
    name = wording.contact_name(conversation)
    holder = conversation.operator
    context = {
        "id": str(conversation.public_id),
        "name": name,
        "holder": wording.first_name(holder.shown_name) if holder else "",
        "epoch": epoch,
        "targets": [
            *targets.queues(request),
            *targets.people(request, clock.now(), but=conversation.operator_id or 0),
        ],
    }
    return _ask(request, "operator/_team_give.html", context, form, reason)


def _ask_shift(
    request: OperatorRequest, person: Operator, form: HandOverForm, reason: str = ""
) -> HttpResponse:
    context = {
        "id": str(person.public_id),
        "first_name": wording.first_name(person.shown_name),
        "count": Conversation.objects.held_by(person).count(),
        "there": presence.state(person, clock.now()) != PresenceStatus.OFFLINE,
        "targets": targets.people(request, clock.now(), but=person.pk),
    }
    return _ask(request, "operator/_team_shift.html", context, form, reason)


def _ask(
    request: OperatorRequest, template: str, context: dict[str, Any], form: HandOverForm, reason: str
) -> HttpResponse:
    context |= {"form": form, "reason": reason, "longest": notes.LONGEST}
    return team.dialog(request, template, context, status=422 if reason else 200)


def _person(request: OperatorRequest, operator_id: UUID) -> Operator:
    """Somebody of the team, active or not; anybody else does not exist."""
    ours = Operator.objects.filter(organization=request.operator.organization_id)
    person = ours.select_related("organization").filter(public_id=operator_id).first()
    if person is None:
        raise Http404
    return person


def _why_not(error: errors.HandoffError, to: Operator | Queue | None) -> str:
    if isinstance(to, Operator) and isinstance(error, errors.AtCapacity):
        return _("%(name)s has no free place.") % {"name": _called(to)}
    if isinstance(to, Operator) and isinstance(error, errors.AgentUnavailable):
        return _("%(name)s is not available now.") % {"name": _called(to)}
    return targets.sentence(error)


def _called(to: Operator | Queue) -> str:
    return to.name if isinstance(to, Queue) else wording.first_name(to.shown_name)


def _given(to: Operator | Queue) -> str:
    if isinstance(to, Queue):
        return _("%(name)s waits in the queue %(to)s now.")
    return _("%(name)s was offered to %(to)s.")


def _result(person: Operator, to: Operator | None, went: int, stayed: int) -> str:
    """How many went, how many stayed, and why."""
    name = wording.first_name(person.shown_name)
    said = [_went(name, to, went)] if went or not stayed else []
    if stayed:
        text = ngettext("%(n)d chat stayed with %(name)s.", "%(n)d chats stayed with %(name)s.", stayed)
        said += [text % {"n": stayed, "name": name}, _stayed(to)]
    return " ".join(said)


def _went(name: str, to: Operator | None, went: int) -> str:
    if not went:
        return _("%(name)s has no chats to hand on.") % {"name": name}
    if to is None:
        text = ngettext(
            "%(n)d chat of %(name)s went back to the queue.",
            "%(n)d chats of %(name)s went back to the queue.",
            went,
        )
        return text % {"n": went, "name": name}
    text = ngettext(
        "%(n)d chat of %(name)s was offered to %(to)s.",
        "%(n)d chats of %(name)s were offered to %(to)s.",
        went,
    )
    return text % {"n": went, "name": name, "to": _called(to)}


def _stayed(to: Operator | None) -> str:
    """Only a place or their presence can have been missing; without a colleague, a queue."""
    if to is None:
        return _("There is no queue to put them in.")
    if presence.state(to, clock.now()) != PresenceStatus.AVAILABLE:
        return _("%(name)s is not available now.") % {"name": _called(to)}
    return _("%(name)s has no free place.") % {"name": _called(to)}
