"""What has to hold at every step. It follows the story by itself and asks no deadline of the row that it checks."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from conversations import deadlines, notices
from conversations.handoffs import moving
from conversations.models import BotTurn, Conversation, Delivery, DeliveryState, DueKind, Event, Handoff, Mode
from operators import absence, routing
from tests import story
from tests.races.sound import sound
from tests.week.shape import MONDAY

if TYPE_CHECKING:
    from tests.week.world import World


class Fault(AssertionError):
    """Something that must not be so."""


@dataclass(slots=True)
class Told:
    """What the events of one conversation came to."""

    waits_since: datetime | None = None
    offered_at: datetime | None = None
    answer_in: timedelta = timedelta()
    claimed_at: datetime | None = None
    replied_at: datetime | None = None
    """Since they were claimed: the last word of a person, or the last question whether somebody is there."""
    unanswered_since: datetime | None = None

    def offer(self, at: datetime | None, answer_in: timedelta = timedelta()) -> None:
        self.offered_at, self.answer_in = at, answer_in


class Watch:
    def __init__(self, world: World) -> None:
        self.world = world
        self.told: defaultdict[int, Told] = defaultdict(Told)
        self._read = 0
        self._changed: set[int] = set()
        self._looked_at = world.now
        self._kept_waiting: dict[int, datetime] = {}
        self.shown: list[Conversation] = []
        """What was open at the last step: what people see on their screens."""

    def open_now(self) -> list[Conversation]:
        rows = Conversation.objects.exclude(mode=Mode.BOT).with_parties()
        return list(rows.select_related("offered_to", "open_handoff").order_by("pk"))

    def after_step(self, now: datetime) -> None:
        self._read_on()
        self.shown = open_now = self.open_now()
        self._nobody_is_over_capacity(open_now)
        self._rows_agree(open_now)
        if self.world.swept_at == now:
            for conversation in open_now:
                self._is_in_time(conversation, now)
                self._is_not_left_alone(conversation, now)
            self._free_hands_are_offered_what_waits(open_now, now)
        if now - self._looked_at >= self.world.shape.look:
            self._look_closely(now)

    def at_the_end(self) -> None:
        self._look_closely(self.world.now)
        for left in self.open_now():
            self._hold(False, "not finished in the end", left)
        undone = {
            "handoffs": Handoff.objects.exclude(open_for=None).count(),
            "deadlines": Handoff.objects.exclude(due_at=None).count(),
            "turns": BotTurn.objects.exclude(open_for=None).count(),
            "lines": Delivery.objects.filter(
                state__in=[DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNKNOWN]
            ).count(),
        }
        self._hold(not any(undone.values()), f"left undone: {undone}")
        for conversation in Conversation.objects.order_by("pk"):
            sound(conversation)
        self._hold(not story.disagreements(), str(story.disagreements()[:3]))

    # The story ------------------------------------------------------------------------------------

    def _read_on(self) -> None:
        for event in Event.objects.filter(pk__gt=self._read).order_by("pk"):
            self._read = event.pk
            self._changed.add(event.conversation_id)
            self.world.counts[event.kind] += 1
            self._follow(self.told[event.conversation_id], event)

    def _follow(self, told: Told, event: Event) -> None:
        at, data = event.created_at, event.data
        match event.kind.removeprefix("handoff."):
            case "requested" | "overdue" | "requeued" | "transferred":
                told.waits_since = at
                told.offer(at if data.get("offered_to") else None, moving.ANSWER_TIME)
            case "offered":
                told.offer(at, _seconds_to_answer(event))
            case "declined" | "offer_expired":
                told.offer(None)
            case "claimed":
                told.claimed_at, told.replied_at = at, None
                told.offer(None)
            case "nudged":
                told.replied_at = at
            case "message.received":
                told.unanswered_since = told.unanswered_since or at
            case "message.accepted" if event.actor_kind == "operator" and data["mode"] == Mode.HUMAN:
                told.replied_at, told.unanswered_since = at, None

    def _rows_agree(self, open_now: list[Conversation]) -> None:
        """Cheaply, each step: one handoff for each that is with a person or waits, and its person."""
        for one in open_now:
            handoff = one.handoff
            self._hold(handoff is not None, f"{one.mode} without a handoff", one)
            same = handoff is not None and handoff.operator_id == one.operator_id
            self._hold(same, "its handoff names another operator", one)
            self._hold(not (one.offered_to_id and one.mode == Mode.HUMAN), "offered and held", one)
        running = Handoff.objects.exclude(open_for=None).count()
        self._hold(running == len(open_now), f"{running} open handoffs, {len(open_now)} open conversations")
        owed = BotTurn.objects.exclude(open_for=None).exclude(conversation__mode=Mode.BOT)
        self._hold(not owed.exists(), "the bot owes an answer while a person is asked for")

    def _look_closely(self, now: datetime) -> None:
        """Every conversation that has changed: in all its rows, and beside its story."""
        self._looked_at = now
        for conversation in Conversation.objects.filter(pk__in=list(self._changed)):
            sound(conversation)
        self._changed.clear()

    def _nobody_is_over_capacity(self, open_now: list[Conversation]) -> None:
        held = Counter(one.operator_id for one in open_now if one.operator_id)
        for agent in self.world.team:
            count, places = held[agent.operator.pk], agent.operator.capacity
            self._hold(count <= places, f"{agent.operator} holds {count} of {places}")

    # Deadlines ------------------------------------------------------------------------------------

    def _is_in_time(self, one: Conversation, now: datetime) -> None:
        due = self._due(one)
        if due is None:
            return
        kind, at = due
        row = one.handoff
        self._hold(row is not None and row.due_kind == kind, f"no {kind} deadline is running", one)
        self._hold(now < self._excused(at, kind), f"{kind} was due at {at:%a %H:%M:%S}", one)

    def _is_not_left_alone(self, one: Conversation, now: datetime) -> None:
        """Nobody waits for the answer of somebody who has gone, once their absence counts."""
        since, started = self.told[one.pk].unanswered_since, self.world.started_at
        if one.mode != Mode.HUMAN or since is None or started is None:
            return
        gone_at = next(agent.gone_at for agent in self.world.team if agent.operator.pk == one.operator_id)
        counts = max(gone_at, since, started + absence.AFTER_A_RESTART)
        late = now - counts > absence.LOOK_AGAIN + self.world.shape.step
        self._hold(not late, f"{one.operator} has been gone since {gone_at:%a %H:%M:%S}", one)

    def _due(self, one: Conversation) -> tuple[DueKind, datetime] | None:
        """What its queue asks for, reckoned from the story; None where it asks for nothing."""
        told, queue = self.told[one.pk], one.queue
        if one.mode == Mode.QUEUED:
            if told.offered_at:
                return DueKind.OFFER, told.offered_at + told.answer_in
            if queue and queue.longest_wait and told.waits_since:
                return DueKind.WAITING, told.waits_since + queue.longest_wait
            return None
        if queue is None or told.claimed_at is None:
            return None
        if told.replied_at is None:
            return self._first_reply(told, queue.reply_time)
        silent = told.unanswered_since is None and notices.may_speak(one, self.world.now)
        return (
            (DueKind.CUSTOMER_SILENT, told.replied_at + queue.silence) if silent and queue.silence else None
        )

    def _first_reply(self, told: Told, reply_time: timedelta | None) -> tuple[DueKind, datetime] | None:
        if reply_time is None or told.claimed_at is None:
            return None
        due = told.claimed_at + reply_time
        if told.unanswered_since is None:
            return DueKind.FIRST_REPLY, self.world.now + reply_time
        return (
            DueKind.FIRST_REPLY,
            due if told.unanswered_since <= due else told.unanswered_since + reply_time,
        )

    def _excused(self, due: datetime, kind: DueKind) -> datetime:
        """Later, once, if it fell due while the worker was down."""
        for begins, span in self.world.shape.outages:
            if (
                MONDAY + begins - self.world.shape.step
                < due
                <= MONDAY + begins + span + self.world.shape.step
            ):
                return MONDAY + begins + span + self.world.shape.step + deadlines.GRACE[kind]
        return due

    # Hands ----------------------------------------------------------------------------------------

    def _free_hands_are_offered_what_waits(self, open_now: list[Conversation], now: datetime) -> None:
        """In a queue that offers by itself nobody waits for two looks while somebody could have them."""
        waiting = [one for one in open_now if one.mode == Mode.QUEUED and not one.offered_to_id]
        still: dict[int, datetime] = {}
        teams: dict[int, list[routing.Place]] = {}
        for one in waiting:
            if not (one.queue and one.queue.auto_offer and one.handoff):
                continue
            places = teams.setdefault(one.queue.pk, []) or routing.team(one.queue, now)
            teams[one.queue.pk] = places
            free = routing.pick(places, last_operator=None, passed_over=one.handoff.passed_over)
            if free:
                still[one.pk] = self._kept_waiting.get(one.pk, now)
                late = now - still[one.pk] > 2 * self.world.shape.step
                self._hold(not late, f"{free[0].operator} is free and was not offered it", one)
        self._kept_waiting = still

    def _hold(self, true: bool, what: str, one: Conversation | None = None) -> None:
        if true:
            return
        lines = [f"{self.world.now:%a %H:%M:%S} {what}"]
        if one is not None:
            lines += [f"{one.mode} epoch {one.epoch} in {one.queue}", str(self.told[one.pk])]
            row = one.handoff
            if row is not None:
                lines.append(f"due {row.due_kind} at {row.due_at} epoch {row.due_epoch} step {row.due_step}")
            events = Event.objects.filter(conversation=one).order_by("-seq")[:25]
            lines += [
                f"{event.created_at:%H:%M:%S} {event.seq} {event.kind} {event.data}" for event in events
            ][::-1]
        raise Fault("\n".join(lines))


def _seconds_to_answer(event: Event) -> timedelta:
    queue = Conversation.objects.select_related("queue").get(pk=event.conversation_id).queue
    return timedelta(seconds=queue.offer_seconds) if queue else timedelta()
