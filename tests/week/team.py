"""Those who serve: they come, take, answer, forget, hand on, decline, finish, go for lunch, and vanish."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from conversations import errors, notices
from conversations.contract import Release
from conversations.models import Conversation, Mode, Queue, Resume
from operators import desk, presence
from operators.models import Operator, PresenceStatus

if TYPE_CHECKING:
    from tests.week.world import World

BEAT = timedelta(seconds=presence.BEAT_SECONDS)
MINUTE = timedelta(minutes=1)
OUTCOMES = ("solved", "not_solved")


class Agent:
    def __init__(self, operator: Operator, world: World) -> None:
        self.operator, self.world, self.rng = operator, world, world.rng
        self.here = self.on_break = False
        self.until: datetime | None = None
        """Vanished, or with their hands off, until then."""
        self.idle_since: datetime | None = None
        self.beaten_at: datetime | None = None
        self.gone_at = world.now
        """From when on they count as gone unless their panel is heard of."""
        self.shift: tuple[datetime, datetime] | None = None
        self.minds: dict[tuple[int, int], str] = {}
        """What they make of a conversation in this epoch of it."""

    def act(self, now: datetime, shown: list[Conversation]) -> None:
        """One moment of theirs, with the conversations that are open as they see them."""
        self._clock_in_and_out(now)
        if not self.here or not self._awake(now):
            return
        self._beat(now)
        if self.on_break or self.idle_since:
            return
        mine = [one for one in shown if one.operator_id == self.operator.pk and one.mode == Mode.HUMAN]
        for offered in shown:
            if offered.offered_to_id == self.operator.pk and offered.mode == Mode.QUEUED:
                self._answer_offer(offered, now)
        for held in mine:
            self._serve(held, now)
        if any(one.mode == Mode.QUEUED for one in shown) and self._sometimes(90):
            self._try(desk.claim_next, self.operator, door="panel", now=now)
        if self.operator.is_staff and self._sometimes(1800):
            self._meddle(shown, now)

    def _meddle(self, shown: list[Conversation], now: datetime) -> None:
        """A supervisor takes a conversation from a colleague, or away from them, or over from the bot."""
        held = [one for one in shown if one.mode == Mode.HUMAN and one.operator_id != self.operator.pk]
        if held and self.rng.random() < 0.4:
            self._try(desk.take_away, self.rng.choice(held), by=desk.cause(self.operator, "panel"), now=now)
            return
        with_bot = (
            Conversation.objects.filter(mode=Mode.BOT).with_parties().order_by("-last_message_at").first()
        )
        chosen = self.rng.choice(held) if held else with_bot
        if chosen:
            self._try(desk.claim, chosen, operator=self.operator, door="panel", now=now, force=True)

    # Coming and going -----------------------------------------------------------------------------

    def _clock_in_and_out(self, now: datetime) -> None:
        if self.shift and not self.here and self.shift[0] <= now < self.shift[1]:
            self.here, self.until, self.idle_since, self.on_break = True, None, None, False
            self._choose(PresenceStatus.AVAILABLE, now)
        elif self.here and self.shift and now >= self.shift[1]:
            self._goes(now)

    def _goes(self, now: datetime) -> None:
        self.here, luck = False, self.rng.random()
        if luck < 0.4:
            self._try(
                desk.hand_over_all, self.operator, author=self.operator, to=None, note="Até amanhã.", now=now
            )
        if luck < 0.7:
            presence.leave(self.operator, now=now)
            self.gone_at = now + presence.GONE_AFTER
        elif luck < 0.85:
            self._choose(PresenceStatus.OFFLINE, now)
            self.gone_at = now + presence.GONE_AFTER
        # Else the laptop is simply shut.

    def _awake(self, now: datetime) -> bool:
        if self.until and now < self.until:
            return self.idle_since is not None
        if self.until and self.on_break:
            self._choose(PresenceStatus.AVAILABLE, now)
        self.until, self.idle_since, self.on_break = None, None, False
        if not self._sometimes(2400):
            return True
        self.until = now + self.rng.uniform(4, 35) * MINUTE
        luck = self.rng.random()
        self.on_break, self.idle_since = luck < 0.3, now if luck < 0.6 else None
        if self.on_break:
            self._choose(PresenceStatus.ON_BREAK, now)
        return luck < 0.6

    def _choose(self, status: PresenceStatus, now: datetime) -> None:
        presence.choose(self.operator, status, now=now)
        self.gone_at = now + presence.LIFE + presence.GONE_AFTER

    def _beat(self, now: datetime) -> None:
        if self.beaten_at and now - self.beaten_at < BEAT:
            return
        self.beaten_at, self.gone_at = now, now + presence.LIFE + presence.GONE_AFTER
        presence.beat(self.operator, now=now, idle=now - self.idle_since if self.idle_since else timedelta())

    # Serving --------------------------------------------------------------------------------------

    def _answer_offer(self, offered: Conversation, now: datetime) -> None:
        mind = self._mind(offered, accepts=70, declines=12, overlooks=18)
        if mind == "accepts":
            self._try(desk.claim, offered, operator=self.operator, door="panel", now=now, epoch=offered.epoch)
        elif mind == "declines":
            self._try(desk.decline, offered, operator=self.operator, door="panel", now=now)

    def _serve(self, held: Conversation, now: datetime) -> None:
        mind = self._mind(held, serves=88, forgets=6, hands_on=6)
        if (mind == "forgets" and not self.world.clearing_up) or not self._sometimes(60):
            return
        if self.world.clearing_up or not notices.may_speak(held, now):
            self._finish(held, now)
        elif mind == "hands_on":
            self._hand_on(held, now)
        elif held.last_inbound_seq > held.answered_seq or self._sometimes(900):
            self._try(
                desk.reply,
                held,
                operator=self.operator,
                door="panel",
                body="Um momento.",
                epoch=held.epoch,
                client_key=f"{held.pk}-{held.seq}",
                now=now,
            )
        elif self._sometimes(150):
            self._finish(held, now)

    def _finish(self, held: Conversation, now: datetime) -> None:
        release = Release(outcome=self.rng.choice(OUTCOMES), resume=self.rng.choice(Resume.values))
        self._try(
            desk.release,
            held,
            operator=self.operator,
            by=desk.cause(self.operator, "panel"),
            epoch=held.epoch,
            seen=held.last_inbound_seq,
            release=release,
            now=now,
        )

    def _hand_on(self, held: Conversation, now: datetime) -> None:
        colleagues = [agent.operator for agent in self.world.team if agent is not self]
        queues = list(Queue.objects.order_by("pk"))
        to = self.rng.choice(colleagues) if self.rng.random() < 0.5 else self.rng.choice(queues)
        self._try(
            desk.transfer,
            held,
            by=desk.cause(self.operator, "panel"),
            author=self.operator,
            operator=self.operator,
            to=to,
            note="Veja, por favor.",
            now=now,
            epoch=held.epoch,
        )

    def _mind(self, conversation: Conversation, **weights: int) -> str:
        """The same until it changes hands; whoever is offered a second time thinks again."""
        key = (conversation.pk, conversation.epoch)
        if key not in self.minds or self.minds[key] not in weights:
            self.minds[key] = self.rng.choices(list(weights), list(weights.values()))[0]
        return self.minds[key]

    def _sometimes(self, seconds: float) -> bool:
        """About once in so many seconds."""
        return self.rng.random() < self.world.shape.step.total_seconds() / seconds

    def _try(self, what: Callable[..., Any], *args: Any, **said: Any) -> None:
        name = what.__name__
        try:
            if what(*args, **said) is not None:
                self.world.counts[name] += 1
        except errors.HandoffError as refused:
            self.world.counts[f"{name} refused: {refused.code}"] += 1
