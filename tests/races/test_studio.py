"""A flow, the customer and people at the same moment: one handoff, one message, one end of what runs."""

from __future__ import annotations

from functools import partial

import pytest

from conversations import clock, studio
from conversations.models import Handoff, InboundWebhook, Message, Mode, StudioCall
from operators import desk
from tests.builders import JOAO, form, fresh, make_operator, says, thread
from tests.conversations.studio import make_studio_sender
from tests.races.sound import sound
from tests.races.together import ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def asked(address: str, *, sid: str = "", redirect: bool = False) -> studio.Asked:
    given = {"customer": address, "reason": "troca", "message_sid": sid, "last_message": "3"}
    posted = form("3", sid=sid, address=address) if redirect else {}
    return studio.Asked(sender=make_studio_sender(), given=given, form=posted)


def test_two_calls_of_a_flow_are_one_handoff(race: Race) -> None:
    make_studio_sender()
    with together(4, race) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55117{number:08d}"
            sid = form()["MessageSid"]
            calls = [asked(address, sid=sid, redirect=turn % 2 == 1) for turn in range(4)]

            results = at_once.run([partial(studio.request, call, now=clock.now()) for call in calls])

            assert [isinstance(one, tuple) for one in results] == [True] * 4, results
            assert Handoff.objects.filter(conversation=thread(address)).count() == 1
            assert sum(opened for _handoff, opened in results) == 1
            assert Message.objects.filter(provider_sid=sid).count() == 1
            assert StudioCall.objects.filter(conversation=thread(address)).count() == 1
            race.saw(one_handoff=1)
            sound(thread(address))


def test_a_message_on_its_way_to_the_flow_and_somebody_who_takes_over(race: Race) -> None:
    """Whichever is first: the message is there, and what it may have started at Studio is owed its end."""
    make_studio_sender()
    ana = make_operator("ana", capacity=10_000)
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55116{number:08d}"
            says("oi", address=address)
            conversation = thread(address)
            StudioCall.objects.all().delete()

            raw, _handoff = at_once.run(
                [
                    partial(says, "e agora?", address=address),
                    partial(desk.claim, conversation, operator=ana, door="panel", now=clock.now()),
                ]
            )

            assert fresh(conversation).mode == Mode.HUMAN
            assert StudioCall.objects.get(conversation=conversation).due_at is not None
            handed_on = raw.reason == InboundWebhook.TO_STUDIO
            race.saw(**{"handed_on" if handed_on else "kept_here": 1})
            sound(thread(address))


def test_copies_at_the_gate_have_one_answer(race: Race) -> None:
    make_studio_sender()
    with together(5, race) as at_once:
        for _round in range(ROUNDS):
            sid = form()["MessageSid"]
            call = studio.Asked(sender=make_studio_sender(), given={}, form=form("oi", sid=sid))

            answers = at_once.run([partial(studio.gate, call, now=clock.now())] * 5)

            assert answers == [{"owner": "bot"}] * 5
            assert Message.objects.filter(provider_sid=sid).count() == 1
            race.saw(one_answer=1)
    assert thread(JOAO).mode == Mode.BOT
