from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from conversations import clock, notes, statuses
from conversations.models import Conversation, Event
from operators import desk, presence
from operators.grants import Audience
from operators.models import Operator
from operators.views import frames
from tests import builders

pytestmark = pytest.mark.django_db

PORTUGUESE = Audience("pt-br", "America/Sao_Paulo", mine=False)
ENGLISH = Audience("en", "Asia/Tokyo", mine=False)
HERS = Audience("pt-br", "America/Sao_Paulo", mine=True)


def newest() -> Event:
    return Event.objects.select_related("conversation").order_by("-pk")[0]


@pytest.fixture
def said() -> Event:
    builders.make_held(builders.make_operator("ana"))
    builders.says("Bom dia")
    return newest()


class TestDrawing:
    def test_asks_the_database_as_often_for_many_audiences_as_for_one(
        self, said: Event, django_assert_max_num_queries: Any
    ) -> None:
        with django_assert_max_num_queries(6):
            drawn = frames.draw({said: {PORTUGUESE, ENGLISH, HERS}}, clock.now())

        assert len(drawn) == 3

    def test_puts_the_row_only_into_the_last_frame_of_a_conversation(self, said: Event) -> None:
        builders.says("Tudo bem?")
        later = newest()

        drawn = frames.draw({later: {HERS}, said: {HERS}}, clock.now())

        assert '"row"' not in drawn[said.pk, HERS]
        assert '"row"' in drawn[later.pk, HERS]

    def test_hangs_a_bubble_on_the_one_before_as_the_page_does(self, said: Event) -> None:
        builders.says("Tudo bem?")

        first, second = (
            frames.draw({event: {HERS}}, clock.now())[event.pk, HERS] for event in (said, newest())
        )

        assert 'class=\\"m in gap\\"' in first
        assert 'class=\\"m in\\"' in second

    def test_puts_the_day_over_its_first_bubble_once_and_not_again_with_each_tick(self) -> None:
        now, ana = clock.now(), builders.make_operator("ana")
        held = builders.make_held(ana, now=now - timedelta(days=1))
        Conversation.objects.filter(pk=held.pk).update(window_expires_at=now + timedelta(hours=1))
        held.refresh_from_db()
        said = desk.reply(
            held, operator=ana, door="api", body="Bom dia!", epoch=held.epoch, client_key=None, now=now
        )[0]
        accepted = newest()
        statuses.observe(said, status="sent", code=None, cause=statuses.REPORTED, now=now)
        sent = newest()

        drawn = frames.draw({accepted: {HERS}, sent: {HERS}}, now)

        assert [event.kind for event in (accepted, sent)] == ["message.accepted", "message.status"]
        assert drawn[accepted.pk, HERS].count('class=\\"day\\"') == 1
        assert 'class=\\"day\\"' not in drawn[sent.pk, HERS]
        assert f"m-{said.public_id}" in drawn[sent.pk, HERS]

    def test_leaves_the_row_of_an_offer_to_the_list_of_each(self, said: Event) -> None:
        ana = Operator.objects.get(username="ana")
        bia = builders.make_operator("bia")
        presence.beat(bia, now=clock.now())
        desk.transfer(
            said.conversation,
            by=desk.cause(ana, "panel"),
            author=ana,
            operator=ana,
            to=bia,
            note="Falta o CEP.",
            now=clock.now(),
        )
        builders.says("Tudo bem?")
        event = newest()

        drawn = frames.draw({event: {PORTUGUESE}}, clock.now())

        assert '"bubble"' in drawn[event.pk, PORTUGUESE]
        assert '"row"' not in drawn[event.pk, PORTUGUESE]

    def test_does_not_hang_a_bubble_on_one_before_a_note(self, said: Event) -> None:
        ana = Operator.objects.get(username="ana")
        notes.add(
            said.conversation,
            author=ana,
            body="Cliente novo.",
            cause=desk.cause(ana, "panel"),
            now=clock.now(),
        )
        builders.says("Tudo bem?")
        event = newest()

        assert 'class=\\"m in gap\\"' in frames.draw({event: {HERS}}, clock.now())[event.pk, HERS]

    def test_leaves_transitions_to_the_page(self, said: Event) -> None:
        claimed = Event.objects.select_related("conversation").get(kind="handoff.claimed")

        assert frames.draw({claimed: {HERS}}, clock.now()) == {}

    def test_offers_to_act_only_to_the_holder(self, said: Event) -> None:
        drawn = frames.draw({said: {PORTUGUESE, HERS}}, clock.now())

        assert drawn[said.pk, PORTUGUESE] != drawn[said.pk, HERS]
        assert "ana" in drawn[said.pk, PORTUGUESE]  # whose it is, in the row of everybody else
