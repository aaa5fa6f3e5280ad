"""Tags of a conversation: given, shown, taken off, and found."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from conversations import clock, merging
from conversations.models import Conversation
from operators import desk, tags
from operators.models import Operator, Tag, Tagging
from tests import builders
from tests.operators.test_mentions import place, text

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _in_english(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"


def make(name: str, **more: Any) -> Tag:
    return Tag.objects.create(organization=builders.make_sender().organization, name=name, **more)


def give(panel: Client, conversation: Conversation, tag: Tag) -> Any:
    return panel.post(place(conversation, "tags"), {"tag": str(tag.public_id)}, headers=FRAGMENT)


def shown(panel: Client, conversation: Conversation) -> list[str]:
    return [tag.name for tag in tags.of([conversation.pk]).get(conversation.pk, {}).values()]


def test_is_given_and_taken_off_and_told(panel: Client, ana: Operator) -> None:
    held, tag = builders.make_held(ana), make("Entrega", hue=6)

    answer = text(give(panel, held, tag))
    assert 'class="chip tag hue-6"' in answer
    assert builders.last_event(held).kind == "conversation.tagged"
    assert builders.last_event(held).data["tag"] == str(tag.public_id)

    panel.post(place(held, f"tags/{tag.public_id}/remove"))
    assert shown(panel, held) == []
    assert builders.last_event(held).kind == "conversation.untagged"


def test_twice_is_once(panel: Client, ana: Operator) -> None:
    held, tag = builders.make_held(ana), make("Entrega")

    assert [give(panel, held, tag).status_code for _time in range(2)] == [200, 200]
    panel.post(place(held, f"tags/{tag.public_id}/remove"))
    panel.post(place(held, f"tags/{tag.public_id}/remove"))

    assert builders.kinds(held)[-2:] == ["conversation.tagged", "conversation.untagged"]
    assert builders.numbers(held) == list(range(1, builders.fresh(held).seq + 1))


def test_shows_two_in_a_row_and_counts_the_rest(panel: Client, ana: Operator) -> None:
    held = builders.make_held(ana)
    for name in ("Alfa", "Beta", "Gama", "Zeta"):
        give(panel, held, make(name))

    page = text(panel.get("/operator/list", headers=FRAGMENT))

    assert [name in page for name in (">Alfa<", ">Beta<", ">Gama<", ">+2<")] == [True, True, False, True]
    assert 'title="Gama, Zeta"' in page


def test_is_offered_while_it_is_active_and_not_given_yet(panel: Client, ana: Operator) -> None:
    held, given = builders.make_held(ana), make("Entrega")
    make("Nova")
    old = make("Velha", active=False)
    give(panel, held, given)

    for headers in ({}, FRAGMENT):
        page = text(panel.get(place(held, "tags"), headers=headers))
        assert "Nova" in page
        assert "Velha" not in page
        assert headers == {} or "Entrega" not in page
    assert give(panel, held, old).status_code == 404


@pytest.mark.parametrize("tag", ["", "x", str(UUID(int=7))])
def test_that_is_none_is_not_found(panel: Client, ana: Operator, tag: str) -> None:
    assert panel.post(place(builders.make_held(ana), "tags"), {"tag": tag}).status_code == 404


def test_of_another_company_is_not_found(panel: Client, ana: Operator) -> None:
    theirs = Tag.objects.create(organization=builders.make_stranger().organization, name="Rival")
    held = builders.make_held(ana)

    assert give(panel, held, theirs).status_code == 404
    assert panel.post(place(held, f"tags/{theirs.public_id}/remove")).status_code == 404


def test_of_what_was_merged_is_shown_and_taken_off_there(panel: Client, ana: Operator) -> None:
    held, tag = builders.make_held(ana), make("Entrega")
    other = builders.make_with_bot(address="whatsapp:+551187654321")
    give(panel, other, tag)
    merging.merge(held, other, cause=desk.cause(ana, "panel"), now=clock.now())

    assert shown(panel, held) == ["Entrega"]
    assert ">Entrega<" in text(panel.get("/operator/list", headers=FRAGMENT))
    assert not tags.add(held, tag, operator=ana, door="panel", now=clock.now())
    panel.post(place(held, f"tags/{tag.public_id}/remove"))
    assert not Tagging.objects.exists()


def test_finds_conversations_in_the_admin(client: Client, ana: Operator) -> None:
    caio = builders.make_operator("caio", staff=True)
    held, tag = builders.make_held(ana), make("Entrega")
    builders.make_held(ana, address="whatsapp:+5511900000001", ProfileName="Outra Pessoa")
    tags.add(held, tag, operator=ana, door="panel", now=clock.now())
    client.force_login(caio)

    page = text(client.get("/admin/conversations/conversation/", {"tag": str(tag.public_id)}))

    assert "João Silva" in page
    assert "Outra Pessoa" not in page


@pytest.mark.parametrize("many", [1, 6])
def test_cost_one_statement_however_many_rows(
    panel: Client, ana: Operator, many: int, django_assert_max_num_queries: Any
) -> None:
    tag = make("Entrega")
    for number in range(many):
        tags.add(
            builders.make_held(ana, address=f"whatsapp:+551190000000{number}"),
            tag,
            operator=ana,
            door="panel",
            now=clock.now(),
        )

    with django_assert_max_num_queries(7):
        panel.get("/operator/list", headers=FRAGMENT)
