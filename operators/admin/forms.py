"""What the pages ask that come before an action on conversations, and the one call that each of them makes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.db.models import Count
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from conversations import clock, notes
from conversations.contract import Cause, Release
from conversations.models import Conversation, Queue, Resume
from operators import desk, presence
from operators.models import Operator, PresenceStatus, Reason

SUMMARY = 2000


class Act(forms.Form):
    name: ClassVar[str]
    title: ClassVar[Any]
    button: ClassVar[Any]
    warning: ClassVar[Any] = ""

    def __init__(self, *args: Any, supervisor: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.supervisor: Operator = supervisor
        self.offer()

    def offer(self) -> None:
        """Fill in the choices."""

    def act(self, conversation: Conversation, *, epoch: int, seq: int, by: Cause, now: datetime) -> None:
        raise NotImplementedError

    def told(self, count: int) -> str:
        raise NotImplementedError

    def team(self) -> dict[str, Operator]:
        return {f"operator:{one.pk}": one for one in _team(self.supervisor)}

    def queues(self) -> dict[str, Queue]:
        mine = Queue.objects.for_organization(self.supervisor.organization)
        return {f"queue:{one.pk}": one for one in mine.order_by("order", "name")}


class Assign(Act):
    name = "assign"
    title = gettext_lazy("Assign to an operator")
    button = gettext_lazy("Assign")
    warning = gettext_lazy("Whoever has them now loses them at once, the bot as well. What was said stays.")
    operator = forms.ChoiceField(label=gettext_lazy("Operator"))

    def offer(self) -> None:
        self.people = self.team()
        _choices(self, "operator", [("", _("Choose somebody")), *_described(self.people)])

    def act(self, conversation: Conversation, *, epoch: int, seq: int, by: Cause, now: datetime) -> None:
        operator = self.people[self.cleaned_data["operator"]]
        desk.claim(conversation, operator=operator, door="admin", by=by, now=now, epoch=epoch, force=True)

    def told(self, count: int) -> str:
        words = ngettext(
            "%(count)d conversation assigned to %(name)s.",
            "%(count)d conversations assigned to %(name)s.",
            count,
        )
        return words % {"count": count, "name": self.people[self.cleaned_data["operator"]].shown_name}


class TakeAway(Act):
    name = "take_away"
    title = gettext_lazy("Take away and put back in the queue")
    button = gettext_lazy("Put back in the queue")
    warning = gettext_lazy(
        "Whoever serves them loses them at once. They wait at the front of their queue, and the customer is told so."
    )

    def act(self, conversation: Conversation, *, epoch: int, seq: int, by: Cause, now: datetime) -> None:
        desk.take_away(conversation, by=by, now=now, epoch=epoch)

    def told(self, count: int) -> str:
        return ngettext(
            "%(count)d conversation is back in the queue.",
            "%(count)d conversations are back in the queue.",
            count,
        ) % {"count": count}


class Transfer(Act):
    name = "transfer"
    title = gettext_lazy("Transfer")
    button = gettext_lazy("Transfer")
    warning = gettext_lazy("Whoever serves them loses them at once. They wait as long as before.")
    to = forms.ChoiceField(label=gettext_lazy("To whom"))
    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=notes.LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("For the team. The customer never sees it."),
    )

    def offer(self) -> None:
        self.targets: dict[str, Any] = {**self.queues(), **self.team()}
        queues = [(key, one.name) for key, one in self.queues().items()]
        groups = [(_("Queues"), queues), (_("People"), _described(self.team()))]
        _choices(self, "to", [("", _("Choose a queue or somebody")), *groups])

    def act(self, conversation: Conversation, *, epoch: int, seq: int, by: Cause, now: datetime) -> None:
        given = self.cleaned_data
        desk.transfer(
            conversation,
            by=by,
            author=self.supervisor,
            operator=None,
            to=self.targets[given["to"]],
            note=given["note"],
            now=now,
            epoch=epoch,
        )

    def told(self, count: int) -> str:
        to = self.targets[self.cleaned_data["to"]]
        words = ngettext(
            "%(count)d conversation transferred to %(name)s.",
            "%(count)d conversations transferred to %(name)s.",
            count,
        )
        return words % {"count": count, "name": getattr(to, "shown_name", None) or to.name}


class Finish(Act):
    name = "finish"
    title = gettext_lazy("Finish the service")
    button = gettext_lazy("Finish")
    warning = gettext_lazy(
        "Whoever serves them loses them at once, and the conversation goes back to the bot."
    )
    outcome = forms.ChoiceField(label=gettext_lazy("How it ended"))
    summary = forms.CharField(
        label=gettext_lazy("Summary for the bot"),
        required=False,
        max_length=SUMMARY,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    resume = forms.ChoiceField(label=gettext_lazy("Afterwards"), choices=Resume.choices, initial=Resume.WAIT)

    def offer(self) -> None:
        reasons = Reason.objects.filter(organization=self.supervisor.organization, active=True)
        worded = [(one.code, one.label(get_language() or "")) for one in reasons.order_by("order", "code")]
        _choices(self, "outcome", [("", _("Choose a reason")), *worded])

    def act(self, conversation: Conversation, *, epoch: int, seq: int, by: Cause, now: datetime) -> None:
        given = self.cleaned_data
        release = Release(outcome=given["outcome"], summary=given["summary"], resume=given["resume"])
        desk.release(conversation, operator=None, by=by, epoch=epoch, seen=seq, release=release, now=now)

    def told(self, count: int) -> str:
        return ngettext("%(count)d service finished.", "%(count)d services finished.", count) % {
            "count": count
        }


def _choices(form: forms.Form, name: str, choices: list[Any]) -> None:
    field: Any = form.fields[name]
    field.choices = choices


def _team(supervisor: Operator) -> Any:
    team = Operator.objects.filter(organization=supervisor.organization_id, is_active=True)
    return team.annotate(held=Count("conversations")).order_by("first_name", "username")


def _described(people: dict[str, Operator]) -> list[tuple[str, str]]:
    """With what decides: how many they hold, and whether they are there."""
    states = presence.states([one.pk for one in people.values()], clock.now())
    return [
        (
            key,
            _("%(name)s (%(held)d of %(places)d, %(state)s)")
            % {
                "name": one.shown_name,
                "held": one.held,  # type: ignore[attr-defined]
                "places": one.capacity,
                "state": state_words(states.get(one.pk, PresenceStatus.OFFLINE)),
            },
        )
        for key, one in people.items()
    ]


def state_words(state: str) -> str:
    return _("Away") if state == presence.AWAY else str(PresenceStatus(state).label)
