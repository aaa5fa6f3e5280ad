"""Who had a conversation, and when, told from its story alone: the diagram of ``handoffs`` read as rules. Pure.

Nothing that writes a row is asked here. So where the two agree, each vouches for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Protocol

BOT, QUEUED, HUMAN = "bot", "queued", "human"
HANDOFF = "handoff."


class Fact(Protocol):
    """What is read of an ``Event``."""

    seq: int
    kind: str
    data: Mapping[str, Any]
    epoch_before: int
    epoch_after: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class State:
    """Who may speak; people, and the thread it was merged into, by their public ids."""

    mode: str = BOT
    epoch: int = 0
    operator: str | None = None
    offered_to: str | None = None
    merged_into: str | None = None


class ImpossibleStory(Exception):
    """``what`` cannot have happened where it stands."""

    what: ClassVar[str] = "impossible"

    def __init__(self, fact: Fact, state: State) -> None:
        super().__init__(f"#{fact.seq} {fact.kind}: {self.what}; before it {state}")
        self.seq = fact.seq


class OutOfOrder(ImpossibleStory):
    what = "its number does not follow"


class EpochGap(ImpossibleStory):
    what = "it begins in another epoch, or ends where it may not"


class Unknown(ImpossibleStory):
    what = "no such transition"


class NotFromHere(ImpossibleStory):
    what = "it does not lead on from this mode"


class NobodyNamed(ImpossibleStory):
    what = "it does not say who"


class WrongPerson(ImpossibleStory):
    what = "it names somebody whom it cannot mean"


class ToldOtherwise(ImpossibleStory):
    what = "it says another mode than it leads to"


class NeverBegun(ImpossibleStory):
    what = "it belongs to an epoch that nothing has begun"


def replay(story: Iterable[Fact]) -> State:
    """Who has it after this story, which is in order of ``seq``; an ``ImpossibleStory`` where that cannot be."""
    state = State()
    for _fact, after in steps(story):
        state = after
    return state


def steps(story: Iterable[Fact], *, state: State = State()) -> Iterator[tuple[Fact, State]]:
    """Each fact, and who has it from there on. ``state``: who had it before a story that begins later on."""
    seq, early = 0, None
    for fact in story:
        if fact.seq <= seq:
            raise OutOfOrder(fact, state)
        seq = fact.seq
        if fact.kind.startswith(HANDOFF):
            state, early = _moved(state, fact, early), None
        elif (fact.epoch_after, fact.data.get("mode")) != (state.epoch, state.mode):
            early = _early(state, fact, early)
        elif early:
            raise NeverBegun(early, state)
        elif fact.epoch_before != fact.epoch_after:
            raise EpochGap(fact, state)
        yield fact, state
    if early:
        raise NeverBegun(early, state)


def at(story: Iterable[Fact], moment: datetime) -> State:
    """Who had it at that second. Numbers order the story; what came before something past is past."""
    told = list(story)
    past = [fact.seq for fact in told if fact.kind.startswith(HANDOFF) and fact.created_at <= moment]
    last = max(past, default=0)
    return replay(fact for fact in told if fact.seq <= last)


def _early(state: State, fact: Fact, early: Fact | None) -> Fact:
    """The last words of a bot that calls somebody: they stand before the request, whose epoch they have."""
    if not fact.epoch_before == fact.epoch_after == state.epoch + 1:
        raise EpochGap(fact, state)
    if state.mode != BOT or fact.data.get("mode") != QUEUED:
        raise ToldOtherwise(fact, state)
    return early or fact


def _moved(state: State, fact: Fact, early: Fact | None) -> State:
    rule = _RULES.get(fact.kind.removeprefix(HANDOFF))
    if rule is None:
        raise Unknown(fact, state)
    if early and fact.kind != f"{HANDOFF}requested":
        raise NeverBegun(early, state)
    if state.mode not in rule.leads_from or (state.merged_into is not None) != rule.ends_merger:
        raise NotFromHere(fact, state)
    moved = rule.then(state, fact)
    if (fact.epoch_before, fact.epoch_after) != (state.epoch, state.epoch + rule.begins_epoch):
        raise EpochGap(fact, state)
    if fact.data.get("mode") != moved.mode:
        raise ToldOtherwise(fact, state)
    return replace(moved, epoch=fact.epoch_after)


def _requested(state: State, _fact: Fact) -> State:
    return replace(state, mode=QUEUED)


def _claimed(state: State, fact: Fact) -> State:
    operator = _named(state, fact, "operator")
    if operator == state.operator:
        raise WrongPerson(fact, state)
    return replace(state, mode=HUMAN, operator=operator, offered_to=None)


def _transferred(state: State, fact: Fact) -> State:
    if "offered_to" not in fact.data:
        raise NobodyNamed(fact, state)
    return replace(state, mode=QUEUED, operator=None, offered_to=fact.data["offered_to"] or None)


def _requeued(state: State, _fact: Fact) -> State:
    return replace(state, mode=QUEUED, operator=None)


def _offered(state: State, fact: Fact) -> State:
    offered_to = _named(state, fact, "offered_to")
    if state.offered_to:
        raise WrongPerson(fact, state)
    return replace(state, offered_to=offered_to)


def _passed(state: State, fact: Fact) -> State:
    """Declined, or not answered in time."""
    if _named(state, fact, "operator") != state.offered_to:
        raise WrongPerson(fact, state)
    return replace(state, offered_to=None)


def _back_to_bot(state: State, _fact: Fact) -> State:
    return replace(state, mode=BOT, operator=None, offered_to=None)


def _merged(state: State, fact: Fact) -> State:
    return replace(_back_to_bot(state, fact), merged_into=_named(state, fact, "into"))


def _inherited(state: State, fact: Fact) -> State:
    """Another thread's service goes on here, and is the stronger one."""
    mode, operator = fact.data.get("mode"), fact.data.get("operator") or None
    if (mode == HUMAN) != (operator is not None):
        raise NobodyNamed(fact, state)
    if mode not in _WEAKER or state.mode not in _WEAKER[mode]:
        raise NotFromHere(fact, state)
    offered_to = fact.data.get("offered_to") or None
    return replace(state, mode=mode, operator=operator, offered_to=offered_to)


