"""Asking twice at the same moment is answered once."""

from __future__ import annotations

from functools import partial

import pytest

from conversations import clock, positions
from conversations.models import Author, Handoff, Message
from operators import desk
from tests.builders import CUSTOMER, make_operator, make_waiting, says
from tests.races.sound import sound
from tests.races.together import ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def test_a_place_asked_for_three_times_at_once_is_told_once(race: Race) -> None:
    with together(3, race) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55108{number:08d}"
            conversation = make_waiting(address=address, now=clock.now() - positions.AGAIN)

            webhooks = at_once.run(
                [partial(says, word, address=address) for word in ("fila", "fila", "Posição?")]
            )

            told = Message.objects.filter(conversation=sound(conversation), author=Author.SYSTEM)
            assert [raw.outcome for raw in webhooks] == ["applied"] * 3
            assert told.count() == 2, "once on entry, once because they asked"
            race.saw(asked=3, told=told.count() - 1)


def test_a_place_is_told_to_who_waits_or_not_at_all(race: Race) -> None:
    """João asks at the moment in which Ana takes him."""
    ana = make_operator("ana", capacity=ROUNDS)
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55107{number:08d}"
            conversation = make_waiting(address=address, now=clock.now() - positions.AGAIN)

            asked, taken = at_once.run(
                [
                    partial(positions.tell, conversation, cause=CUSTOMER, now=clock.now()),
                    partial(desk.claim, conversation, operator=ana, door="panel", now=clock.now()),
                ]
            )

            now = sound(conversation)
            handoff = Handoff.objects.get(conversation=now)
            told = Message.objects.filter(conversation=now, author=Author.SYSTEM).count() - 1
            assert taken == handoff
            assert (asked is True, handoff.position_told_at != handoff.requested_at) == (told == 1, told == 1)
            race.saw(told=told, taken_before_that=1 - told)
