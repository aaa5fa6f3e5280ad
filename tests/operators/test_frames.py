from __future__ import annotations

from typing import Any

import pytest

from conversations import clock
from conversations.models import Event
from operators.grants import Audience
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

    def test_leaves_transitions_to_the_page(self, said: Event) -> None:
        claimed = Event.objects.select_related("conversation").get(kind="handoff.claimed")

        assert frames.draw({claimed: {HERS}}, clock.now()) == {}

    def test_offers_to_act_only_to_the_holder(self, said: Event) -> None:
        drawn = frames.draw({said: {PORTUGUESE, HERS}}, clock.now())

        assert drawn[said.pk, PORTUGUESE] != drawn[said.pk, HERS]
        assert "ana" in drawn[said.pk, PORTUGUESE]  # whose it is, in the row of everybody else