def _separated(state: State, _fact: Fact) -> State:
    return replace(state, merged_into=None)


def _stays(state: State, _fact: Fact) -> State:
    return state


def _named(state: State, fact: Fact, role: str) -> str:
    if not fact.data.get(role):
        raise NobodyNamed(fact, state)
    return str(fact.data[role])


@dataclass(frozen=True, slots=True)
class _Rule:
    leads_from: tuple[str, ...]
    then: Callable[[State, Fact], State]
    begins_epoch: bool
    ends_merger: bool = False
    """Nothing else can happen to who has it, while it is merged into another."""


_WEAKER = {QUEUED: (BOT,), HUMAN: (BOT, QUEUED)}
_RULES = {
    "requested": _Rule((BOT,), _requested, True),
    "asked_again": _Rule((QUEUED, HUMAN), _stays, False),
    "claimed": _Rule((BOT, QUEUED, HUMAN), _claimed, True),
    "cancelled": _Rule((QUEUED,), _back_to_bot, True),
    "offered": _Rule((QUEUED,), _offered, False),
    "declined": _Rule((QUEUED,), _passed, False),
    "offer_expired": _Rule((QUEUED,), _passed, False),
    "overdue": _Rule((QUEUED,), _stays, False),
    "transferred": _Rule((HUMAN,), _transferred, True),
    "requeued": _Rule((HUMAN,), _requeued, True),
    "nudged": _Rule((HUMAN,), _stays, False),
    "released": _Rule((HUMAN,), _back_to_bot, True),
    "merged": _Rule((BOT, QUEUED, HUMAN), _merged, True),
    "joined": _Rule((BOT, QUEUED, HUMAN), _stays, False),
    "inherited": _Rule((BOT, QUEUED), _inherited, True),
    "separated": _Rule((BOT,), _separated, False, ends_merger=True),
    "parted": _Rule((BOT, QUEUED, HUMAN), _stays, False),
}
