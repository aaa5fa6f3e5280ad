"""Lists: filters, order, pages, and not sending what the caller has."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from conversations import clock, handoffs, media, merging, pauses
from conversations.bots.base import HandoffRequest
from conversations.models import Attachment, Conversation, Message, Organization, Sender, Status
from conversations.twilio.errors import Trouble
from handoffflow.simulator import attachments as pictures
from operators import desk as desk_module
from operators.models import Operator
from tests.api.calls import Api, caller, code, fields
from tests.builders import (
    CUSTOMER,
    bubbles,
    make_held,
    make_operator,
    make_sender,
    make_waiting,
    make_with_bot,
    says,
)

pytestmark = [pytest.mark.django_db, pytest.mark.engine]

QUEUE = "/conversations/handoff/queue"


def address(number: int) -> str:
    return f"whatsapp:+55119{number:08d}"


def ids(response: Any) -> list[str]:
    return [item["id"] for item in response.json()["items"]]


def names(*conversations: Conversation) -> list[str]:
    return [str(conversation.public_id) for conversation in conversations]


def every(api: Api, path: str, query: dict[str, str]) -> list[str]:
    """All ids of a list, page by page."""
    found: list[str] = []
    following: str | None = ""
    while following is not None:
        answer = api.get(path, {**query, **({"cursor": following} if following else {})})
        found += ids(answer)
        following = answer.json()["next"]
    return found


class TestMerged:
    def test_is_in_no_list_and_says_by_its_old_id_where_it_goes_on(self) -> None:
        goes_on, old = make_waiting(address=address(1)), make_waiting(address=address(2))
        merging.merge(goes_on, old, cause=CUSTOMER, now=clock.now())
        reader, desk = caller("read"), caller("desk")
        place, into = f"/conversations/{old.public_id}", str(goes_on.public_id)

        assert ids(reader.get("/conversations")) == ids(reader.get(QUEUE)) == names(goes_on)
        told = reader.get(place).json()
        assert (told["id"], told["merged_into"], told["mode"]) == (str(old.public_id), into, "bot")
        assert reader.get(f"/conversations/{into}").json()["merged_into"] is None
        assert len(reader.get(f"{place}/messages").json()["items"]) == len(bubbles(old))
        assert code(desk.post(f"{place}/handoff/cancel", {"reason": "x"})) == "not_found"
        stranger = caller("read", organization=Organization.objects.create(name="Outra"))
        assert code(stranger.get(place)) == code(stranger.get(f"{place}/messages")) == "not_found"

    def test_keeps_its_files_where_its_messages_say(self, tmp_path: Path, settings: Any) -> None:
        settings.MEDIA_ROOT = tmp_path
        goes_on, old = make_waiting(address=address(1)), make_with_bot(address=address(2))
        row = Attachment.objects.create(message=bubbles(old)[0], content_type="image/png")
        media.keep(row, BytesIO(pictures.photo()[1]), now=clock.now())
        merging.merge(goes_on, old, cause=CUSTOMER, now=clock.now())
        place, reader = f"/conversations/{old.public_id}", caller("read")

        [shown] = reader.get(f"{place}/messages").json()["items"][0]["media"]
        file = f"/media/{shown['id']}"

        assert shown["state"] == "stored"
        assert reader.get(place + file).getvalue() == pictures.photo()[1]
        stranger = caller("read", organization=Organization.objects.create(name="Outra"))
        assert code(stranger.get(place + file)) == "not_found"
        assert code(reader.get(f"/conversations/{goes_on.public_id}{file}")) == "not_found"

    def test_during_a_call_is_a_409_with_where_it_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ana, goes_on, old = (
            make_operator("ana"),
            make_with_bot(address=address(1)),
            make_waiting(address=address(2)),
        )
        take = desk_module.take_row_of

        def merged_meanwhile(operator: Operator, **changes: Any) -> None:
            take(operator, **changes)
            merging.merge(goes_on, old, cause=CUSTOMER, now=clock.now())

        monkeypatch.setattr(desk_module, "take_row_of", merged_meanwhile)

        refused = caller("desk").post(
            f"/conversations/{old.public_id}/handoff/assign", {"agent_id": str(ana.public_id)}
        )

        assert code(refused) == "merged"
        assert refused.json()["merged_into"] == str(goes_on.public_id)


class TestQueue:
    def test_holds_all_that_wait_or_are_served(self) -> None:
        ana = make_operator("ana")
        held, waiting = make_held(ana, address=address(1)), make_waiting(address=address(2))
        make_with_bot(address=address(3))
        desk = caller("desk")

        assert set(ids(desk.get(QUEUE))) == set(names(held, waiting))
        assert ids(desk.get(QUEUE, {"waiting": "true"})) == names(waiting)
        assert ids(desk.get(QUEUE, {"agent_id": str(ana.public_id)})) == names(held)
        assert ids(desk.get(QUEUE, {"agent_id": str(make_operator("bia").public_id)})) == []

    def test_filters_by_queue(self) -> None:
        waiting = make_waiting()
        queue = waiting.queue
        assert queue is not None

        assert ids(caller("desk").get(QUEUE, {"queue_id": str(queue.public_id)})) == names(waiting)
        assert ids(caller("desk").get(QUEUE, {"queue_id": str(waiting.public_id)})) == []

    def test_has_three_orders(self) -> None:
        now = clock.now()
        first = make_waiting(address=address(1), now=now - timedelta(minutes=9))
        urgent = make_waiting(address=address(2), now=now - timedelta(minutes=5))
        closing = make_waiting(address=address(3), now=now - timedelta(minutes=1))
        asked = HandoffRequest(reason="x", priority=3)
        handoffs.request(urgent, cause=CUSTOMER, request=asked, now=now)
        Conversation.objects.filter(pk=closing.pk).update(window_expires_at=now + timedelta(minutes=2))
        desk = caller("desk")

        assert ids(desk.get(QUEUE)) == names(urgent, first, closing)
        assert ids(desk.get(QUEUE, {"sort": "priority"})) == names(urgent, first, closing)
        assert ids(desk.get(QUEUE, {"sort": "waiting"})) == names(first, urgent, closing)
        assert ids(desk.get(QUEUE, {"sort": "window"})) == names(closing, first, urgent)
        positions = [item["handoff"]["position"] for item in desk.get(QUEUE).json()["items"]]
        assert positions == [1, 2, 3]

    def test_tells_one_place_as_the_whole_line_does(self) -> None:
        now = clock.now()
        for number in range(3):
            last = make_waiting(address=address(number), now=now - timedelta(minutes=9 - number))

        one = caller("read").get(f"/conversations/{last.public_id}").json()

        assert one["handoff"]["position"] == 3

    @pytest.mark.parametrize("sort", ["priority", "waiting", "window"])
    def test_comes_in_pages_without_gaps(self, sort: str) -> None:
        ana = make_operator("ana")
        for number in range(4):
            make_waiting(address=address(number))
        for number in range(4, 7):
            make_held(ana, address=address(number))
        desk = caller("desk")

        paged = every(desk, QUEUE, {"sort": sort, "limit": "2"})

        assert paged == ids(desk.get(QUEUE, {"sort": sort}))
        assert len(set(paged)) == 7

    def test_of_two_companies_are_two(self) -> None:
        """Put together once, asked for whoever calls."""
        waiting = make_waiting()
        stranger = caller("read", organization=Organization.objects.create(name="Outra"))
        sender = make_sender()
        elsewhere = Sender.objects.create(organization=sender.organization, address="whatsapp:+551150280099")

        for _time in range(2):
            assert ids(caller("read").get(QUEUE)) == names(waiting)
            assert ids(stranger.get(QUEUE)) == []
            assert ids(caller("read", sender=sender).get(QUEUE)) == names(waiting)
            assert ids(caller("read", sender=elsewhere).get(QUEUE)) == []

    def test_is_not_sent_again_unchanged(self) -> None:
        make_waiting()
        desk = caller("desk")
        tag = desk.get(QUEUE)["ETag"]

        def asking(known: str) -> Any:
            return desk.get(QUEUE, None, **{"If-None-Match": known})

        same = asking(f'"other", {tag}')
        other = asking('"other"')
        says("e agora?")
        changed = asking(tag)

        assert tag.startswith('W/"')
        assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)
        assert other.status_code == 200
        assert changed.status_code == 200
        assert changed["ETag"] != tag

    def test_costs_the_same_for_any_length(self, django_assert_max_num_queries: Any) -> None:
        ana, desk = make_operator("ana", capacity=30), caller("desk")
        for number in range(8):
            make_waiting(address=address(number))
            make_held(ana, address=address(100 + number))
        desk.get(QUEUE)

        with django_assert_max_num_queries(7):
            desk.get(QUEUE)


class TestConversations:
    def test_are_filtered(self) -> None:
        ana = make_operator("ana")
        held, waiting = make_held(ana, address=address(1)), make_waiting(address=address(2))
        with_bot = make_with_bot(address=address(3))
        reader = caller("read")

        def found(**query: str) -> list[str]:
            return ids(reader.get("/conversations", query))

        assert found() == names(with_bot, waiting, held)
        assert found(status="PROGRESS") == names(with_bot)
        assert found(status="HUMAN_HANDOFF") == names(waiting, held)
        assert found(mode="human") == names(held)
        assert found(agent_id=str(ana.public_id)) == names(held)
        assert found(contact_id=str(waiting.contact.public_id)) == names(waiting)
        assert len(found(sender="whatsapp:+551150280000")) == 3
        assert found(sender="whatsapp:+1") == []

    def test_come_in_pages(self) -> None:
        made = [make_with_bot(address=address(number)) for number in range(5)]

        paged = every(caller("read"), "/conversations", {"limit": "2"})

        assert paged == names(*reversed(made))

    def test_take_no_cursor_of_another_list(self) -> None:
        for number in range(2):
            make_waiting(address=address(number))
        reader = caller("read")
        cursor = reader.get(QUEUE, {"limit": "1"}).json()["next"]

        assert fields(reader.get("/conversations", {"cursor": cursor})) == [("cursor", "invalid")]
        assert fields(reader.get(QUEUE, {"cursor": ""})) == [("cursor", "invalid")]
        assert cursor.isascii()


class TestMessages:
    def talk(self) -> Conversation:
        conversation = make_with_bot()
        for number in range(6):
            says(f"mensagem {number}")
        return conversation

    def test_are_the_newest_in_order(self) -> None:
        conversation = self.talk()
        path = f"/conversations/{conversation.public_id}/messages"

        page = caller("read").get(path, {"limit": "3"}).json()

        assert [item["body"] for item in page["items"]] == ["mensagem 3", "mensagem 4", "mensagem 5"]
        assert page["next"] is not None

    def test_are_read_backwards_and_forwards(self) -> None:
        conversation = self.talk()
        path = f"/conversations/{conversation.public_id}/messages"
        reader, rows = caller("read"), bubbles(conversation)
        everything = names(*rows)  # type: ignore[arg-type]

        back = reader.get(path, {"limit": "3", "before_seq": str(rows[-1].seq)})
        older = reader.get(path, {"limit": "100", "cursor": back.json()["next"]})
        newer = every(reader, path, {"limit": "2", "after_seq": str(rows[0].seq)})

        assert ids(older) + ids(back) == everything[:-1]
        assert newer == everything[1:]

    def test_say_why_they_wait_while_their_number_is_paused(self) -> None:
        held = make_held(make_operator("ana"))
        pauses.pause(held.sender, Trouble.LOCKED, code=63051, now=clock.now())

        waiting = caller("read").get(f"/conversations/{held.public_id}/messages").json()["items"][-1]

        assert (waiting["status"], waiting["error"]["code"]) == ("queued", 63051)
        assert "locked" in waiting["error"]["text"]
        assert "paused" in waiting["error"]["text"]

    def test_say_why_one_failed(self) -> None:
        conversation = self.talk()
        newest = bubbles(conversation)[-1]
        Message.objects.filter(pk=newest.pk).update(status=Status.FAILED, error_code=63016)

        shown = caller("read").get(f"/conversations/{conversation.public_id}/messages").json()["items"]

        assert shown[-1]["status"] == "failed"
        assert shown[-1]["error"]["code"] == 63016
        assert "24 hours" in shown[-1]["error"]["text"]
        assert shown[0]["error"] is None
        assert shown[0]["status"] == "delivered"
        assert set(shown[0]) == {
            *("id", "seq", "message_owner", "agent_id", "body", "media", "reply_to", "status", "error"),
            *("epoch", "occurred_at", "created_at", "template"),
        }

    def test_lead_to_their_files(self, tmp_path: Path, settings: Any) -> None:
        settings.MEDIA_ROOT = tmp_path
        says("", NumMedia="1", MediaUrl0="https://api.twilio.com/x", MediaContentType0="image/png")
        conversation, row = Conversation.objects.get(), Attachment.objects.get()
        place = f"/conversations/{conversation.public_id}/media/{row.public_id}"
        assert caller("read").get(place).status_code == 404
        media.keep(row, BytesIO(pictures.photo()[1]), now=clock.now())

        got = caller("read").get(place)

        assert (got.status_code, got.getvalue()) == (200, pictures.photo()[1])
        assert got["Content-Disposition"].startswith("attachment")
        [shown] = (
            caller("read")
            .get(f"/conversations/{conversation.public_id}/messages")
            .json()["items"][0]["media"]
        )
        assert (shown["state"], shown["size"]) == ("stored", len(pictures.photo()[1]))
        other = make_held(make_operator("ana"), address="whatsapp:+5511900000001")
        assert (
            caller("read").get(place.replace(str(conversation.public_id), str(other.public_id))).status_code
            == 404
        )

    def test_show_media(self) -> None:
        says("", NumMedia="1", MediaUrl0="https://api.twilio.com/x", MediaContentType0="image/jpeg")
        conversation = Conversation.objects.get()

        shown = caller("read").get(f"/conversations/{conversation.public_id}/messages").json()["items"]

        media = [item["media"] for item in shown if item["media"]]
        assert [item["content_type"] for item in media[0]] == ["image/jpeg"]
        assert "twilio" not in str(shown)
