"""Two people at the same door at the same moment: the database decides, and everybody learns how."""

from __future__ import annotations

from functools import partial

import pytest
from django.db.models import QuerySet

from conversations import clock, errors
from conversations.models import Conversation, Event, Handoff, Mode
from operators import desk
from operators.models import Operator
from tests.builders import fresh, make_operator, make_waiting
from tests.races.together import ROUNDS, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def test_ten_operators_claim_one_conversation_and_the_losers_learn_who_has_it() -> None:
    operators = [make_operator(f"operator{number}", capacity=ROUNDS) for number in range(10)]
    with together(10) as at_once:
        for number in range(ROUNDS):
            conversation = make_waiting(address=f"whatsapp:+55119{number:08d}")

            results = at_once.run([partial(_claim, conversation, operator) for operator in operators])

            won = [result for result in results if isinstance(result, Handoff)]
            lost = [result for result in results if isinstance(result, errors.AlreadyClaimed)]
            holder = fresh(conversation).operator
            assert (len(won), len(lost)) == (1, 9), results
            assert won[0].operator == holder
            assert {refusal.extras["operator"] for refusal in lost} == {holder}
            assert all(refusal.extras["handoff_at"] for refusal in lost)
            assert Event.objects.filter(conversation=conversation, kind="handoff.claimed").count() == 1


def test_an_operator_with_five_places_never_takes_a_sixth() -> None:
    many = 50
    with together(many) as at_once:
        waiting = [make_waiting(address=f"whatsapp:+55118{number:08d}") for number in range(many)]
        for number in range(ROUNDS):
            bia = make_operator(f"bia{number}", capacity=5)

            results = at_once.run([partial(_claim, one, bia) for one in waiting])

            refused = [result for result in results if isinstance(result, errors.AtCapacity)]
            held = Conversation.objects.held_by(bia)
            assert (held.count(), len(refused)) == (5, many - 5), results
            _put_back(held)


def _claim(conversation: Conversation, operator: Operator) -> Handoff:
    return desk.claim(conversation, operator=operator, door="panel", now=clock.now())


def _put_back(held: QuerySet[Conversation]) -> None:
    """Waiting again for the next round, without the transitions: they are not what is raced here."""
    pks = list(held.values_list("pk", flat=True))
    Conversation.objects.filter(pk__in=pks).update(mode=Mode.QUEUED, operator=None)
