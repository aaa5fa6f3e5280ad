from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from conversations import clock
from conversations.models import Conversation, Handoff, Queue
from operators import desk
from operators.models import Operator
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ana")]


def page(panel: Client, conversation: Conversation) -> str:
    return panel.get(f"/operator/c/{conversation.public_id}/").content.decode()


def due(shown: str) -> str:
    after = shown[shown.index('id="due">') :].partition(">")[2].partition("</div>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", after).split())


def answers(conversation: Conversation, operator: Operator) -> None:
    conversation.refresh_from_db()
    desk.reply(
        conversation,
        operator=operator,
        door="panel",
        body="Oi!",
        epoch=conversation.epoch,
        client_key=None,
        now=clock.now(),
    )


@pytest.mark.parametrize(
    ("limit", "waited", "level"),
    [
        (10, 5, ""),
        (10, 6, "warn"),
        (10, 10, "bad"),
        (60, 10, ""),
        (None, 3, "warn"),
        (None, 5, "bad"),
        (None, 2, ""),
    ],
)
def test_a_wait_is_coloured_by_its_queues_limit(
    panel: Client, limit: int | None, waited: int, level: str
) -> None:
    builders.make_waiting(now=clock.now() - timedelta(minutes=waited))
    Queue.objects.update(waiting_minutes=limit)

    shown = panel.get("/operator/").content.decode()

    assert re.findall(r'chip wait (\w*)"', shown) == [level]


class TestTheFirstReply:
    def test_has_its_time_beside_the_box_and_in_the_panel(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)

        shown = page(panel, held)

        assert "Responder em 9min" in due(shown)
        assert "Responder até" in shown
        assert 'data-reply="' in shown

    def test_is_red_in_its_last_minute(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        Handoff.objects.filter(open_for=held).update(due_at=clock.now() + timedelta(seconds=59))

        assert re.search(r'id="due"><span class="chip bad"', page(panel, held))

    @pytest.mark.parametrize(("took", "said"), [(9, "no prazo"), (11, "fora do prazo")])
    def test_was_in_time_or_late(self, panel: Client, ana: Operator, took: int, said: str) -> None:
        held = builders.make_held(ana)
        answers(held, ana)
        handoff = Handoff.objects.get(open_for=held)
        assert handoff.first_handoff_at
        replied = handoff.first_handoff_at + timedelta(minutes=took)
        Handoff.objects.filter(pk=handoff.pk).update(first_reply_at=replied)

        times = re.search(r"1ª resposta</dt><dd[^>]*>(.*?)</dd>", page(panel, held), re.S)

        assert times
        assert said in times[1]


def test_whoever_has_the_last_word_waits_since_their_first_unanswered_one(
    panel: Client, ana: Operator
) -> None:
    held = builders.make_held(ana, now=clock.now() - timedelta(minutes=20))
    answers(held, ana)
    assert "Sem resposta" not in page(panel, held)
    now = clock.now()

    builders.says("e agora?", now=now - timedelta(minutes=8))
    builders.says("oi?", now=now)

    assert re.search(r'id="due"><span class="chip wait warn"', page(panel, held))
    assert "Sem resposta há 8:0" in due(page(panel, held))


def test_a_chat_of_somebody_else_hurries_nobody(panel: Client) -> None:
    other = builders.make_held(builders.make_operator("bia"))

    assert 'id="due"' not in page(panel, other)
