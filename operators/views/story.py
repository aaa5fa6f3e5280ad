"""What happened in a conversation besides what was said: its lines, and the team's notes, between the bubbles."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Case, Exists, OuterRef, Q, When, prefetch_related_objects
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from conversations.models import Conversation, Event, Handoff, Mention, Note, NoteKind, Queue, Reasons
from operators.models import Operator
from operators.views import bubbles, markup, rows, wording
from operators.views.bubbles import Bubble, Line

SHOWN_EVENTS = (
    "handoff.requested",
    "handoff.claimed",
    "handoff.cancelled",
    "handoff.released",
    "handoff.transferred",
    "handoff.offered",
    "handoff.declined",
    "handoff.offer_expired",
    "handoff.requeued",
    "handoff.overdue",
    "handoff.nudged",
    "handoff.joined",
    "handoff.inherited",
    "handoff.parted",
    "handoff.merged",
    "handoff.separated",
)
MOST = 200
_ICONS = {
    "requested": "hand",
    "cancelled": "bot",
    "released": "bot",
    "transferred": "swap",
    "requeued": "swap",
    "overdue": "clock",
    "nudged": "clock",
    "joined": "users",
    "inherited": "users",
    "parted": "users",
    "merged": "users",
    "separated": "users",
}
_PEOPLE = ("joined", "inherited", "parted", "merged", "separated")


def lines(
    conversation: Conversation,
    operator: Operator,
    handoffs: Iterable[Handoff],
    labels: dict[str, str],
    now: datetime,
    *,
    notes: Iterable[Note],
    after: int,
    before: int | None = None,
) -> list[Line | Bubble]:
    """Between two numbers of the thread, as this operator may read it; ``labels`` are the outcomes'."""
    place = Q(seq__gt=after) if before is None else Q(seq__gt=after, seq__lt=before)
    shown = Event.objects.filter(place, conversation=conversation, kind__in=SHOWN_EVENTS)
    events = list(shown.order_by("-seq")[:MOST])
    holders = {handoff.number: handoff.operator for handoff in handoffs if handoff.operator}
    told = _Telling(operator, labels, holders, *_parties(conversation, events, [operator, *holders.values()]))
    here = [note for note in notes if note.conversation_id == conversation.pk and note.seq > after]
    return [
        *(told.line(event) for event in events),
        *(_note(note, operator, now, lasts=conversation.merged_into_id is None) for note in here),
    ]


def notes(
    conversation: Conversation,
    operator: Operator,
    *,
    after: int,
    before: int | None = None,
    pinned_in: Collection[Conversation] = (),
) -> list[Note]:
    """The newest between two numbers of the thread, as this operator may read them; and whatever is pinned in any of
    ``pinned_in``, in the same statement."""
    place = Q(seq__gt=after) if before is None else Q(seq__gt=after, seq__lt=before)
    found = Note.objects.filter(Q(place, conversation=conversation) | Q(pinned_at__isnull=False))
    found = found.filter(conversation__in={conversation.pk, *(one.pk for one in pinned_in)})
    if not pinned_in:
        found = found.filter(place)
    if not operator.is_staff:
        found = found.readable_by(operator)
    pinned_first = Case(When(pinned_at=None, then=1), default=0)
    named = found.annotate(names=Exists(Mention.objects.filter(note=OuterRef("pk"))))
    shown = named.select_related("author", "for_operator", "pinned_by").order_by(pinned_first, "-seq")
    newest = list(shown[:MOST])
    if naming := [note for note in newest if getattr(note, "names", False)]:
        prefetch_related_objects(naming, "mentions")
    return newest


def between(conversation: int, before: int, after: int) -> list[Line]:
    """That something stands between two bubbles, not what."""
    events = Event.objects.filter(
        conversation=conversation, kind__in=SHOWN_EVENTS, seq__range=(before, after)
    )
    written = Note.objects.filter(conversation=conversation, seq__range=(before, after))
    written = written.exclude(kind=NoteKind.WHISPER)
    numbers = events.values_list("seq", flat=True).union(written.values_list("seq", flat=True))
    return [Line("event", "", seq=number) for number in numbers]


def text_of(note: Note, operator: Operator) -> SafeString:
    """With the names of those who are mentioned in it put forward."""
    if not getattr(note, "names", False):
        return markup.html(note.body)
    said = {
        mention.said: mention.operator_id == operator.pk for mention in note.mentions.all() if mention.said
    }
    return markup.html(note.body, named=said)


def _note(note: Note, operator: Operator, now: datetime, *, lasts: bool) -> Bubble:
    """``lasts``: it can be pinned where it stands."""
    pin = "unpin" if note.pinned_at else "pin"
    return Bubble(
        id=str(note.public_id),
        seq=note.seq,
        side="note",
        text=text_of(note, operator),
        time=wording.clock(note.created_at),
        stamp=note.created_at.isoformat(),
        by=" · ".join([_kind(note, operator), note.author.shown_name if note.author else _("Integration")]),
        by_icon="lock",
        gap=True,
        author=f"note {note.pk}",
        day=wording.day(note.created_at, now),
        at=note.created_at,
        pin=pin if lasts and note.kind != NoteKind.WHISPER else "",
    )


def _kind(note: Note, operator: Operator) -> str:
    if note.kind != NoteKind.WHISPER or note.for_operator is None:
        return _("Internal note")
    if note.for_operator_id == operator.pk:
        return _("Whisper · only you and supervisors see it")
    name = wording.first_name(note.for_operator.shown_name)
    return _("Whisper · only %(name)s and supervisors see it") % {"name": name}


