"""Colleagues at the same contact at the same moment: one tag, five pins, nobody's correction lost unseen."""

from __future__ import annotations

from typing import Any

import pytest

from conversations import clock, contacts, errors, notes, profiles
from conversations.models import Note
from conversations.profiles import Change
from operators import desk, mentions, tags
from operators.models import Tag, Tagging
from tests import builders
from tests.races.together import ROUNDS, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]
AT_ONCE = 4


def test_one_tag_is_given_once() -> None:
    team = [builders.make_operator(f"op{number}") for number in range(AT_ONCE)]
    held = builders.make_held(team[0])
    with together(AT_ONCE) as at_once:
        for number in range(ROUNDS):
            tag = Tag.objects.create(organization=held.sender.organization, name=f"t{number}")
            came_out = at_once.run(
                [lambda one=one, tag=tag: _give(held, tag, one) for one in team]  # type: ignore[misc]
            )

            assert sorted(came_out, key=str) == [False] * (AT_ONCE - 1) + [True]
            assert Tagging.objects.filter(tag=tag).count() == 1
    assert builders.numbers(held) == list(range(1, builders.fresh(held).seq + 1))


def _give(held: Any, tag: Tag, operator: Any) -> bool:
    return tags.add(held, tag, operator=operator, door="panel", now=clock.now())


def test_no_more_notes_are_pinned_than_fit() -> None:
    ana = builders.make_operator("ana")
    held = builders.make_held(ana)
    cause = desk.cause(ana, "panel")
    written = [
        mentions.note(held, author=ana, body=str(number), door="panel", now=clock.now())
        for number in range(notes.MOST_PINNED + AT_ONCE - 1)
    ]
    for note in written[: notes.MOST_PINNED - 1]:
        notes.pin(held, note, by=ana, cause=cause, now=clock.now())
    with together(AT_ONCE) as at_once:
        for _round in range(ROUNDS):
            came_out = at_once.run(
                [
                    lambda note=note: notes.pin(held, note, by=ana, cause=cause, now=clock.now())  # type: ignore[misc]
                    for note in written[notes.MOST_PINNED - 1 :]
                ]
            )

            assert [one for one in came_out if one is True] == [True]
            assert {type(one) for one in came_out if one is not True} == {errors.PinsFull}
            pinned = Note.objects.exclude(pinned_at=None)
            assert pinned.count() == notes.MOST_PINNED
            notes.unpin(held, pinned.order_by("-pinned_at", "-pk")[0], cause=cause, now=clock.now())


def test_a_correction_is_never_written_over_unseen() -> None:
    ana = builders.make_operator("ana")
    held = builders.make_held(ana)
    cause = desk.cause(ana, "panel")
    contacts.remember(held.contact, {"n": 0, "kept": "yes"})

    def correct(was: int, to: int) -> Any:
        change = Change(field="n", key="n", was=was, to=to)
        return profiles.correct(held, [change], cause=cause, now=clock.now())

    with together(AT_ONCE) as at_once:
        for number in range(ROUNDS):
            was = builders.fresh(held).contact.attributes["n"]
            came_out = at_once.run(
                [
                    lambda to=to: correct(was, to)  # type: ignore[misc]  # noqa: B023 - run at once
                    for to in range((number + 1) * 10, (number + 1) * 10 + AT_ONCE)
                ]
            )

            assert sum(isinstance(one, errors.ProfileChanged) for one in came_out) == AT_ONCE - 1
    assert builders.fresh(held).contact.attributes["kept"] == "yes"
    assert builders.numbers(held) == list(range(1, builders.fresh(held).seq + 1))
