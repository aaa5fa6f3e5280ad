"""What the console asks stays quick among many: nothing walks a large table, and the number of questions is fixed."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations import clock
from conversations.models import Attachment, Conversation, Message
from operators import tags
from operators.models import AttributeDefinition, Operator, Tag
from tests import builders, rows
from tests.admin.test_speed import walked

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.forges_rows("twenty thousand rows are copies of a few"),
]
MANY = 20_000
FRAGMENT = {"HX-Request": "true"}
LIST, THREAD, FILES, SETUP, TAGS = 8, 8, 1, 1, 1
"""Statements: a list with the page around it; a thread with who asks; and what some threads have."""


@pytest.fixture
def story() -> Conversation:
    return rows.fill(MANY)


@pytest.fixture
def panel(story: Conversation, client: Client) -> Client:
    builders.make_operator("bia")
    client.force_login(Operator.objects.get(username="ana"))
    return client


@pytest.mark.parametrize(
    ("place", "most"),
    [
        ("/operator/", LIST),
        ("/operator/?show=team", LIST + 1),
        ("/operator/?show=bot", LIST + 1),
        ("/operator/?sort=window", LIST),
        ("/operator/list", LIST),
        ("{chat}", LIST + THREAD - 2),
        ("{chat}thread", THREAD),
        ("{chat}thread?after=5&dock=compose", THREAD - 1),
        ("{chat}?before=15", THREAD),
    ],
)
def test_walks_no_large_table(panel: Client, story: Conversation, place: str, most: int) -> None:
    chat = f"/operator/c/{story.public_id}/"
    path = place.format(chat=chat)
    headers = FRAGMENT if place != "{chat}" and "/operator/?" not in place else {}
    panel.get(path, headers=headers)

    with CaptureQueriesContext(connection) as captured:
        assert panel.get(path, headers=headers).status_code == 200

    asked = [one["sql"] for one in captured.captured_queries if one["sql"].lstrip("(").startswith("SELECT")]
    assert len(asked) <= most
    for statement in asked:
        assert walked(statement) == [], statement


def test_asks_for_files_tags_and_what_is_set_up_where_there_are_some(
    panel: Client, story: Conversation
) -> None:
    first = Message.objects.filter(conversation=story).order_by("seq")[0]
    Attachment.objects.create(message=first, content_type="image/jpeg")
    company, ana = story.sender.organization, Operator.objects.get(username="ana")
    AttributeDefinition.objects.create(organization=company, key="cpf", name="CPF")
    tags.add(
        story,
        Tag.objects.create(organization=company, name="Entrega"),
        operator=ana,
        door="panel",
        now=clock.now(),
    )
    path = f"/operator/c/{story.public_id}/thread"
    panel.get(path, headers=FRAGMENT)

    with CaptureQueriesContext(connection) as captured:
        page = panel.get(path, headers=FRAGMENT).content.decode()

    assert "Entrega" in page
    assert first.kind == "text"
    assert len(captured) == THREAD + FILES + SETUP + TAGS
    assert [walked(one["sql"]) for one in captured.captured_queries if "SELECT" in one["sql"][:8]] == [
        []
    ] * len(captured)
