"""What a supervisor sees of the team: queues, people, and what they have in hand. A fixed number of statements."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q

from conversations.models import Conversation, DueKind, Mode, Queue
from conversations.models.conversation import ConversationQuerySet
from operators import presence
from operators.models import Operator
from operators.views import team_alerts, team_parts, timers
from operators.views.team_alerts import Alert
from operators.views.team_parts import Asked, Chat, Group, Person, QueueLine, Waiting

MOST_QUEUES = 50
MOST_PEOPLE = 100
MOST_CHATS = 200
MOST_WAITING = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """``repr`` is what the fragment's validator is made of: what runs by itself in the browser stays out."""

    asked: Asked
    queues: list[QueueLine]
    people: list[Person]
    waiting: list[Waiting]
    alerts: list[Alert]
    waiting_count: int
    shown_waiting: int
    late: int
    oldest: timers.Timer | None
    there: int
    team: int
    more_people: bool

    @property
    def many_queues(self) -> bool:
        return len(self.queues) > 1

    @property
    def more_waiting(self) -> int:
        return self.shown_waiting - len(self.waiting)


def board(supervisor: Operator, asked: Asked, now: datetime) -> Board:
    visible = Conversation.objects.visible_to(supervisor)
    queues = list(
        Queue.objects.filter(organization=supervisor.organization_id).order_by("order", "pk")[:MOST_QUEUES]
    )
    groups = _groups(visible, queues, now)
    asked = asked.known(queues)
    people = _people(supervisor, asked, groups)
    shown = people[:MOST_PEOPLE]
    lines = team_parts.queue_lines(queues, groups, _serving(supervisor, now), asked, now)
    waiting = _waiting(visible, asked)
    return Board(
        asked=asked,
        queues=lines,
        people=_with_chats(supervisor, shown, _chats(visible, shown, asked), groups, now),
        waiting=[team_parts.waiting(conversation, now) for conversation in waiting],
        alerts=team_alerts.recent(supervisor, now),
        waiting_count=sum(line.waiting for line in lines),
        shown_waiting=sum(line.waiting for line in lines if line.chosen or not asked.queue),
        late=sum(line.late for line in lines),
        oldest=_oldest(lines),
        more_people=len(people) > MOST_PEOPLE,
        **_there(supervisor, now),
    )


def _groups(visible: ConversationQuerySet, queues: list[Queue], now: datetime) -> list[Group]:
    """How many of each queue wait, or are with (or offered to) whom."""
    found = visible.filter(mode__in=[Mode.QUEUED, Mode.HUMAN])
    counted = found.values_list("queue", "mode", "operator", "offered_to").annotate(
        count=Count("pk"), oldest=Min("waiting_since"), late=Count("pk", filter=_late(queues, now))
    )
    return [Group(*group) for group in counted.order_by()]


def _late(queues: list[Queue], now: datetime) -> Q:
    """Longer in the queue than it allows, or with a deadline that passed and nobody has kept yet."""
    late = Q(open_handoff__due_at__lte=now, open_handoff__due_kind__in=[DueKind.WAITING, DueKind.FIRST_REPLY])
    limits: dict[timedelta, list[int]] = {}
    for queue in queues:
        if queue.longest_wait is not None:
            limits.setdefault(queue.longest_wait, []).append(queue.pk)
    for limit, those in limits.items():
        late |= Q(mode=Mode.QUEUED, queue__in=those, waiting_since__lte=now - limit)
    return late


def _serving(supervisor: Operator, now: datetime) -> dict[int, tuple[int, int]]:
    """By queue: how many serve it, and how many of them are available."""
    people = Operator.objects.filter(organization=supervisor.organization_id, is_active=True)
    there = Q(pk__in=presence.available(now).values("pk"))
    counted = people.exclude(queues=None).values_list("queues")
    found = counted.annotate(team=Count("pk"), there=Count("pk", filter=there)).order_by()
    return {queue: (team, available) for queue, team, available in found}


def _there(supervisor: Operator, now: datetime) -> dict[str, int]:
    there = Q(pk__in=presence.available(now).values("pk"))
    people = Operator.objects.filter(organization=supervisor.organization_id, is_active=True)
    return people.aggregate(team=Count("pk"), there=Count("pk", filter=there))


def _people(supervisor: Operator, asked: Asked, groups: Iterable[Group]) -> list[Operator]:
    """Everybody active, and whoever has something in hand although they are not."""
    busy = {group.who for group in groups if group.who and (not asked.queue or group.queue == asked.queue.pk)}
    people = Operator.objects.filter(organization=supervisor.organization_id)
    if asked.queue:
        serving = Operator.queues.through._default_manager.filter(queue=asked.queue).values("operator_id")
        people = people.filter(Q(pk__in=serving, is_active=True) | Q(pk__in=busy))
    else:
        people = people.filter(Q(is_active=True) | Q(pk__in=busy))
    for word in asked.words:
        people = people.filter(
            Q(first_name__icontains=word) | Q(last_name__icontains=word) | Q(username__icontains=word)
        )
    named = people.select_related("presence").order_by("first_name", "last_name", "username", "pk")
    return list(named.prefetch_related("queues")[: MOST_PEOPLE + 1])


def _chats(visible: ConversationQuerySet, people: Collection[Operator], asked: Asked) -> list[Conversation]:
    """What they have or were offered, longest first."""
    theirs = Q(mode=Mode.HUMAN, operator__in=people) | Q(mode=Mode.QUEUED, offered_to__in=people)
    found = _in(visible.filter(theirs), asked).select_related("contact", "queue", "open_handoff")
    ordered = found.annotate(unanswered_since=timers.unanswered()).order_by(
        "open_handoff__requested_at", "pk"
    )
    return list(ordered[:MOST_CHATS])


def _waiting(visible: ConversationQuerySet, asked: Asked) -> list[Conversation]:
    waiting = _in(visible.queued(), asked).select_related("contact", "queue", "offered_to", "open_handoff")
    return list(waiting.order_by("waiting_since", "pk")[:MOST_WAITING])


def _in(conversations: ConversationQuerySet, asked: Asked) -> ConversationQuerySet:
    return conversations.filter(queue=asked.queue) if asked.queue else conversations


def _with_chats(
    supervisor: Operator,
    people: Iterable[Operator],
    chats: Iterable[Conversation],
    groups: Iterable[Group],
    now: datetime,
) -> list[Person]:
    theirs: dict[int, list[Chat]] = {}
    for conversation in chats:
        who: Any = conversation.operator_id or conversation.offered_to_id
        theirs.setdefault(who, []).append(team_parts.chat(conversation, supervisor, now))
    held: dict[int, int] = {}
    offers: dict[int, int] = {}
    for group in groups:
        counts = held if group.mode == Mode.HUMAN else offers
        if group.who:
            counts[group.who] = counts.get(group.who, 0) + group.count
    return [
        team_parts.person(
            operator,
            theirs.get(operator.pk, []),
            held=held.get(operator.pk, 0),
            offers=offers.get(operator.pk, 0),
            now=now,
        )
        for operator in people
    ]


def _oldest(lines: Iterable[QueueLine]) -> timers.Timer | None:
    return min((line.oldest for line in lines if line.oldest), key=lambda timer: timer.since, default=None)
