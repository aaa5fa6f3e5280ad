"""Three people write first to the same new number at the same moment, and it writes to us as well."""

from __future__ import annotations

from functools import partial

import pytest

from conversations import clock, errors
from conversations.models import Contact, ContactAddress, Conversation, Delivery, Mode, Template
from operators import outbound
from operators.models import Operator
from tests.builders import make_operator, make_sender, says
from tests.races.sound import sound
from tests.races.together import ROUNDS, Race, together
from tests.templates import make_template

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def test_one_of_three_starts_a_chat_and_the_others_learn_who(race: Race) -> None:
    operators = [make_operator(f"operator{number}", capacity=ROUNDS) for number in range(3)]
    template = make_template(make_sender())
    with together(4, race) as at_once:
        for number in range(ROUNDS):
            digits = f"+55119{number:08d}"
            address = f"whatsapp:{digits}"

            *results, _webhook = at_once.run(
                [
                    *(partial(_start, operator, digits, template) for operator in operators),
                    partial(says, "oi", address=address),
                ]
            )

            assert ContactAddress.objects.filter(value=address).count() == 1
            conversation = Conversation.objects.get(contact__addresses__value=address)
            held = sound(conversation)
            won = [result for result in results if isinstance(result, Conversation)]
            lost = [result for result in results if isinstance(result, errors.AlreadyClaimed)]
            assert (held.mode, len(won), len(lost)) == (Mode.HUMAN, 1, 2), results
            assert {refusal.extras["operator"] for refusal in lost} == {held.operator}
            sent = Delivery.objects.filter(conversation=conversation, message__kind="template")
            assert sent.count() == 1
            race.saw(started=len(won), told_who_has_it=len(lost))
    assert Contact.objects.count() == ROUNDS


def _start(operator: Operator, number: str, template: Template) -> Conversation:
    return outbound.start(
        make_sender(),
        operator=operator,
        door="panel",
        number=number,
        name="",
        template=template,
        values={"1": "Maria"},
        agreed=True,
        now=clock.now(),
    )


def test_nobody_starts_more_chats_than_they_have_places(race: Race) -> None:
    template, many = make_template(make_sender()), 6
    with together(many, race) as at_once:
        for number in range(ROUNDS):
            bia = make_operator(f"bia{number}", capacity=2)

            results = at_once.run(
                [partial(_start, bia, f"+5511{number:03d}{one:06d}", template) for one in range(many)]
            )

            refused = [result for result in results if isinstance(result, errors.AtCapacity)]
            held = Conversation.objects.held_by(bia)
            assert (held.count(), len(refused)) == (2, many - 2), results
            race.saw(started=held.count(), refused=len(refused))
