"""What the console asks stays quick among many: nothing walks a large table, and the number of questions is fixed."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.models import Conversation
from operators.models import Operator
from tests import builders, rows
from tests.admin.test_speed import walked

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.forges_rows("twenty thousand rows are copies of a few"),
]
MANY = 20_000
FRAGMENT = {"HX-Request": "true"}
LIST, THREAD, BESIDE = 8, 8, 5
"""Statements: a list with the page around it; a thread with who asks; what stands beside and below the thread."""


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
        ("{chat}", LIST + THREAD + BESIDE - 2),
        ("{chat}thread", THREAD + BESIDE),
        ("{chat}thread?after=5&dock=compose", THREAD + BESIDE - 1),
        ("{chat}?before=15", THREAD + BESIDE),
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
