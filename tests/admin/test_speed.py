"""Lists, pages and the search over thousands of messages: few statements, and each goes through an index."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.models import Conversation, Message
from operators.models import Operator
from tests import rows

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.engine,
    pytest.mark.forges_rows("thousands of rows are copies of a few"),
]

MANY, EACH = 6_000, 5
MOST = 10
LARGE = ("conversation", "message", "event", "contact", "contactaddress", "handoff", "inboundwebhook")
CONVERSATIONS, MESSAGES = "/admin/conversations/conversation/", "/admin/conversations/message/"


@pytest.fixture
def story(caio: Operator) -> Conversation:
    return rows.fill(MANY, each=EACH)


class Told:
    def __init__(self, client: Client, path: str, **query: Any) -> None:
        with CaptureQueriesContext(connection) as captured:
            self.response = client.get(path, query)
        assert self.response.status_code == 200
        self.statements = [one["sql"] for one in captured.captured_queries]

    @property
    def rows(self) -> list[Any]:
        return list(self.response.context["cl"].result_list)

    def check(self, *, few: bool = False) -> None:
        """``few``: what it shows is sorted by hand, and little."""
        assert len(self.statements) <= MOST, "\n".join(self.statements)
        assert not [one for one in self.statements if "COUNT(" in one]
        for statement in self.statements:
            if statement.startswith("SELECT"):
                assert walked(statement) == [], statement
                assert few or 'FROM "conversations_' not in statement or not sorted_by_hand(statement)


def plan(statement: str) -> Any:
    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN (FORMAT JSON) ", "mysql": "EXPLAIN "}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # It rightly reads small tables whole; what remains now has no index at all.
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(explain[connection.vendor] + statement)
        return cursor.fetchall()


def walked(statement: str) -> list[str]:
    """Large tables that a statement would read from one end to the other."""
    read = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}[connection.vendor]
    return read(plan(statement))


def sorted_by_hand(statement: str) -> bool:
    return connection.vendor == "sqlite" and "TEMP B-TREE FOR ORDER BY" in str(plan(statement))


def _sqlite(plan: list[Any]) -> list[str]:
    told = [line[-1] for line in plan]
    walks = [line for line in told if re.fullmatch(rf"SCAN conversations_({'|'.join(LARGE)})\b.*", line)]
    return [line for line in walks if "USING INDEX" not in line]


def _postgresql(plan: list[Any]) -> list[str]:
    found = plan[0][0]
    tree = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    large = {f"conversations_{name}" for name in LARGE}
    return [
        node["Relation Name"]
        for node in _nodes(tree)
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in large
    ]


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(one for child in node.get("Plans", ()) for one in _nodes(child))]


def _mysql(plan: list[Any]) -> list[str]:
    large = {f"conversations_{name}" for name in LARGE}
    return [str(line) for line in plan if line[2] in large and line[3] == "ALL"]


class TestConversations:
    def test_are_listed(self, client: Client, story: Conversation) -> None:
        Told(client, CONVERSATIONS).check()

    def test_are_listed_further_back(self, client: Client, story: Conversation) -> None:
        told = Told(client, CONVERSATIONS, p=5)

        told.check()
        assert len(told.rows) == 50
        assert "201 a 250" in told.response.content.decode() or "201 to 250" in told.response.content.decode()

    @pytest.mark.parametrize("mode", ["bot", "human", "queued"])
    def test_are_filtered_by_mode(self, client: Client, story: Conversation, mode: str) -> None:
        Told(client, CONVERSATIONS, mode__exact=mode).check()

    def test_are_filtered_by_operator_and_queue(self, client: Client, story: Conversation) -> None:
        Told(client, CONVERSATIONS, operator__id__exact=story.operator_id).check()
        Told(client, CONVERSATIONS, queue__id__exact=story.queue_id).check(few=True)

    @pytest.mark.parametrize("words", ["cliente 77", "CLIÉNTE 77", "souza cliente 77", "souza cli"])
    def test_are_found_by_the_beginning_of_a_name(
        self, client: Client, story: Conversation, words: str
    ) -> None:
        told = Told(client, CONVERSATIONS, q=words)

        told.check(few=True)
        assert all("Souza" in one.contact.name for one in told.rows)
        assert len(told.rows) >= 11

    def test_are_not_found_by_what_is_in_no_name(self, client: Client, story: Conversation) -> None:
        told = Told(client, CONVERSATIONS, q="fulano")

        told.check(few=True)
        assert told.rows == []

    @pytest.mark.parametrize("number", ["+55 21 90000-0042", "whatsapp:+5521900000042", "5521900000042"])
    def test_are_found_by_a_number(self, client: Client, story: Conversation, number: str) -> None:
        told = Told(client, CONVERSATIONS, q=number)

        told.check(few=True)
        assert [one.contact.name for one in told.rows] == ["Cliente 42 Souza"]

    def test_are_found_by_their_id(self, client: Client, story: Conversation) -> None:
        told = Told(client, CONVERSATIONS, q=str(story.public_id))

        told.check(few=True)
        assert told.rows == [story]

    def test_are_shown(self, client: Client, story: Conversation) -> None:
        Told(client, f"{CONVERSATIONS}{story.pk}/change/").check()
        Told(client, f"{CONVERSATIONS}{story.pk + 7}/change/").check()


class TestMessages:
    def test_are_listed(self, client: Client, story: Conversation) -> None:
        Told(client, MESSAGES).check()

    @pytest.mark.parametrize("filtered", [{"status__exact": "failed"}, {"author__exact": "bot"}])
    def test_are_filtered(self, client: Client, story: Conversation, filtered: dict[str, str]) -> None:
        Told(client, MESSAGES, **filtered).check()

    def test_are_found_by_conversation(self, client: Client, story: Conversation) -> None:
        told = Told(client, MESSAGES, q=str(story.public_id))

        told.check(few=True)
        assert [one.seq for one in told.rows] == sorted((one.seq for one in told.rows), reverse=True)
        assert {one.conversation_id for one in told.rows} == {story.pk}

    def test_are_found_by_id_and_sid(self, client: Client, story: Conversation) -> None:
        message = Message.objects.get(provider_sid="SM77x")
        for words in (str(message.public_id), "SM77x"):
            told = Told(client, MESSAGES, q=words)

            told.check(few=True)
            assert told.rows == [message]

    def test_are_shown(self, client: Client, story: Conversation) -> None:
        Told(client, f"{MESSAGES}{Message.objects.latest('pk').pk}/change/").check()


class TestTheOthers:
    @pytest.mark.parametrize("thing", ["handoff", "inboundwebhook", "delivery", "auditentry"])
    def test_are_listed(self, client: Client, story: Conversation, thing: str) -> None:
        Told(client, f"/admin/conversations/{thing}/").check()


class TestTheCheck:
    @pytest.mark.parametrize(
        "statement",
        [
            "SELECT * FROM conversations_message WHERE body = 'x'",
            "SELECT * FROM conversations_conversation WHERE last_preview = 'x'",
        ],
    )
    def test_would_notice_a_walk(self, story: Conversation, statement: str) -> None:
        assert walked(statement)

    def test_would_notice_a_sort(self, story: Conversation) -> None:
        found = sorted_by_hand("SELECT * FROM conversations_message ORDER BY occurred_at DESC LIMIT 50")

        assert found == (connection.vendor == "sqlite")
