"""A conversation's page tells its whole story: who had the word when, notes, events by names, outcomes in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from conversations import clock, handoffs, merging, notes
from conversations.admin import story
from conversations.models import Conversation, Event
from operators import desk
from operators.models import Operator, Reason
from tests import builders

pytestmark = pytest.mark.django_db


def page(client: Client, conversation: Conversation, language: str = "en", **query: Any) -> str:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    path = f"/admin/conversations/conversation/{conversation.pk}/change/"
    return client.get(path, query).content.decode()


@pytest.fixture
def ana(caio: Operator) -> Operator:
    return builders.make_operator("ana")


class TestControl:
    def test_is_told_second_by_second(self, ana: Operator) -> None:
        begun = clock.now() - timedelta(hours=1)
        waiting = builders.make_waiting(now=begun)
        taken, given = begun + timedelta(minutes=5), begun + timedelta(minutes=9)
        desk.claim(waiting, operator=ana, door="panel", now=taken)
        desk.take_away(waiting, by=desk.cause(ana, "panel"), now=given)

        spans = story.control(Event.objects.order_by("seq"), begun=begun - timedelta(minutes=1)).spans

        assert [(span.mode, span.since, span.until) for span in spans] == [
            ("bot", begun - timedelta(minutes=1), begun),
            ("queued", begun, taken),
            ("human", taken, given),
            ("queued", given, None),
        ]
        assert spans[2].operator == str(ana.public_id)
        assert [span.epoch for span in spans] == [0, 1, 2, 3]

    def test_knows_to_whom_it_was_offered(self, ana: Operator) -> None:
        now = clock.now()
        waiting = builders.make_waiting(now=now)
        handoffs.offer(
            waiting,
            cause=desk.cause(ana, "panel"),
            operator=ana,
            why="longest_idle",
            answer_in=timedelta(seconds=30),
            now=now,
        )
        handoffs.decline(waiting, cause=desk.cause(ana, "panel"), operator=ana, now=now)

        spans = story.control(Event.objects.order_by("seq"), begun=now).spans

        assert [span.offered_to for span in spans[-3:]] == ["", str(ana.public_id), ""]

    @pytest.mark.parametrize("whole", [True, False])
    def test_knows_when_it_was_merged(self, ana: Operator, whole: bool) -> None:
        held, other = builders.make_held(ana), builders.make_with_bot(address="whatsapp:+551187654321")
        merging.merge(other, held, cause=desk.cause(ana, "panel"), now=clock.now())
        merging.unmerge(held, cause=desk.cause(ana, "panel"), now=clock.now())
        events = Event.objects.filter(conversation=held).order_by("seq")
        if not whole:
            events = events.filter(kind__in=["handoff.merged", "handoff.separated"])

        told = story.control(events, begun=clock.now() if whole else None)

        assert told.impossible == ""
        assert [span.merged_into for span in told.spans[-2:]] == [str(other.public_id), ""]
        assert [span.mode for span in told.spans[-2:]] == ["bot", "bot"]

    def test_begins_where_the_events_do(self, ana: Operator) -> None:
        held = builders.make_held(ana)
        desk.take_away(held, by=desk.cause(ana, "panel"), now=clock.now())
        later = Event.objects.filter(seq__gt=Event.objects.get(kind="handoff.requested").seq).order_by("seq")

        assert [span.mode for span in story.control(later, begun=None).spans] == ["human", "queued"]

    @pytest.mark.forges_rows("an event is changed to contradict the others")
    def test_says_where_the_story_contradicts_itself(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        claimed = Event.objects.get(kind="handoff.claimed")
        Event.objects.filter(pk=claimed.pk).update(epoch_before=7)

        told = story.control(Event.objects.order_by("seq"), begun=held.created_at)

        assert [span.mode for span in told.spans] == ["bot", "queued"]
        assert f"#{claimed.seq} handoff.claimed" in told.impossible
        assert f"#{claimed.seq} handoff.claimed" in page(client, held)

    @pytest.mark.parametrize("epochs", range(4))
    def test_holds_between_any_two_events(self, ana: Operator, epochs: int) -> None:
        """At every moment exactly one span, and it is of the epoch that the events say."""
        begun = clock.now() - timedelta(hours=1)
        waiting = builders.make_waiting(now=begun)
        desk.claim(waiting, operator=ana, door="panel", now=begun + timedelta(minutes=1))
        desk.take_away(waiting, by=desk.cause(ana, "panel"), now=begun + timedelta(minutes=2))
        moment = begun - timedelta(seconds=30) + epochs * timedelta(minutes=1)

        spans = story.control(Event.objects.order_by("seq"), begun=begun - timedelta(minutes=1)).spans

        assert [span.epoch for span in spans if holds(span, moment)] == [epochs]


def holds(span: story.Span, moment: datetime) -> bool:
    return span.since <= moment and (span.until is None or moment < span.until)


class TestPage:
    def test_shows_notes_where_they_were_written(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        notes.add(held, author=ana, body="Cliente antigo.", cause=desk.cause(ana, "panel"), now=clock.now())
        builders.says("obrigado")

        shown = page(client, held)

        assert shown.index("obrigado") < shown.index("Cliente antigo.") < shown.index(">oi<")
        assert "internal note" in shown

    def test_pages_notes_with_the_thread(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        notes.add(held, author=ana, body="Cliente antigo.", cause=desk.cause(ana, "panel"), now=clock.now())
        for number in range(story.PAGE + 5):
            builders.says(f"linha {number}")

        assert "Cliente antigo." not in page(client, held)
        assert "Cliente antigo." in page(client, held, before=10)

    def test_names_people_in_the_events(self, client: Client, ana: Operator) -> None:
        ana.first_name = "Ana Martins"
        ana.save()
        held = builders.make_held(ana)

        shown = page(client, held)

        assert "handoff.claimed" in shown
        assert "operator: Ana Martins" in shown
        assert str(ana.public_id) not in shown

    def test_tells_seconds_in_the_zone_of_the_company(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        claimed = timezone.localtime(Event.objects.get(kind="handoff.claimed").created_at)

        assert claimed.strftime("%d/%m/%Y %H:%M:%S") in page(client, held, "pt-br")

    @pytest.mark.parametrize(("language", "words"), [("pt-br", "Resolvido"), ("es", "Resuelto")])
    def test_says_the_outcome_in_the_words_of_the_team(
        self, client: Client, served: Conversation, language: str, words: str
    ) -> None:
        assert f">{words}<" in page(client, served, language)
        listed = client.get("/admin/conversations/handoff/")
        assert f">{words}<" in listed.content.decode()
        assert "solved" not in listed.content.decode()

    def test_says_the_code_of_a_reason_that_is_gone(self, client: Client, served: Conversation) -> None:
        Reason.objects.all().delete()

        assert ">solved<" in page(client, served)

    def test_reads_no_reason_of_another_company(self, client: Client, served: Conversation) -> None:
        Reason.objects.all().delete()
        rival = builders.make_stranger().organization
        Reason.objects.create(organization=rival, code="solved", labels={"en": "Rival words"})

        assert "Rival words" not in page(client, served)
