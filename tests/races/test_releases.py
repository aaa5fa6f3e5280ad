"""The customer writes while the operator finishes: either the operator saw it, or the bot got it."""

from __future__ import annotations

from functools import partial

import pytest

from conversations import clock, errors, handoffs
from conversations.contract import Cause, Release
from conversations.models import BotTurn, Conversation, Handoff, Mode
from tests.builders import fresh, make_held, make_operator, says
from tests.races.together import ROUNDS, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def test_a_message_during_the_release_is_seen_by_the_operator_or_answered_by_the_bot() -> None:
    ana = make_operator("ana", capacity=ROUNDS + 1)
    ended = set()
    with together(2) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55116{number:08d}"
            conversation = make_held(ana, address=address)

            released, _inbound = at_once.run(
                [
                    partial(_release, conversation),
                    partial(says, "só mais uma coisa", address=address),
                ]
            )

            saw_it = isinstance(released, errors.UnreadMessage)
            bot_got_it = BotTurn.objects.filter(open_for=conversation).exists()
            assert isinstance(released, Handoff | errors.UnreadMessage)
            assert saw_it != bot_got_it
            assert fresh(conversation).mode == (Mode.HUMAN if saw_it else Mode.BOT)
            ended.add(saw_it)
    assert ended


def _release(conversation: Conversation) -> Handoff:
    return handoffs.release(
        conversation,
        cause=Cause(kind="operator", door="panel"),
        operator=conversation.operator,
        epoch=conversation.epoch,
        seen=conversation.seq,
        release=Release(outcome="solved"),
        now=clock.now(),
    )
