"""Who is there: chosen, seen a moment ago, hands off, gone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from conversations import clock, wakeup
from operators import presence
from operators.models import Operator, Presence, PresenceStatus, Viewing
from tests.builders import make_operator, make_present, make_stranger, make_with_bot

pytestmark = pytest.mark.django_db

NOW = clock.now()
A_BEAT = timedelta(seconds=presence.BEAT_SECONDS)


def state(operator: Operator, now: datetime = NOW) -> str:
    return presence.state(operator, now)


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """How often the panels were told that something has changed."""
    rung: list[bool] = []
    monkeypatch.setattr(wakeup.news, "ring", lambda: rung.append(True))
    return rung


class TestAState:
    def test_of_somebody_who_never_came_is_offline(self) -> None:
        assert state(make_operator("ana")) == "offline"

    def test_is_available_while_the_panel_is_open(self) -> None:
        assert state(make_present("ana", now=NOW)) == "available"

    def test_ends_by_itself_a_minute_after_the_last_beat(self) -> None:
        ana = make_present("ana", now=NOW)

        assert state(ana, NOW + presence.LIFE - timedelta(seconds=1)) == "available"
        assert state(ana, NOW + presence.LIFE) == "offline"

    def test_is_kept_by_beats(self) -> None:
        ana = make_operator("ana")

        for beats in range(10):
            presence.beat(ana, now=NOW + beats * A_BEAT)

        assert state(ana, NOW + 10 * A_BEAT) == "available"

    def test_is_what_they_chose_and_beats_do_not_change_it(self) -> None:
        ana = make_present("ana", now=NOW)

        for chosen in (PresenceStatus.ON_BREAK, PresenceStatus.OFFLINE, PresenceStatus.AVAILABLE):
            presence.choose(ana, chosen, now=NOW)
            presence.beat(ana, now=NOW + A_BEAT)
            assert state(ana, NOW + A_BEAT) == chosen

    def test_can_be_chosen_before_the_first_beat(self) -> None:
        ana = make_operator("ana")

        presence.choose(ana, PresenceStatus.ON_BREAK, now=NOW)

        assert state(ana) == "on_break"

    def test_on_break_ends_with_the_panel_and_comes_back_with_it(self) -> None:
        ana = make_operator("ana")
        presence.choose(ana, PresenceStatus.ON_BREAK, now=NOW)
        assert state(ana, NOW + presence.LIFE) == "offline"

        presence.beat(ana, now=NOW + timedelta(hours=1))

        assert state(ana, NOW + timedelta(hours=1)) == "on_break"

    def test_is_offline_at_once_for_whoever_signs_out(self) -> None:
        ana = make_present("ana", now=NOW)
        presence.view(ana, make_with_bot(), typing=False, now=NOW)

        presence.leave(ana, now=NOW)

        assert state(ana) == "offline"
        assert not Viewing.objects.exists()


class TestAway:
    def test_is_whoever_has_not_touched_the_panel_for_ten_minutes(self) -> None:
        ana = make_operator("ana")

        presence.beat(ana, now=NOW, idle=presence.AWAY_AFTER - timedelta(seconds=1))
        assert state(ana) == "available"

        presence.beat(ana, now=NOW, idle=presence.AWAY_AFTER)
        assert state(ana) == "away"

    def test_ends_with_a_touch(self) -> None:
        ana = make_present("ana", now=NOW)
        presence.beat(ana, now=NOW, idle=presence.AWAY_AFTER)

        presence.beat(ana, now=NOW + A_BEAT, idle=timedelta(seconds=3))

        assert state(ana, NOW + A_BEAT) == "available"

    def test_is_whoever_let_an_offer_pass_until_they_touch_the_panel(self) -> None:
        ana = make_present("ana", now=NOW)

        presence.send_away(ana, now=NOW)
        assert state(ana) == "away"

        presence.beat(ana, now=NOW + A_BEAT, idle=A_BEAT + timedelta(seconds=1))
        assert state(ana, NOW + A_BEAT) == "away"

        presence.beat(ana, now=NOW + 2 * A_BEAT, idle=A_BEAT)
        assert state(ana, NOW + 2 * A_BEAT) == "available"

    def test_is_since_the_first_moment(self) -> None:
        ana = make_present("ana", now=NOW)
        presence.send_away(ana, now=NOW)

        presence.send_away(ana, now=NOW + timedelta(minutes=1))

        assert Presence.objects.get().away_at == NOW

    def test_ends_with_a_choice(self) -> None:
        ana = make_present("ana", now=NOW)
        presence.send_away(ana, now=NOW)

        presence.choose(ana, PresenceStatus.AVAILABLE, now=NOW)

        assert state(ana) == "available"

    def test_is_not_said_of_somebody_on_break(self) -> None:
        ana = make_operator("ana")
        presence.choose(ana, PresenceStatus.ON_BREAK, now=NOW)

        presence.beat(ana, now=NOW, idle=timedelta(hours=1))

        assert state(ana) == "on_break"


class TestAvailable:
    def test_are_only_those_who_are_there(self) -> None:
        ana = make_present("ana", now=NOW)
        for name, chosen in (("bia", PresenceStatus.ON_BREAK), ("carla", PresenceStatus.OFFLINE)):
            presence.choose(make_operator(name), chosen, now=NOW)
        presence.send_away(make_present("dora", now=NOW), now=NOW)
        make_present("eva", now=NOW - presence.LIFE)
        make_operator("fabio")
        gone = make_present("gil", now=NOW)
        Operator.objects.filter(pk=gone.pk).update(is_active=False)

        assert list(presence.available(NOW)) == [ana]


class TestTheBell:
    def test_is_rung_when_the_shown_state_changes_and_not_by_every_beat(self, rings: list[bool]) -> None:
        ana = make_operator("ana")

        presence.beat(ana, now=NOW)
        assert len(rings) == 1

        presence.beat(ana, now=NOW + A_BEAT)
        assert len(rings) == 1

        presence.beat(ana, now=NOW + 2 * A_BEAT, idle=presence.AWAY_AFTER)
        presence.choose(ana, PresenceStatus.ON_BREAK, now=NOW + 2 * A_BEAT)
        presence.leave(ana, now=NOW + 2 * A_BEAT)
        assert len(rings) == 4


class TestWhoLooks:
    def test_is_seen_by_the_others_until_it_expires(self) -> None:
        ana, bia, conversation = make_operator("ana"), make_operator("bia"), make_with_bot()

        presence.view(ana, conversation, typing=True, now=NOW)

        assert presence.viewers(conversation, but=bia, now=NOW) == [("ana", True)]
        assert presence.viewers(conversation, but=bia, now=NOW + presence.TYPING) == [("ana", False)]
        assert presence.viewers(conversation, but=bia, now=NOW + presence.LIFE) == []
        assert presence.viewers(conversation, but=ana, now=NOW) == []

    def test_looks_once_however_often_the_panel_says_so(self) -> None:
        ana, conversation = make_operator("ana"), make_with_bot()

        for beats in range(3):
            presence.view(ana, conversation, typing=False, now=NOW + beats * A_BEAT)

        assert Viewing.objects.get().expires_at == NOW + 2 * A_BEAT + presence.LIFE

    def test_ends_with_the_conversation_that_is_left(self) -> None:
        ana, first = make_operator("ana"), make_with_bot()
        second = make_with_bot(address="whatsapp:+5511900000001")
        presence.view(ana, first, typing=False, now=NOW)
        presence.view(ana, second, typing=False, now=NOW)

        presence.close(ana, first)
        assert Viewing.objects.get().conversation == second


class TestASnapshot:
    def test_names_who_is_there_and_who_looks_in_every_company(self) -> None:
        ana, conversation, davi = make_present("ana", now=NOW), make_with_bot(), make_stranger()
        presence.beat(davi, now=NOW)
        presence.view(ana, conversation, typing=True, now=NOW)
        make_present("bia", now=NOW - presence.LIFE)

        found = presence.snapshot(NOW)

        assert {one.operator: (one.organization, one.state) for one in found.people} == {
            ana.pk: (ana.organization_id, "available"),
            davi.pk: (davi.organization_id, "available"),
        }
        (viewer,) = found.viewers
        assert (viewer.operator, viewer.conversation, viewer.name, viewer.typing) == (
            ana.pk,
            str(conversation.public_id),
            "ana",
            True,
        )
