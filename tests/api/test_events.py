"""What happened, read on by a cursor: of one's own company, sender or queues, and no number of ours in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from conversations import clock, cursors, intake, notes
from conversations.models import Conversation, Event, Message, Note, Sender
from operators import desk
from tests import builders
from tests.api.calls import Api, bot, caller, code, fields
from tests.builders import make_held, make_operator, make_sender, make_stranger, make_waiting, make_with_bot

pytestmark = pytest.mark.django_db


def now_of(api: Api) -> str:
    found = api.get("/events").json()
    assert found["items"] == []
    return str(found["next"])


def told(api: Api, after: str, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get("/events", {"after": after, "limit": 100, **query}).json()["items"]
    return items


def elsewhere(address: str = "whatsapp:+2") -> Conversation:
    """A conversation with another number of the company."""
    sender = Sender.objects.create(
        organization=make_sender().organization, address=address, account_sid="AC3", name="x"
    )
    intake.receive(builders.form("oi", To=address, AccountSid="AC3"), sender=sender, now=clock.now())
    return Conversation.objects.get(sender=sender)


class TestAPage:
    def test_tells_a_service_from_its_request_to_its_end(self) -> None:
        ana, reader = make_operator("ana"), caller("read")
        after = now_of(reader)
        conversation = make_held(ana)

        found = told(reader, after)

        assert [item["type"] for item in found] == builders.kinds(conversation)
        assert {item["conversation_id"] for item in found} == {str(conversation.public_id)}
        assert [item["seq"] for item in found] == sorted(item["seq"] for item in found)
        claimed = next(item for item in found if item["type"] == "handoff.claimed")
        assert claimed["actor"] == {"kind": "operator", "id": str(ana.public_id)}
        assert claimed["data"]["agent_id"] == str(ana.public_id)
        assert claimed["epoch_after"] == claimed["epoch_before"] + 1
        assert claimed["at"].endswith("Z")

    def test_names_a_message_by_the_id_under_which_it_can_be_read(self) -> None:
        reader = caller("read")
        after = now_of(reader)
        make_with_bot()

        [came] = [item for item in told(reader, after) if item["type"] == "message.received"]

        message = Message.objects.get()
        assert came["data"]["message_id"] == str(message.public_id)
        assert came["data"]["message_seq"] == message.seq

    def test_lets_no_number_of_the_database_out(self) -> None:
        ana, bia, reader = make_operator("ana"), make_operator("bia"), caller("read")
        for number in range(40):  # so that no id is by chance what something else may be
            Message.objects.all()
            make_operator(f"x{number}")
        after = now_of(reader)
        conversation = make_held(ana)
        notes.add(
            conversation,
            author=ana,
            body="@bia veja",
            cause=desk.cause(ana, "panel"),
            now=clock.now(),
            mentioned=[(bia, "@bia")],
        )

        found = told(reader, after)

        [noted] = [item["data"] for item in found if item["type"] == "note.added"]
        assert noted["note_id"] == str(Note.objects.get().public_id)
        assert "mentioned" not in noted
        numbers = {"message_seq", "handoff", "step", "error_code"}
        for item in found:
            assert {name for name, value in item["data"].items() if isinstance(value, int)} <= numbers
            assert not {"message", "note", "attachment", "id", "pk"} & set(item["data"])

    def test_leaves_out_what_nobody_has_listed(self) -> None:
        reader = caller("read")
        after = now_of(reader)
        conversation = make_with_bot()
        event = builders.last_event(conversation)
        Event.objects.filter(pk=event.pk).update(data={**event.data, "secret": "João", "message": 10**9})

        assert "João" not in json.dumps(told(reader, after))

    def test_goes_on_where_the_one_before_ended(self) -> None:
        reader = caller("read")
        after = now_of(reader)
        conversation = make_held(make_operator("ana"))
        seen, more = [], True
        while more:
            page = reader.get("/events", {"after": after, "limit": 2}).json()
            seen += [item["seq"] for item in page["items"]]
            after, more = page["next"], page["more"]

        assert seen == list(Event.objects.filter(conversation=conversation).values_list("seq", flat=True))
        assert told(reader, after) == []


class TestWhoIsTold:
    def test_nothing_of_another_company(self) -> None:
        ours, theirs = caller("read"), caller("read", organization=make_stranger().organization)
        after = now_of(ours)
        make_waiting()

        assert told(ours, after)
        assert told(theirs, after) == []

    def test_a_key_of_one_sender_of_that_one_only(self) -> None:
        robo, everything = caller("bot", "read", sender=make_sender()), caller("read")
        after = now_of(robo)
        other, ours = elsewhere(), make_with_bot(address="whatsapp:+5511900000002")

        assert {item["conversation_id"] for item in told(robo, after)} == {str(ours.public_id)}
        assert {item["conversation_id"] for item in told(everything, after)} == {
            str(ours.public_id),
            str(other.public_id),
        }

    def test_an_operator_what_the_console_shows_them(self) -> None:
        builders.make_queue("Financeiro")
        ana, bia = make_operator("ana"), make_operator("bia")
        bia.queues.clear()
        conversation = make_waiting()
        reader = {}
        for who in (ana, bia):
            client = Client()
            client.force_login(who)
            reader[who.username] = Api(client=client)
        start = str(cursors.Cursor(Event.objects.earliest("pk").pk))

        assert {item["conversation_id"] for item in told(reader["ana"], start)} == {
            str(conversation.public_id)
        }
        assert told(reader["bia"], start) == []

    def test_nobody_without_the_scope(self) -> None:
        assert code(bot().get("/events")) == "scope"
        assert code(Api().get("/events")) == "unauthenticated"


class TestACursor:
    def test_that_is_none_is_refused(self) -> None:
        assert fields(caller("read").get("/events", {"after": "yesterday"})) == [("after", "invalid")]

    def test_behind_which_nothing_is_kept_is_gone_and_says_where_to_begin(self) -> None:
        reader = caller("read")
        make_with_bot()
        old = str(cursors.Cursor(Event.objects.latest("pk").pk + 1000))

        refused = reader.get("/events", {"after": old})

        assert (refused.status_code, code(refused)) == (410, "cursor_expired")
        make_with_bot(address="whatsapp:+5511900000002")
        assert told(reader, refused.json()["next"])

    def test_limit_is_bounded(self) -> None:
        assert fields(caller("read").get("/events", {"limit": "101"})) == [("limit", "range")]
