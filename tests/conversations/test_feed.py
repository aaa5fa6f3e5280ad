from __future__ import annotations

import pytest

from conversations import clock, cursors, events
from conversations.cursors import Cursor, Hole
from conversations.models import Conversation, Event, Organization
from tests.builders import CUSTOMER, make_with_bot, says

NOW = 1_000.0


@pytest.fixture
def conversation(db: None) -> Conversation:
    return make_with_bot()


def write(conversation: Conversation, number: int) -> int:
    """A row whose id is ``number`` above the first that this conversation has not used."""
    newest = Event.objects.filter(conversation=conversation, seq__lt=10_000).order_by("-pk")[0]
    Event.objects.create(
        pk=newest.pk + number,
        organization=conversation.sender.organization,
        conversation=conversation,
        seq=10_000 + number,
        kind="message.received",
        actor_kind=CUSTOMER.kind,
        epoch_before=0,
        epoch_after=0,
        created_at=clock.now(),
    )
    return newest.pk + number


def keys(feed: events.Feed) -> list[int]:
    return [event.pk for event in feed.events]


def read(cursor: str, limit: int = events.MOST) -> events.Feed:
    return events.since(cursor, organization=None, limit=limit)


class TestACursor:
    def test_remembers_what_is_missing_below_it(self) -> None:
        cursor = Cursor(4).advanced([5, 8, 9, 11], NOW)

        assert cursor == Cursor(11, (Hole(6, 7, 1_011), Hole(10, 10, 1_011)))

    def test_forgets_what_has_appeared(self) -> None:
        cursor = Cursor(11, (Hole(6, 9, 1_011), Hole(10, 10, 1_011))).advanced([7, 10], NOW)

        assert cursor == Cursor(11, (Hole(6, 6, 1_011), Hole(8, 9, 1_011)))

    def test_gives_up_after_ten_seconds(self) -> None:
        cursor = Cursor(9).advanced([11], NOW)

        assert cursor.advanced([], NOW + 10).holes
        assert not cursor.advanced([], NOW + 11).holes

    def test_stays_short_and_covers_every_hole(self) -> None:
        cursor = Cursor(0).advanced(range(2, 1_000, 2), NOW)

        missing = set(range(1, 998, 2))
        covered = {pk for hole in cursor.holes for pk in range(hole.first, hole.last + 1)}
        assert len(cursor.holes) == cursors.MOST_HOLES
        assert missing <= covered
        assert len(str(cursor)) < 2_000

    def test_waits_for_no_hole_longer_because_there_are_many(self) -> None:
        cursor = Cursor(0).advanced(range(2, 600, 2), NOW)
        cursor = cursor.advanced(range(600, 1_200, 2), NOW + 5)

        assert len(cursor.holes) == cursors.MOST_HOLES
        assert [hole for hole in cursor.holes if hole.first < 598 and hole.until > NOW + 11] == []

    def test_is_the_same_after_its_way_through_a_header(self) -> None:
        cursor = Cursor(2**40, (Hole(6, 7, 1_011), Hole(10, 10, 1_012)))

        assert cursors.parse(str(cursor)) == cursor

    @pytest.mark.parametrize(
        "text", ["", "1", "é", "x" * 5_000, "MS0y", "NS45LTktMQ", "ZmZmZmZmZmZmZmZmZmZmZg", "\n"]
    )
    def test_is_not_taken_from_rubbish(self, text: str) -> None:
        assert cursors.parse(text) is None


class TestTheFeed:
    def test_begins_with_what_comes_next(self, conversation: Conversation) -> None:
        beginning = events.since(None, organization=None)

        assert beginning.events == []
        assert read(beginning.cursor).events == []

    def test_goes_on_from_an_empty_table(self, db: None) -> None:
        beginning = events.since(None, organization=None)
        says("oi")

        assert read(beginning.cursor).events == list(Event.objects.order_by("pk"))

    def test_brings_a_row_that_appears_below_what_was_read(self, conversation: Conversation) -> None:
        beginning = events.since(None, organization=None)
        third = write(conversation, 3)
        first = read(beginning.cursor)
        second = write(conversation, 2)
        late = read(first.cursor)

        assert keys(first) == [third]
        assert keys(late) == [second]
        assert read(late.cursor).events == []

    def test_brings_what_was_under_way_when_somebody_began(self, conversation: Conversation) -> None:
        write(conversation, 3)
        beginning = events.since(None, organization=None)
        below = write(conversation, 1)

        assert keys(read(beginning.cursor)) == [below]

    def test_comes_in_portions(self, conversation: Conversation) -> None:
        beginning = events.since(None, organization=None)
        written = [write(conversation, number) for number in (1, 2, 3)]

        first = read(beginning.cursor, limit=2)
        second = read(first.cursor, limit=2)

        assert (keys(first), first.more) == (written[:2], True)
        assert (keys(second), second.more) == (written[2:], False)

    def test_shows_nothing_of_another_company_and_passes_it_by(self, conversation: Conversation) -> None:
        other = Organization.objects.create(name="Outra")
        beginning = events.since(None, organization=other)
        ours = write(conversation, 1)

        feed = events.since(beginning.cursor, organization=other)

        assert feed.events == []
        assert keys(read(beginning.cursor)) == [ours]
        assert read(feed.cursor).events == []

    def test_says_when_it_no_longer_knows(self, conversation: Conversation) -> None:
        stood_on = write(conversation, 1)
        kept = events.since(None, organization=None).cursor
        write(conversation, 2)
        Event.objects.filter(pk=stood_on).delete()

        lost = read(kept)

        assert (lost.expired, lost.events) == (True, [])
        assert not read(lost.cursor).expired
        assert read("rubbish").expired
