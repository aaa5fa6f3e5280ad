"""What supervisors have set up, read by programs."""

from __future__ import annotations

import pytest

from conversations import clock, pauses
from conversations.models import AuditEntry, Conversation, Organization, Queue, Sender
from conversations.twilio.errors import Trouble
from operators.models import CannedReply, Reason
from tests.api.calls import Api, caller
from tests.api.test_contacts import define
from tests.api.test_notes_and_tags import session
from tests.builders import make_operator, make_queue, make_sender, make_waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> Api:
    return caller("read")


class TestQueues:
    def test_tell_who_waits_and_what_time_does(self, reader: Api) -> None:
        make_waiting()
        spare = make_queue("Trocas", order=1, waiting_minutes=None, silent_minutes=30)
        first, second = reader.get("/queues").json()["items"]

        assert (first["name"], first["default"], first["waiting"]) == ("Atendimento", True, 1)
        assert second == {
            "id": str(spare.public_id),
            "name": "Trocas",
            "default": False,
            "waiting": 0,
            "offers": False,
            "offer_seconds": 30,
            "waiting_minutes": None,
            "waiting_then": "raise",
            "first_reply_minutes": 10,
            "silent_minutes": 30,
        }

    def test_count_only_whom_the_caller_may_see(self) -> None:
        waiting, bia = make_waiting(), make_operator("bia")
        bia.queues.clear()
        spare = Sender.objects.create(
            organization=Organization.default(), address="whatsapp:+2", account_sid="AC3", name="x"
        )

        def waits(api: Api) -> list[int]:
            return [item["waiting"] for item in api.get("/queues").json()["items"]]

        assert Conversation.objects.get(pk=waiting.pk).queue is not None
        assert waits(session(bia)) == [0]
        assert waits(caller("read", sender=spare)) == [0]
        assert waits(caller("read", sender=waiting.sender)) == [1]


class TestReasons:
    def test_are_the_outcomes_that_may_be_given(self, reader: Api) -> None:
        make_sender()
        Reason.objects.filter(code="not_solved").update(active=False)

        assert reader.get("/reasons").json()["items"] == [
            {"code": "solved", "labels": {"pt-br": "Resolvido", "en": "Solved", "es": "Resuelto"}}
        ]


class TestCannedReplies:
    def test_are_those_offered_in_a_queue(self, reader: Api) -> None:
        company, spare = make_sender().organization, make_queue("Trocas")
        other = Queue.objects.default_of(company)
        for code, queue, active in (
            ("oi", None, True),
            ("troca", spare, True),
            ("boleto", other, True),
            ("velho", None, False),
        ):
            CannedReply.objects.create(
                organization=company, code=code, title=code, body="Oi, {nome}!", queue=queue, active=active
            )

        def codes(**query: str) -> list[str]:
            return [item["code"] for item in reader.get("/canned-replies", query).json()["items"]]

        assert codes() == ["boleto", "oi", "troca"]
        assert codes(queue_id=str(spare.public_id)) == ["oi", "troca"]
        assert reader.get("/canned-replies").json()["items"][1]["body"] == "Oi, {nome}!"


class TestAttributes:
    def test_say_what_may_be_in_them(self, reader: Api) -> None:
        define("plan", "list", choices="A\n B \n\n", required=True)
        define("old", active=False)

        assert reader.get("/contact-attributes").json()["items"] == [
            {
                "key": "plan",
                "name": "plan",
                "kind": "list",
                "choices": ["A", "B"],
                "pattern": "",
                "required": True,
            }
        ]


class TestSenders:
    def test_say_why_nothing_goes_out_until_it_does_again(self) -> None:
        sender, admin = make_sender(), caller("admin")
        pauses.pause(sender, Trouble.CREDENTIALS, code=20003, now=clock.now())
        [shown] = admin.get("/senders").json()["items"]
        assert (shown["paused"], shown["paused_code"], shown["paused_at"] is None) == (
            "credentials_refused",
            20003,
            False,
        )

        first, second = (admin.post(f"/senders/{sender.public_id}/resume") for _ in range(2))

        assert (
            first.json()
            == second.json()
            == shown
            | {
                "paused": None,
                "paused_code": None,
                "paused_at": None,
            }
        )
        assert AuditEntry.objects.get(action="sender.resumed").actor_kind == "api"

    def test_keep_a_supervisors_words_to_themselves(self) -> None:
        pauses.by_hand(make_sender(), "Maria pediu", now=clock.now())

        shown = caller("read").get("/senders")
        assert shown.json()["items"][0]["paused"] == "by_hand"
        assert "Maria" not in shown.content.decode()
