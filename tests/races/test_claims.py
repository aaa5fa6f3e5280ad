"""Two people at the same door at the same moment: the database decides, and everybody learns how."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client

from conversations import clock, errors
from conversations.models import Conversation, Event, Handoff, Mode, Reasons
from operators import desk
from operators.models import Operator
from tests.api.calls import Api, code, make_key
from tests.builders import make_operator, make_waiting, make_with_bot, says
from tests.races.sound import sound
from tests.races.together import CROWDED, ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def test_ten_operators_claim_one_conversation_and_the_losers_learn_who_has_it(race: Race) -> None:
    operators = [make_operator(f"operator{number}", capacity=ROUNDS) for number in range(10)]
    with together(10, race) as at_once:
        for number in range(ROUNDS):
            conversation = make_waiting(address=f"whatsapp:+55119{number:08d}")

            results = at_once.run([partial(_claim, conversation, operator) for operator in operators])

            won = [result for result in results if isinstance(result, Handoff)]
            lost = [result for result in results if isinstance(result, errors.AlreadyClaimed)]
            holder = sound(conversation).operator
            assert (len(won), len(lost)) == (1, 9), results
            assert won[0].operator == holder
            assert {refusal.extras["operator"] for refusal in lost} == {holder}
            assert all(refusal.extras["handoff_at"] for refusal in lost)
            assert Event.objects.filter(conversation=conversation, kind="handoff.claimed").count() == 1
            race.saw(won=len(won), told_who_has_it=len(lost))


@pytest.mark.forges_rows("what was taken is put back between the rounds")
def test_an_operator_with_five_places_never_takes_a_sixth(race: Race) -> None:
    many = 50
    with together(many, race) as at_once:
        waiting = [make_waiting(address=f"whatsapp:+55118{number:08d}") for number in range(many)]
        for number in range(CROWDED):
            bia = make_operator(f"bia{number}", capacity=5)

            results = at_once.run([partial(_claim, one, bia) for one in waiting])

            refused = [result for result in results if isinstance(result, errors.AtCapacity)]
            held = Conversation.objects.held_by(bia)
            assert (held.count(), len(refused)) == (5, many - 5), Counter(map(repr, results))
            race.saw(given=held.count(), refused=len(refused))
            _put_back(held)


def test_the_panel_and_the_api_give_one_conversation_to_one_person(race: Race, settings: Any) -> None:
    settings.API_RATE = 0  # a thousand rounds within a minute or two
    ana, bia = make_operator("ana", capacity=ROUNDS), make_operator("bia", capacity=ROUNDS)
    panel, api = Client(), Api(make_key("desk")[1])
    panel.force_login(ana)
    won_by = {ana: "taken_in_the_panel", bia: "assigned_by_the_api"}
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            conversation = make_waiting(address=f"whatsapp:+55113{number:08d}")
            place = f"conversations/{conversation.public_id}/handoff/assign"

            taken, assigned = at_once.run(
                [
                    partial(panel.post, f"/operator/c/{conversation.public_id}/claim"),
                    partial(api.post, f"/{place}", {"agent_id": str(bia.public_id)}),
                ]
            )

            holder = sound(conversation).operator
            assert holder in won_by
            assert (taken.status_code, assigned.status_code) == ((303, 409) if holder == ana else (409, 200))
            if holder == ana:
                assert (code(assigned), assigned.json()["agent_id"]) == (
                    "already_claimed",
                    str(ana.public_id),
                )
            else:
                assert "bia já está atendendo" in taken.content.decode()
            race.saw(**{won_by[holder]: 1, "told_who_has_it": 1})


def test_a_take_over_a_customers_word_and_the_next_in_turn_are_one_service(race: Race) -> None:
    """Three ways to a person at once: Ana takes this one, João asks for somebody, Bia takes whoever is next.

    João is with the bot in every other round, and waits already in the others.
    """
    ana, bia = make_operator("ana", capacity=ROUNDS), make_operator("bia", capacity=ROUNDS)
    with together(3, race) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55112{number:08d}"
            conversation = (make_waiting if number % 2 else make_with_bot)(address=address)

            took_over, asked, took_next = at_once.run(
                [
                    partial(_claim, conversation, ana),
                    partial(says, "atendente", address=address),
                    partial(desk.claim_next, bia, door="panel", now=clock.now()),
                ]
            )

            now = sound(conversation)
            won = [one for one in (took_over, took_next) if isinstance(one, Handoff | Conversation)]
            assert (len(won), now.mode, now.handoff_count) == (1, Mode.HUMAN, 1), (took_over, took_next)
            assert now.operator == (ana if won == [took_over] else bia)
            assert took_over in won or isinstance(took_over, errors.AlreadyClaimed), took_over
            assert asked.outcome == "applied"
            reason = Handoff.objects.get(conversation=now).reason
            assert reason in {Reasons.TAKEOVER, Reasons.CUSTOMER_ASKED}
            race.saw(
                **{
                    "taken_over_by_ana" if took_over in won else "taken_next_by_bia": 1,
                    f"opened_by_{reason}": 1,
                }
            )


def _claim(conversation: Conversation, operator: Operator) -> Handoff:
    return desk.claim(conversation, operator=operator, door="panel", now=clock.now())


def _put_back(held: QuerySet[Conversation]) -> None:
    """Waiting again for the next round, without the transitions: they are not what is raced here."""
    pks = list(held.values_list("pk", flat=True))
    Conversation.objects.filter(pk__in=pks).update(mode=Mode.QUEUED, operator=None)
