"""Who is offered what waits: their customer from last time, else whoever has least to do, else has waited longest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from conversations import errors, leases, work
from conversations.contract import Cause
from conversations.models import Conversation, Handoff, Mode, Queue
from operators import desk, presence
from operators.models import Operator

CAUSE = Cause(kind="system", door="worker")
LOOK_AGAIN = timedelta(seconds=2)
"""While somebody waits and nobody is free: people come back, finish, sit down."""
MOST = 50
LAST_SERVED, LEAST_LOADED, LONGEST_IDLE = "last_served", "least_loaded", "longest_idle"


@dataclass(slots=True)
class Place:
    """One operator of the queue's team who is there."""

    operator: Operator
    busy: int
    """Conversations that they hold or were offered."""

    @property
    def free(self) -> bool:
        return self.busy < self.operator.capacity

    @property
    def idle_since(self) -> float:
        return self.operator.claimed_at.timestamp() if self.operator.claimed_at else 0.0


def automatic(_now: datetime) -> QuerySet[Queue]:
    return Queue.objects.filter(auto_offer=True)


@work.handles(Queue, name="routing", candidates=automatic)
def run(queue: Queue, now: datetime) -> None:
    """Offer what waits in a queue, in turn, as far as there are people."""
    line = waiting(queue)
    places = team(queue, now) if line else []
    left = [conversation for conversation in line if not _offer(conversation, queue, places, now)]
    if left:
        leases.reschedule(queue, now + LOOK_AGAIN)
    else:
        leases.finish(queue)


def waiting(queue: Queue) -> list[Conversation]:
    """Those that nobody was offered, whoever is really there before the demo's customers."""
    served = Handoff.objects.filter(conversation=OuterRef("pk"), open_for=None).exclude(operator=None)
    last = Subquery(served.order_by("-number").values("operator")[:1])
    line = Conversation.objects.queued().filter(queue=queue, offered_to=None).with_parties()
    line = line.select_related("open_handoff").annotate(last_operator=last)
    return list(line.order_by("sender__demo", "-priority", "waiting_since", "pk")[:MOST])


def team(queue: Queue, now: datetime) -> list[Place]:
    """The queue's people who are available, with what they have to do."""
    people = list(presence.available(now).filter(queues=queue, organization=queue.organization_id))
    mine = Q(mode=Mode.HUMAN, operator__in=people) | Q(mode=Mode.QUEUED, offered_to__in=people)
    rows = Conversation.objects.filter(mine).values_list("operator", "offered_to").annotate(n=Count("pk"))
    busy: dict[int, int] = {}
    for holder, offered_to, count in rows:
        who = holder or offered_to
        busy[who] = busy.get(who, 0) + count
    return [Place(person, busy.get(person.pk, 0)) for person in people]


def pick(
    places: Collection[Place], *, last_operator: int | None, passed_over: Collection[str]
) -> tuple[Place, str] | None:
    """Who is next, and why; None when nobody is free who has not passed already."""
    free = [place for place in places if place.free and str(place.operator.public_id) not in passed_over]
    if not free:
        return None
    for place in free:
        if place.operator.pk == last_operator:
            return place, LAST_SERVED
    least = min(place.busy for place in free)
    lightest = [place for place in free if place.busy == least]
    chosen = min(lightest, key=lambda place: (place.idle_since, place.operator.pk))
    return chosen, LEAST_LOADED if len(lightest) == 1 < len(free) else LONGEST_IDLE


def _offer(conversation: Conversation, queue: Queue, places: list[Place], now: datetime) -> bool:
    """Whether nobody has to look at it again: it was offered, or waits no more."""
    passed_over = conversation.handoff.passed_over if conversation.handoff else []
    last_operator = getattr(conversation, "last_operator", None)
    while found := pick(places, last_operator=last_operator, passed_over=passed_over):
        place, why = found
        place.busy += 1
        try:
            desk.offer(
                conversation,
                operator=place.operator,
                by=CAUSE,
                why=why,
                answer_in=timedelta(seconds=queue.offer_seconds),
                now=now,
            )
        except errors.NotWaiting:
            return True
        except (errors.AtCapacity, errors.AgentUnavailable):
            place.busy = place.operator.capacity
            continue
        return True
    return False
