"""The parts of the team's page: a queue, a person, a chat in somebody's hands, a clock that runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.utils.translation import gettext as _

from conversations.models import Conversation, Mode, Queue
from operators import presence
from operators.models import Operator, PresenceStatus
from operators.views import rows, timers, wording
from operators.views.timers import Timer

"""Of the time there is: from then on a clock is amber; once it is over, red."""


@dataclass(frozen=True, slots=True)
class Group:
    queue: int | None
    mode: str
    operator: int | None
    offered_to: int | None
    count: int
    oldest: datetime | None
    late: int

    @property
    def who(self) -> int | None:
        return self.operator or self.offered_to


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page was narrowed to: one queue, and people by name."""

    queue_id: UUID | None
    name: str
    queue: Queue | None = None

    def known(self, queues: Iterable[Queue]) -> Asked:
        """With the queue itself; one that is not ours narrows nothing."""
        found = next((queue for queue in queues if queue.public_id == self.queue_id), None)
        return replace(self, queue=found, queue_id=found.public_id if found else None)

    @property
    def words(self) -> list[str]:
        return self.name.split()

    @property
    def query(self) -> str:
        """As it stands behind an address: the next page is narrowed to the same."""
        told = {"queue": str(self.queue_id or ""), "q": self.name}
        given = {name: value for name, value in told.items() if value}
        return f"?{urlencode(given)}" if given else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    id: str
    name: str
    waiting: int
    held: int
    late: int
    team: int
    there: int
    oldest: Timer | None
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    id: str
    name: str
    initials: str
    hue: str
    queue: str
    offered: bool
    mine: bool
    epoch: int
    since: str
    waits: Timer | None
    lasts: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    id: str
    name: str
    first_name: str
    initials: str
    hue: str
    state: str
    state_label: str
    active: bool
    queues: str
    held: int
    places: int
    offers: int
    unanswered: Timer | None
    chats: list[Chat]

    @property
    def more(self) -> int:
        return self.held + self.offers - len(self.chats)

    @property
    def full(self) -> bool:
        return self.held + self.offers >= self.places


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    id: str
    name: str
    initials: str
    hue: str
    queue: str
    reason: str
    offered_to: str
    waits: Timer


def queue_lines(
    queues: Iterable[Queue],
    groups: Collection[Group],
    serving: Mapping[int, tuple[int, int]],
    asked: Asked,
    now: datetime,
) -> list[QueueLine]:
    """A line for each queue, and one for what is in none, if anything is."""
    lines = [_queue_line(queue, groups, serving, asked, now) for queue in queues]
    return lines + [_queue_line(None, groups, serving, asked, now)] * any(
        group.queue is None for group in groups
    )


def _queue_line(
    queue: Queue | None,
    groups: Iterable[Group],
    serving: Mapping[int, tuple[int, int]],
    asked: Asked,
    now: datetime,
) -> QueueLine:
    mine = [group for group in groups if group.queue == (queue.pk if queue else None)]
    waiting = [group for group in mine if group.mode == Mode.QUEUED]
    since = min((group.oldest for group in waiting if group.oldest), default=None)
    team, there = serving.get(queue.pk, (0, 0)) if queue else (0, 0)
    return QueueLine(
        id=str(queue.public_id) if queue else "",
        name=queue.name if queue else _("In no queue"),
        waiting=sum(group.count for group in waiting),
        held=sum(group.count for group in mine if group.mode == Mode.HUMAN),
        late=sum(group.late for group in mine),
        team=team,
        there=there,
        oldest=timers.timer(since, queue.longest_wait if queue else None, now) if since else None,
        chosen=queue is not None and queue == asked.queue,
    )


def chat(conversation: Any, supervisor: Operator, now: datetime) -> Chat:
    handoff = conversation.handoff
    since = (handoff and handoff.handoff_at) or conversation.waiting_since or now
    return Chat(
        **_who(conversation),
        queue=conversation.queue.name if conversation.queue else "",
        offered=conversation.mode == Mode.QUEUED,
        mine=conversation.operator_id == supervisor.pk,
        epoch=conversation.epoch,
        since=since.isoformat(),
        lasts=wording.left(now - since),
        waits=_waits(conversation, now),
    )


def _waits(conversation: Any, now: datetime) -> Timer | None:
    """The customer who has the last word, since their first that nobody answered; waiting, since they asked."""
    if conversation.mode == Mode.QUEUED:
        return timers.waiting(conversation, now)
    return timers.answer(conversation, conversation.handoff, now)


def person(operator: Operator, chats: list[Chat], *, held: int, offers: int, now: datetime) -> Person:
    row = getattr(operator, "presence", None)
    state = presence.shown(row, now) if row else PresenceStatus.OFFLINE.value
    unanswered = [chat.waits for chat in chats if chat.waits and not chat.offered]
    return Person(
        id=str(operator.public_id),
        name=operator.shown_name,
        first_name=wording.first_name(operator.shown_name),
        initials=wording.initials(operator.shown_name),
        hue=wording.hue(operator),
        state=state,
        state_label=state_label(state),
        active=operator.is_active,
        queues=", ".join(sorted(queue.name for queue in operator.queues.all())),
        held=held,
        places=operator.capacity,
        offers=offers,
        unanswered=min(unanswered, key=lambda waits: waits.since, default=None),
        chats=chats,
    )


def state_label(state: str) -> str:
    if state == presence.AWAY:
        return _("Away")
    return str(PresenceStatus(state).label)


def waiting(conversation: Conversation, now: datetime) -> Waiting:
    handoff, queue = conversation.handoff, conversation.queue
    offered_to = conversation.offered_to
    return Waiting(
        **_who(conversation),
        queue=queue.name if queue else "",
        reason=rows.reason_label(handoff.reason) if handoff else "",
        offered_to=wording.first_name(offered_to.shown_name) if offered_to else "",
        waits=timers.waiting(conversation, now),
    )


def _who(conversation: Conversation) -> dict[str, str]:
    name = wording.contact_name(conversation)
    return {
        "id": str(conversation.public_id),
        "name": name,
        "initials": wording.initials(name),
        "hue": wording.hue(conversation.contact),
    }
