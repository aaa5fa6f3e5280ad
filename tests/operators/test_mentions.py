"""Colleagues named in a note: who can be, who is told, and until when."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from conversations import clock, errors, merging
from conversations.models import Conversation, Event, Mention, Note, Queue
from operators import desk, grants, mentions, stream
from operators.hub import Portion
from operators.models import Operator
from tests import builders

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _in_english(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"


def person(username: str, first: str = "", last: str = "", **params: Any) -> Operator:
    operator = builders.make_operator(username, **params)
    operator.first_name, operator.last_name = first, last
    operator.save()
    return operator


@pytest.fixture
def ana() -> Operator:
    return person("ana", "Ana", "Martins")


@pytest.fixture
def bia() -> Operator:
    return person("bia", "Bía", "Rocha")


def write(conversation: Conversation, author: Operator, body: str, **more: Any) -> Note:
    return mentions.note(conversation, author=author, body=body, door="panel", now=clock.now(), **more)


def place(conversation: Conversation, what: str = "") -> str:
    return f"/operator/c/{conversation.public_id}/{what}"


def text(response: Any) -> str:
    return str(response.content.decode())


def hide(conversation: Conversation, operator: Operator) -> None:
    """The conversation is in a queue that this operator does not serve."""
    queue = Queue.objects.filter(name="Financeiro").first() or builders.make_queue("Financeiro")
    Conversation.objects.filter(pk=conversation.pk).update(queue=queue)
    operator.queues.clear()


class TestANote:
    @pytest.mark.parametrize(
        "body",
        [
            "@Bía veja",
            "olha, @bia!",
            "@BIA ROCHA, ligue",
            "*@bía rocha*",
            "@bía",
            "(@Bi\u0301a)",
            "a@b.c @bia",
        ],
    )
    def test_names_a_colleague_by_any_of_their_names(self, ana: Operator, bia: Operator, body: str) -> None:
        note = write(builders.make_held(ana), ana, body)

        assert [mention.operator for mention in note.mentions.all()] == [bia]

    @pytest.mark.parametrize(
        "body", ["bia@example.com", "@biatriz", "@bia_rocha", "@@bia", "@", "@ bia", "bia"]
    )
    def test_names_nobody_by_what_only_looks_like_it(self, ana: Operator, bia: Operator, body: str) -> None:
        assert not write(builders.make_held(ana), ana, body).mentions.exists()

    def test_means_nobody_by_a_name_that_two_have(self, ana: Operator, bia: Operator) -> None:
        other = person("beatriz", "Bía", "Souza")
        held = builders.make_held(ana)

        assert not write(held, ana, "@Bía veja").mentions.exists()
        assert [one.operator for one in write(held, ana, "@Bía Souza veja").mentions.all()] == [other]
        assert {one.handle for one in mentions.colleagues(held, ana)} == {"Bía Rocha", "Bía Souza"}

    def test_names_each_once_and_never_its_author(self, ana: Operator, bia: Operator) -> None:
        note = write(builders.make_held(ana), ana, "@bia @Bía e @ana")

        assert [mention.operator for mention in note.mentions.all()] == [bia]

    def test_shows_whom_it_names(self, panel: Client, ana: Operator, bia: Operator, client: Client) -> None:
        held = builders.make_held(ana)
        write(held, ana, "*@Bía* <b> @nobody")

        assert '<strong><mark class="at">@Bía</mark></strong> &lt;b&gt; @nobody' in text(
            panel.get(place(held))
        )
        client.force_login(bia)
        assert '<mark class="at me">@Bía</mark>' in text(client.get(place(held)))

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    def test_is_refused_for_somebody_who_may_not_see_the_chat(
        self, panel: Client, ana: Operator, bia: Operator, headers: dict[str, str]
    ) -> None:
        held = builders.make_held(ana)
        hide(held, bia)

        response = panel.post(place(held, "note"), {"body": "@bia veja"}, headers=headers)

        assert response.status_code == 422
        assert "Bía Rocha may not see this chat" in text(response)
        assert headers or "@bia veja</textarea>" in text(response)
        assert not Note.objects.exists()

    def test_that_is_whispered_names_nobody_else(self, ana: Operator, bia: Operator) -> None:
        caio = person("caio", staff=True)

        with pytest.raises(errors.MentionRefused):
            write(builders.make_held(ana), caio, "@bia também", whisper_to=ana)
        assert not Note.objects.exists()

    def test_tells_the_event_who_and_no_text(self, ana: Operator, bia: Operator) -> None:
        held = builders.make_held(ana)
        note = write(held, ana, "@bia segredo")

        told = builders.last_event(held).data
        assert told["mentioned"] == [bia.pk]
        assert (told["note"], "segredo" in json.dumps(told)) == (note.pk, False)


class TestTheList:
    def test_offers_exactly_those_who_may_see_the_chat(self, ana: Operator, bia: Operator) -> None:
        person("caio", staff=True)
        person("gone").delete()
        away = person("dora")
        Operator.objects.filter(pk=away.pk).update(is_active=False)
        builders.make_stranger()
        apart = person("eva")
        for conversation in (
            builders.make_held(ana),
            builders.make_with_bot(address="whatsapp:+5511900000001"),
        ):
            hide(conversation, apart)
            conversation = builders.fresh(conversation)

            offered = {one.operator for one in mentions.colleagues(conversation, ana)}

            team = Operator.objects.filter(is_active=True).exclude(pk=ana.pk)
            seeing = {
                one
                for one in team
                if Conversation.objects.visible_to(one).filter(pk=conversation.pk).exists()
            }
            assert offered == seeing

    def test_is_drawn_with_what_is_written_behind_the_at(
        self, panel: Client, ana: Operator, bia: Operator
    ) -> None:
        page = text(panel.get(place(builders.make_held(ana), "colleagues"), headers=FRAGMENT))

        assert 'data-pick="Bía"' in page
        assert "ana" not in page


class TestBeingMentioned:
    def test_marks_the_chat_until_it_is_opened(self, client: Client, ana: Operator, bia: Operator) -> None:
        held = builders.make_held(ana)
        write(held, ana, "@bia veja")
        client.force_login(bia)

        before = text(client.get("/operator/list", headers=FRAGMENT))
        opened = text(client.get(place(held), headers=FRAGMENT))
        after = text(client.get("/operator/list", headers=FRAGMENT))

        assert "you are mentioned" in before
        assert f"row-{held.public_id}" in before
        assert "you are mentioned" not in opened
        assert "you are mentioned" not in after
        assert Mention.objects.get().read_at is not None

    def test_marks_the_row_where_it_stands_anyway(self, client: Client, ana: Operator, bia: Operator) -> None:
        held = builders.make_held(bia)
        write(held, ana, "@bia veja")
        client.force_login(bia)

        page = text(client.get("/operator/list", headers=FRAGMENT))

        assert page.count(f'id="row-{held.public_id}"') == 1
        assert "<b>Mentions</b>" not in page
        assert "you are mentioned" in page

    def test_is_not_read_by_the_thread_asking_by_itself(
        self, client: Client, ana: Operator, bia: Operator
    ) -> None:
        held = builders.make_held(ana)
        write(held, ana, "@bia veja")
        client.force_login(bia)

        client.get(place(held, "thread"), headers=FRAGMENT)
        assert Mention.objects.get().read_at is None
        client.post(place(held, "mentions"))
        assert Mention.objects.get().read_at is not None

    def test_is_told_to_whom_it_names_only(self, client: Client, ana: Operator, bia: Operator) -> None:
        held = builders.make_held(ana)
        write(held, ana, "@bia veja")

        for reader, told in ((bia, True), (ana, False)):
            client.force_login(reader)
            assert ("mentioned you" in text(client.get("/operator/mentions", headers=FRAGMENT))) is told
            frame = json.loads(_data(reader, builders.last_event(held)))
            assert frame.get("mention", False) is told

    def test_a_whisper_is_told_to_whom_it_is_for_only(
        self, client: Client, ana: Operator, bia: Operator
    ) -> None:
        held, caio = builders.make_held(ana), person("caio", "Caio", staff=True)
        write(held, caio, "Ofereça o frete.", whisper_to=ana)

        for reader, told in ((ana, True), (bia, False), (caio, False)):
            client.force_login(reader)
            cards = text(client.get("/operator/mentions", headers=FRAGMENT))
            assert ("Caio whispered to you in the chat with João" in cards) is told
            assert ("you are mentioned" in text(client.get("/operator/list", headers=FRAGMENT))) is told
            frame = json.loads(_data(reader, builders.last_event(held)))
            assert frame.get("mention", False) is told

        client.force_login(ana)
        assert "Ofereça o frete." in text(client.get(place(held)))
        assert "whispered to you" not in text(client.get("/operator/mentions", headers=FRAGMENT))

    def test_is_not_told_to_whoever_may_no_longer_see_it(
        self, client: Client, ana: Operator, bia: Operator
    ) -> None:
        held = builders.make_held(ana)
        write(held, ana, "@bia veja")
        hide(held, bia)
        client.force_login(bia)

        assert "mentioned you" not in text(client.get("/operator/mentions", headers=FRAGMENT))
        assert "you are mentioned" not in text(client.get("/operator/list", headers=FRAGMENT))

    def test_goes_on_in_the_chat_that_it_was_merged_into(
        self, client: Client, ana: Operator, bia: Operator
    ) -> None:
        held = builders.make_held(ana)
        other = builders.make_with_bot(address="whatsapp:+551187654321")
        write(other, ana, "@bia veja")
        merging.merge(held, other, cause=desk.cause(ana, "panel"), now=clock.now())
        client.force_login(bia)

        assert f"row-{held.public_id}" in text(client.get("/operator/list", headers=FRAGMENT))
        client.get(place(held))
        assert Mention.objects.get().read_at is not None


def _data(operator: Operator, event: Event) -> str:
    _entry, may = grants.enter(operator, "key", "en")
    event = Event.objects.select_related("conversation").get(pk=event.pk)
    return stream._data(may, event, Portion([event], ""))
