"""A story alone says who had a conversation, or that it cannot have been so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversations import replay
from conversations.models import Event
from conversations.replay import State
from tests import builders, story
from tests.builders import make_held, make_operator

ANA, BIA = "ana's id", "bia's id"
WINNER = "winner's id"
TEN = datetime(2026, 6, 1, 10, tzinfo=UTC)


@dataclass(slots=True)
class Told:
    seq: int
    kind: str
    data: Mapping[str, Any]
    epoch_before: int
    epoch_after: int
    created_at: datetime = field(default=TEN)


class Teller:
    """Tells one fact after the other, a minute and a number apart, in the epoch that the last one left."""

    def __init__(self) -> None:
        self.facts: list[Told] = []

    def __call__(self, kind: str, mode: str, *, begins: bool = False, **data: Any) -> Teller:
        epoch, number = (self.facts[-1].epoch_after if self.facts else 0), len(self.facts)
        told = Told(
            seq=number + 1,
            kind=kind,
            data={"mode": mode, **data},
            epoch_before=epoch,
            epoch_after=epoch + begins,
            created_at=TEN + timedelta(minutes=number),
        )
        self.facts.append(told)
        return self

    def __iter__(self) -> Iterator[Told]:
        return iter(self.facts)


def waiting() -> Teller:
    return Teller()("message.received", "bot")("handoff.requested", "queued", begins=True)


def offered() -> Teller:
    return waiting()("handoff.offered", "queued", offered_to=ANA)


def held() -> Teller:
    return waiting()("handoff.claimed", "human", begins=True, operator=ANA)


def merged() -> Teller:
    return held()("handoff.merged", "bot", begins=True, into=WINNER, operator=ANA)


STORIES = {
    "asked": (waiting(), State("queued", 1)),
    "asked again": (waiting()("handoff.asked_again", "queued"), State("queued", 1)),
    "overdue": (waiting()("handoff.overdue", "queued", step=1), State("queued", 1)),
    "given up": (waiting()("handoff.cancelled", "bot", begins=True), State("bot", 2)),
    "offered": (offered(), State("queued", 1, offered_to=ANA)),
    "declined": (offered()("handoff.declined", "queued", operator=ANA), State("queued", 1)),
    "let pass": (offered()("handoff.offer_expired", "queued", operator=ANA), State("queued", 1)),
    "given up while offered": (offered()("handoff.cancelled", "bot", begins=True), State("bot", 2)),
    "taken": (held(), State("human", 2, ANA)),
    "taken by another than asked": (
        offered()("handoff.claimed", "human", begins=True, operator=BIA),
        State("human", 2, BIA),
    ),
    "taken over from the bot": (
        Teller()("handoff.claimed", "human", begins=True, operator=ANA),
        State("human", 1, ANA),
    ),
    "taken from a colleague": (
        held()("handoff.claimed", "human", begins=True, operator=BIA),
        State("human", 3, BIA),
    ),
    "asked whether still there": (
        held()("note.added", "human")("handoff.nudged", "human", step=1),
        State("human", 2, ANA),
    ),
    "taken away": (held()("handoff.requeued", "queued", begins=True), State("queued", 3)),
    "handed to a queue": (
        held()("handoff.transferred", "queued", begins=True, queue="sales", offered_to=""),
        State("queued", 3),
    ),
    "handed to a colleague": (
        held()("handoff.transferred", "queued", begins=True, queue="", offered_to=BIA),
        State("queued", 3, offered_to=BIA),
    ),
    "finished": (held()("handoff.released", "bot", begins=True, outcome="solved"), State("bot", 3)),
    "merged": (merged(), State("bot", 3, merged_into=WINNER)),
    "merged, and what was said there arrives": (
        merged()("message.status", "bot"),
        State("bot", 3, merged_into=WINNER),
    ),
    "taken apart": (merged()("handoff.separated", "bot"), State("bot", 3)),
    "another joined": (held()("handoff.joined", "human", merged="loser"), State("human", 2, ANA)),
    "another's place in the queue": (
        Teller()("handoff.inherited", "queued", begins=True, operator="", offered_to=BIA),
        State("queued", 1, offered_to=BIA),
    ),
    "another's service": (
        offered()("handoff.inherited", "human", begins=True, operator=BIA, offered_to=""),
        State("human", 2, BIA),
    ),
    "another taken out": (held()("handoff.parted", "human", merged="loser"), State("human", 2, ANA)),
}


class TestAStory:
    def test_begins_with_the_bot(self) -> None:
        assert replay.replay([]) == State("bot", 0, None, None)

    @pytest.mark.parametrize("name", STORIES)
    def test_leads_to_who_has_it(self, name: str) -> None:
        told, state = STORIES[name]

        assert replay.replay(told) == state

    def test_lets_the_bots_last_words_stand_before_the_request_they_make(self) -> None:
        asks = Teller()("message.received", "bot")
        asks.facts.append(Told(2, "message.accepted", {"mode": "queued"}, 1, 1))
        asks.facts.append(Told(3, "handoff.requested", {"mode": "queued"}, 0, 1))

        assert replay.replay(asks) == State("queued", 1)


def _but(told: Teller, **changes: Any) -> Teller:
    """With its last fact told otherwise; ``data`` is laid over what it says."""
    last = told.facts[-1]
    changes["data"] = {**last.data, **changes.get("data", {})}
    told.facts[-1] = replace(last, **changes)
    return told


IMPOSSIBLE: dict[str, tuple[Teller, type[replay.ImpossibleStory]]] = {
    "a number twice": (_but(waiting(), seq=1), replay.OutOfOrder),
    "an epoch left out": (_but(waiting(), epoch_before=1, epoch_after=2), replay.EpochGap),
    "asked in the same epoch": (_but(waiting(), epoch_after=0), replay.EpochGap),
    "two epochs at once": (_but(waiting(), epoch_after=2), replay.EpochGap),
    "an offer that begins an epoch": (_but(offered(), epoch_after=2), replay.EpochGap),
    "a note of another epoch": (_but(Teller()("note.added", "bot"), epoch_before=1), replay.EpochGap),
    "a note that begins an epoch": (Teller()("note.added", "bot", begins=True), replay.EpochGap),
    "an unknown transition": (waiting()("handoff.vanished", "bot", begins=True), replay.Unknown),
    "asked while waiting": (waiting()("handoff.requested", "queued", begins=True), replay.NotFromHere),
    "finished while waiting": (waiting()("handoff.released", "bot", begins=True), replay.NotFromHere),
    "handed on while waiting": (
        waiting()("handoff.transferred", "queued", begins=True, offered_to=""),
        replay.NotFromHere,
    ),
    "taken away while waiting": (waiting()("handoff.requeued", "queued", begins=True), replay.NotFromHere),
    "silent while waiting": (waiting()("handoff.nudged", "queued"), replay.NotFromHere),
    "given up while served": (held()("handoff.cancelled", "bot", begins=True), replay.NotFromHere),
    "offered while served": (held()("handoff.offered", "human", offered_to=BIA), replay.NotFromHere),
    "declined while served": (held()("handoff.declined", "human", operator=ANA), replay.NotFromHere),
    "let pass while served": (held()("handoff.offer_expired", "human", operator=ANA), replay.NotFromHere),
    "overdue while served": (held()("handoff.overdue", "human"), replay.NotFromHere),
    "asked again of the bot": (Teller()("handoff.asked_again", "bot"), replay.NotFromHere),
    "taken while merged": (
        merged()("handoff.claimed", "human", begins=True, operator=BIA),
        replay.NotFromHere,
    ),
    "asked for while merged": (merged()("handoff.requested", "queued", begins=True), replay.NotFromHere),
    "merged twice": (merged()("handoff.merged", "bot", begins=True, into=WINNER), replay.NotFromHere),
    "merged into nothing": (held()("handoff.merged", "bot", begins=True), replay.NobodyNamed),
    "taken apart and never merged": (Teller()("handoff.separated", "bot"), replay.NotFromHere),
    "a weaker one's service": (
        held()("handoff.inherited", "queued", begins=True, operator="", offered_to=""),
        replay.NotFromHere,
    ),
    "nobody's service": (
        waiting()("handoff.inherited", "human", begins=True, operator="", offered_to=""),
        replay.NobodyNamed,
    ),
    "taken by nobody": (waiting()("handoff.claimed", "human", begins=True), replay.NobodyNamed),
    "offered to nobody": (waiting()("handoff.offered", "queued", offered_to=""), replay.NobodyNamed),
    "declined by nobody": (offered()("handoff.declined", "queued"), replay.NobodyNamed),
    "handed on without a word to whom": (
        held()("handoff.transferred", "queued", begins=True),
        replay.NobodyNamed,
    ),
    "taken by who has it": (
        held()("handoff.claimed", "human", begins=True, operator=ANA),
        replay.WrongPerson,
    ),
    "offered twice": (offered()("handoff.offered", "queued", offered_to=BIA), replay.WrongPerson),
    "declined by another": (offered()("handoff.declined", "queued", operator=BIA), replay.WrongPerson),
    "let pass and never offered": (
        waiting()("handoff.offer_expired", "queued", operator=ANA),
        replay.WrongPerson,
    ),
    "asked, and served at once": (_but(waiting(), data={"mode": "human"}), replay.ToldOtherwise),
    "an offer without a mode": (_but(offered(), data={"mode": None}), replay.ToldOtherwise),
    "taken, and waiting": (_but(held(), data={"mode": "queued"}), replay.ToldOtherwise),
    "a message of another mode": (Teller()("message.accepted", "human"), replay.EpochGap),
    "last words in another mode": (
        _but(Teller()("message.accepted", "human"), epoch_before=1, epoch_after=1),
        replay.ToldOtherwise,
    ),
    "last words of a person": (
        _but(held()("message.accepted", "queued"), epoch_before=3, epoch_after=3),
        replay.ToldOtherwise,
    ),
    "last words, and nothing after": (
        _but(Teller()("message.accepted", "queued"), epoch_before=1, epoch_after=1),
        replay.NeverBegun,
    ),
}


class TestAnImpossibleStory:
    @pytest.mark.parametrize("name", IMPOSSIBLE)
    def test_is_refused_by_name(self, name: str) -> None:
        told, error = IMPOSSIBLE[name]

        with pytest.raises(replay.ImpossibleStory) as refused:
            replay.replay(told)

        assert (type(refused.value), refused.value.seq) == (error, told.facts[-1].seq)

    @pytest.mark.parametrize(
        ("kind", "mode", "data"),
        [
            ("message.accepted", "bot", {}),
            ("handoff.claimed", "human", {"operator": ANA}),
        ],
    )
    def test_has_last_words_that_called_nobody(self, kind: str, mode: str, data: dict[str, str]) -> None:
        words = Told(1, "message.accepted", {"mode": "queued"}, 1, 1)
        after = Told(2, kind, {"mode": mode, **data}, 0, int(mode == "human"))

        with pytest.raises(replay.NeverBegun):
            replay.replay([words, after])


class TestWhoHadIt:
    @pytest.mark.parametrize(
        ("minutes", "state"),
        [
            (-1, State("bot", 0)),
            (0.9, State("bot", 0)),
            (1, State("queued", 1)),
            (1.9, State("queued", 1)),
            (2, State("human", 2, ANA)),
            (60, State("bot", 3)),
        ],
    )
    def test_at_a_moment(self, minutes: float, state: State) -> None:
        told = held()("message.accepted", "human")("handoff.released", "bot", begins=True)

        assert replay.at(told, TEN + timedelta(minutes=minutes)) == state

    def test_is_not_moved_by_a_late_message_that_keeps_its_time(self) -> None:
        told = _but(held()("message.received", "human"), created_at=TEN - timedelta(hours=1))

        assert replay.at(told, TEN) == State("bot", 0)

    def test_is_ordered_by_numbers_where_two_clocks_differ(self) -> None:
        told = _but(held(), created_at=TEN)

        assert replay.at(told, TEN) == State("human", 2, ANA)


@pytest.mark.django_db
class TestARow:
    def test_agrees_with_its_story(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)

        told = replay.replay(conversation.events.order_by("seq"))

        assert told == State("human", 2, str(ana.public_id))
        assert story.disagreements() == []

    @pytest.mark.forges_rows("an operator is put into the row past the engine")
    def test_is_found_out_when_its_story_does_not_lead_there(self) -> None:
        conversation = make_held(make_operator("ana"))
        type(conversation).objects.update(operator=make_operator("bia"))

        assert len(story.disagreements()) == 1

    @pytest.mark.forges_rows("a fact is taken out of the story")
    def test_is_found_out_when_its_story_has_a_hole(self) -> None:
        make_held(make_operator("ana"))
        Event.objects.filter(kind="handoff.requested").delete()

        assert "NeverBegun" in story.disagreements()[0]

    def test_is_compared_with_its_story_up_to_its_own_number(self) -> None:
        """Somebody who goes on writing between the two queries disturbs nothing."""
        conversation = make_held(make_operator("ana"))
        type(conversation).objects.update(seq=conversation.seq - 2)
        builders.fresh(conversation).events.filter(kind="handoff.claimed").update(seq=conversation.seq)

        assert "leads to State(mode='queued'" in story.disagreements()[0]
        type(conversation).objects.update(seq=conversation.seq)
        assert story.disagreements() == []