def _parties(
    conversation: Conversation, events: Iterable[Event], known: Iterable[Operator]
) -> tuple[dict[str, Operator], dict[str, Queue]]:
    """Whoever the events name, by public id; those who are not known yet are asked for."""
    people, queues = set(), set()
    for event in events:
        people |= {event.data.get("operator"), event.data.get("offered_to")}
        people |= {event.actor_id} if event.actor_kind == "operator" else set()
        queues.add(event.data.get("queue"))
    here = {str(one.public_id): one for one in known}
    missing = _ids(people - here.keys())
    others = Operator.objects.filter(public_id__in=missing) if missing else ()
    own = {str(conversation.queue.public_id): conversation.queue} if conversation.queue else {}
    named = _ids(queues - own.keys())
    lines = Queue.objects.filter(public_id__in=named) if named else ()
    return here | {str(one.public_id): one for one in others}, own | {
        str(one.public_id): one for one in lines
    }


def _ids(texts: Collection[str | None]) -> list[UUID]:
    return [UUID(text) for text in texts if text and len(text) == 36]


@dataclass(frozen=True, slots=True)
class _Telling:
    operator: Operator
    labels: dict[str, str]
    holders: dict[int, Operator]
    """By the number of an episode: who had it last."""
    people: dict[str, Operator]
    queues: dict[str, Queue]

    def line(self, event: Event) -> Line:
        kind = event.kind.removeprefix("handoff.")
        return bubbles.event_line(event, text=self._text(kind, event), icon=_ICONS.get(kind, ""))

    def _text(self, kind: str, event: Event) -> str:
        if kind == "requested":
            return rows.reason_label(event.data.get("reason", ""))
        if kind in {"transferred", "offered"}:
            return self._towards(kind, event)
        if kind in _PEOPLE:
            return self._people(kind, event)
        code = str(event.data.get("outcome", ""))
        outcome = self.labels.get(code, code)
        if kind == "cancelled" or (kind == "released" and event.actor_kind == "system"):
            return outcome
        if kind in {"overdue", "nudged"}:
            return _by_time()[kind]
        if kind == "requeued":
            return self._requeued(event)
        who = event.data.get("operator") or self._actor(event)
        if kind == "claimed" and event.data.get("reason") == Reasons.OUTBOUND:
            kind = "started"
        said = _by_me()[kind] if self._me(who) else _by_others()[kind]
        return said % {"name": self._name(who), "outcome": outcome}

    def _actor(self, event: Event) -> str:
        """The operator who did it; what an integration does, it does for whoever has the chat."""
        holder = self.holders.get(event.data.get("handoff", 0))
        if event.actor_kind == "operator" or holder is None:
            return event.actor_id
        self.people[str(holder.public_id)] = holder
        return str(holder.public_id)

    def _towards(self, kind: str, event: Event) -> str:
        to = event.data.get("offered_to")
        if kind == "offered":
            return (
                _("Offered to you") if self._me(to) else _("Offered to %(name)s") % {"name": self._name(to)}
            )
        target = _("you") if self._me(to) else self._name(to) if to else self._queue(event)
        if self._me(event.actor_id):
            return _("You transferred this chat to: %(target)s") % {"target": target}
        said = _("%(name)s transferred this chat to: %(target)s")
        return said % {"name": self._name(event.actor_id), "target": target}

    def _people(self, kind: str, event: Event) -> str:
        if self._me(event.actor_id):
            return _by_me()[kind]
        return _by_others()[kind] % {"name": self._name(event.actor_id)}

    def _requeued(self, event: Event) -> str:
        if event.data.get("why") == "supervisor":
            if self._me(event.actor_id):
                return _("You put this chat back in the queue")
            return _("%(name)s put this chat back in the queue") % {"name": self._name(event.actor_id)}
        said: dict[str, str] = {
            "unanswered": _("Back in the queue: nobody replied in time"),
            "operator_gone": _("Back in the queue: the agent is no longer there"),
        }
        return said.get(event.data.get("why", ""), _("Back in the queue"))

    def _me(self, public_id: str | None) -> bool:
        return public_id == str(self.operator.public_id)

    def _name(self, public_id: str | None) -> str:
        known = self.people.get(public_id or "")
        return known.shown_name if known else _("The team")

    def _queue(self, event: Event) -> str:
        known = self.queues.get(event.data.get("queue", ""))
        return _("Queue %(name)s") % {"name": known.name} if known else _("the queue")


def _by_me() -> dict[str, str]:
    return {
        "claimed": _("You took this chat"),
        "started": _("You started this chat"),
        "released": _("You finished this chat: %(outcome)s"),
        "declined": _("You declined this chat"),
        "offer_expired": _("You did not answer the offer in time"),
        "joined": _("You merged another chat of this person into this one"),
        "inherited": _("You merged another chat of this person into this one"),
        "parted": _("You separated another chat from this one"),
        "merged": _("You merged this chat into another one"),
        "separated": _("You separated this chat from another one"),
    }


def _by_others() -> dict[str, str]:
    return {
        "claimed": _("%(name)s took this chat"),
        "started": _("%(name)s started this chat"),
        "released": _("%(name)s finished this chat: %(outcome)s"),
        "declined": _("%(name)s declined this chat"),
        "offer_expired": _("%(name)s did not answer the offer in time"),
        "joined": _("%(name)s merged another chat of this person into this one"),
        "inherited": _("%(name)s merged another chat of this person into this one"),
        "parted": _("%(name)s separated another chat from this one"),
        "merged": _("%(name)s merged this chat into another one"),
        "separated": _("%(name)s separated this chat from another one"),
    }


def _by_time() -> dict[str, str]:
    return {
        "overdue": _("Nobody came in time: the priority was raised"),
        "nudged": _("The customer was asked whether they are still there"),
    }
