"""Integrations and people at the same moment: whoever calls the API is told what the database has decided."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from conversations.models import Author, BotTurn, Event, Message, Mode
from tests.api.calls import Api, code, make_key
from tests.builders import make_held, make_operator, make_sender, make_with_bot, says
from tests.races.sound import sound
from tests.races.together import CROWDED, ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

COPIES = 50


def test_two_assigns_over_the_api_give_it_to_one_agent(race: Race) -> None:
    """Straight from the bot, where nobody has asked: the loser is told who has it."""
    agents = [make_operator(name, capacity=ROUNDS) for name in ("ana", "bia")]
    callers = [Api(make_key("desk")[1]) for _agent in agents]
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            conversation = make_with_bot(address=f"whatsapp:+55201{number:08d}")
            place = f"/conversations/{conversation.public_id}/handoff/assign"

            answers = at_once.run(
                [
                    partial(api.post, place, {"agent_id": str(agent.public_id)})
                    for api, agent in zip(callers, agents, strict=True)
                ]
            )

            given = [answer for answer in answers if answer.status_code == 200]
            refused = [answer for answer in answers if answer.status_code == 409]
            holder = sound(conversation).operator
            assert holder is not None
            assert (len(given), [code(answer) for answer in refused]) == (1, ["already_claimed"])
            assert {answer.json()["agent_id"] for answer in answers} == {str(holder.public_id)}
            assert Event.objects.filter(conversation=conversation, kind="handoff.claimed").count() == 1
            race.saw(given=1, told_who_has_it=1)


def test_a_reply_over_the_api_while_the_customer_asks_for_a_person_is_before_or_refused(race: Race) -> None:
    bot = Api(make_key("bot", sender=make_sender())[1])
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55202{number:08d}"
            conversation = make_with_bot(address=address)
            said = {"message_owner": "bot", "epoch": conversation.epoch, "body": "Já vejo o seu pedido"}

            answer, asked = at_once.run(
                [
                    partial(bot.post, f"/conversations/{conversation.public_id}/messages", said),
                    partial(says, "atendente", address=address),
                ]
            )

            assert sound(conversation).mode == Mode.QUEUED
            assert asked.outcome == "applied"
            spoken = Message.objects.filter(conversation=conversation, author=Author.BOT, body=said["body"])
            handed = Event.objects.get(conversation=conversation, kind="handoff.requested")
            if answer.status_code == 202:
                assert spoken.get().seq < handed.seq
            else:
                assert (code(answer), spoken.count()) == ("stale_epoch", 0)
            race.saw(**{"said_before" if answer.status_code == 202 else "refused": 1})


def test_a_release_over_the_api_while_the_customer_writes_leaves_nobody_unread(race: Race) -> None:
    ana, desk = make_operator("ana", capacity=ROUNDS + 1), Api(make_key("desk")[1])
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55203{number:08d}"
            conversation = make_held(ana, address=address)
            settled = {"outcome": "solved", "last_seen_seq": conversation.seq}

            answer, _inbound = at_once.run(
                [
                    partial(desk.post, f"/conversations/{conversation.public_id}/handoff/release", settled),
                    partial(says, "só mais uma coisa", address=address),
                ]
            )

            bot_got_it = BotTurn.objects.filter(open_for=conversation).exists()
            assert sound(conversation).mode == (Mode.BOT if bot_got_it else Mode.HUMAN)
            assert answer.status_code == (200 if bot_got_it else 409)
            assert bot_got_it or code(answer) == "unread_message"
            race.saw(**{"left_to_the_bot" if bot_got_it else "told_to_read_it": 1})


def test_fifty_requests_with_one_key_say_it_once(race: Race, settings: Any) -> None:
    """One of them speaks; the others are given its answer, or are told that it is under way."""
    settings.API_RATE = 0  # a round is a twelfth of what a key may ask for in a minute
    ana, token = make_operator("ana", capacity=CROWDED), make_key("desk")[1]
    with together(COPIES, race) as at_once:
        callers = [Api(token) for _copy in range(COPIES)]
        for number in range(CROWDED):
            conversation = make_held(ana, address=f"whatsapp:+55204{number:08d}")
            said = {"message_owner": "agent", "agent_id": str(ana.public_id), "body": "Só uma vez"}
            place = f"/conversations/{conversation.public_id}/messages"

            answers: list[Any] = at_once.run(
                [partial(api.post, place, said, key=f"once-{number}") for api in callers]
            )

            taken = [answer for answer in answers if answer.status_code == 202]
            under_way = [answer for answer in answers if answer.status_code == 409]
            assert len(taken) + len(under_way) == COPIES, answers
            assert {code(answer) for answer in under_way} <= {"idempotency_in_progress"}
            spoken = Message.objects.filter(conversation=conversation, body="Só uma vez").get()
            assert {answer.json()["message"]["id"] for answer in taken} == {str(spoken.public_id)}
            assert len([answer for answer in taken if "Idempotency-Replayed" not in answer]) == 1
            sound(conversation)
            race.saw(said=1, replayed=len(taken) - 1, told_that_it_is_under_way=len(under_way))
