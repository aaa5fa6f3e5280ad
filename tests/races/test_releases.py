"""The customer writes while the operator finishes: either the operator saw it, or the bot got it."""

from __future__ import annotations

import random
import time
from functools import partial

import pytest

from conversations import clock, errors, handoffs
from conversations.contract import Cause, Release
from conversations.models import BotTurn, Conversation, Event, Handoff, Mode, Resume, TurnKind
from tests.builders import make_held, make_operator, says
from tests.races.sound import sound
from tests.races.together import ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def test_a_message_during_the_release_is_seen_by_the_operator_or_answered_by_the_bot(race: Race) -> None:
    """A release is quicker than a webhook: it waits for as long as one of the three steps before it took, or twice."""
    ana = make_operator("ana", capacity=ROUNDS + 1)
    ended = set()
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55116{number:08d}"
            began = time.perf_counter()
            conversation = make_held(ana, address=address)
            took = (time.perf_counter() - began) / 3

            released, _inbound = at_once.run(
                [
                    partial(_release, conversation, wait=random.uniform(0, 2 * took)),  # noqa: S311 (no secret)
                    partial(says, "só mais uma coisa", address=address),
                ]
            )

            saw_it = isinstance(released, errors.UnreadMessage)
            bot_got_it = BotTurn.objects.filter(open_for=conversation).exists()
            assert isinstance(released, Handoff | errors.UnreadMessage)
            assert saw_it != bot_got_it
            assert sound(conversation).mode == (Mode.HUMAN if saw_it else Mode.BOT)
            ended.add(saw_it)
            race.saw(seen_by_the_operator=int(saw_it), left_to_the_bot=int(bot_got_it))
    assert ended


def test_two_releases_of_one_service_end_it_once(race: Race) -> None:
    """Ana in the panel and her supervisor with another outcome: one holds, the other learns that it is over."""
    ana = make_operator("ana", capacity=ROUNDS)
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            conversation = make_held(ana, address=f"whatsapp:+55103{number:08d}")

            results = at_once.run(
                [partial(_release, conversation, outcome=outcome) for outcome in ("solved", "not_solved")]
            )

            ended = [one for one in results if isinstance(one, Handoff)]
            refused = [one for one in results if isinstance(one, errors.NotHuman)]
            assert (len(ended), len(refused)) == (1, 1), results
            assert Handoff.objects.get(conversation=conversation).outcome == ended[0].outcome
            assert _released(conversation) == 1
            race.saw(ended=1, told_that_it_is_over=1)


def test_the_same_release_twice_is_one_release_with_one_answer(race: Race) -> None:
    """A double click that wants the bot to go on: both are answered, and the bot speaks once."""
    ana = make_operator("ana", capacity=ROUNDS)
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            conversation = make_held(ana, address=f"whatsapp:+55102{number:08d}")

            results = at_once.run([partial(_release, conversation, resume=Resume.BOT_NOW)] * 2)

            assert results == [Handoff.objects.get(conversation=conversation)] * 2, results
            assert _released(conversation) == 1
            assert BotTurn.objects.filter(open_for=conversation, kind=TurnKind.RELEASED).count() == 1
            race.saw(ended=1, answered=len(results))


def _released(conversation: Conversation) -> int:
    """How often the thread tells that the service ended, which has to be with the bot now."""
    assert sound(conversation).mode == Mode.BOT
    return Event.objects.filter(conversation=conversation, kind="handoff.released").count()


def _release(
    conversation: Conversation, *, outcome: str = "solved", resume: Resume = Resume.WAIT, wait: float = 0
) -> Handoff:
    time.sleep(wait)
    return handoffs.release(
        conversation,
        cause=Cause(kind="operator", door="panel"),
        operator=conversation.operator,
        epoch=conversation.epoch,
        seen=conversation.seq,
        release=Release(outcome=outcome, resume=resume),
        now=clock.now(),
    )
