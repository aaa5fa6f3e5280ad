"""From the bot to a person and back, through the API alone; and what each call refuses on the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from conversations import clock, contacts, jsons
from conversations.models import Conversation, Event, Handoff, Message
from tests.api.calls import Api, bot, caller, code, fields
from tests.builders import (
    bubbles,
    fresh,
    make_held,
    make_operator,
    make_sender,
    make_stranger,
    make_waiting,
    make_with_bot,
    says,
)

pytestmark = [pytest.mark.django_db, pytest.mark.engine]


def at(conversation: Conversation, call: str = "") -> str:
    return f"/conversations/{conversation.public_id}{call}"


def release(**fields: Any) -> dict[str, Any]:
    return {"outcome": "solved", "last_seen_seq": 1000, **fields}


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels > 1 else {"a": 1}


class TestLoop:
    def test_goes_from_the_bot_to_a_person_and_back(self) -> None:
        ana, conversation = make_operator("ana"), make_with_bot()
        robo, desk, reader = bot(), caller("desk"), caller("read")

        said = robo.post(at(conversation, "/messages"), {"message_owner": "bot", "epoch": 0, "body": "Olá!"})
        asked = robo.post(
            at(conversation, "/handoff/request"),
            {"reason": "refund", "summary": "Quer o dinheiro.", "slots": {"pedido": 7}, "epoch": 0},
        )
        waiting = desk.get("/conversations/handoff/queue", {"waiting": "true"}).json()
        taken = desk.post(at(conversation, "/handoff/assign"), {"agent_id": str(ana.public_id)})
        mine = desk.get("/conversations/handoff/queue", {"agent_id": str(ana.public_id)}).json()
        answered = desk.post(
            at(conversation, "/messages"),
            {"message_owner": "agent", "agent_id": str(ana.public_id), "body": "Já vejo."},
        )
        ended = desk.post(
            at(conversation, "/handoff/release"), release(last_seen_seq=1, summary="Estornado.")
        )
        resumed = robo.post(
            at(conversation, "/messages"),
            {"message_owner": "bot", "epoch": ended.json()["epoch"], "body": "Mais alguma coisa?"},
        )
        thread = reader.get(at(conversation, "/messages"))

        answers = [said, asked, taken, answered, ended, resumed]
        assert [answer.status_code for answer in answers] == [202, 201, 200, 202, 200, 202]
        assert [item["id"] for item in waiting["items"]] == [str(conversation.public_id)]
        assert [item["id"] for item in mine["items"]] == [str(conversation.public_id)]
        assert [(answer.json()["status"], answer.json()["mode"]) for answer in (asked, taken, ended)] == [
            ("HUMAN_HANDOFF", "queued"),
            ("HUMAN_HANDOFF", "human"),
            ("PROGRESS", "bot"),
        ]
        assert answered.json()["message"]["agent_id"] == str(ana.public_id)
        assert (ended.json()["handoff"]["outcome"], ended.json()["handoff"]["number"]) == ("solved", 1)
        assert Handoff.objects.get().context_out["summary"] == "Estornado."
        said_by = [(item["message_owner"], item["status"]) for item in thread.json()["items"]]
        # The bot's first line had not left when the person was asked for: it is never sent.
        assert said_by == [
            ("customer", "delivered"),
            ("bot", "cancelled"),
            ("system", "queued"),
            ("agent", "queued"),
            ("bot", "queued"),
        ]

    def test_tells_the_episode_in_each_of_its_states(self) -> None:
        ana, conversation, desk = make_operator("ana"), make_with_bot(), caller("desk")
        asked = desk.post(
            at(conversation, "/handoff/request"),
            {"reason": "refund", "summary": "Quer o dinheiro.", "slots": {"pedido": 7}},
        ).json()
        taken = desk.post(at(conversation, "/handoff/assign"), {"agent_id": str(ana.public_id)}).json()
        ended = desk.post(at(conversation, "/handoff/release"), release()).json()

        assert asked["handoff"]["reason"] == "refund"
        assert asked["handoff"]["slots"] == {"pedido": 7}
        assert (asked["handoff"]["position"], taken["handoff"]["position"]) == (1, None)
        assert asked["handoff"]["requested_by"]["kind"] == "api"
        assert taken["agent_id"] == str(ana.public_id)
        assert taken["handoff_at"] == taken["handoff"]["handoff_at"] is not None
        assert (ended["agent_id"], ended["handoff_at"], ended["handoff"]["outcome"]) == (None, None, "solved")

    def test_shows_times_in_utc_and_ids_as_uuids_only(self) -> None:
        shown = caller("read").get(at(make_held(make_operator("ana")))).json()

        assert shown["updated_at"].endswith("Z")
        assert shown["window_expires_at"].endswith("Z")
        assert shown["contact"]["address"] == "whatsapp:+5511987654321"
        assert shown["sender"] == "whatsapp:+551150280000"
        assert shown["last_message"]["message_owner"] in {"customer", "bot", "system"}
        assert set(shown) == {
            *(
                "id",
                "owner_id",
                "status",
                "mode",
                "epoch",
                "seq",
                "contact",
                "sender",
                "queue_id",
                "priority",
            ),
            *(
                "agent_id",
                "agent_name",
                "offered_to",
                "handoff",
                "handoff_at",
                "waiting_since",
                "window_expires_at",
            ),
            *("unread", "last_message", "merged_into", "updated_at"),
        }


class TestRequest:
    def test_again_is_the_same_handoff_and_only_its_priority_rises(self) -> None:
        conversation, desk = make_with_bot(), caller("desk")
        first = desk.post(at(conversation, "/handoff/request"), {"reason": "refund", "priority": 1})

        again = desk.post(at(conversation, "/handoff/request"), {"reason": "other", "priority": 3})
        lower = desk.post(at(conversation, "/handoff/request"), {"reason": "other", "priority": 0})

        assert (first.status_code, again.status_code, lower.status_code) == (201, 200, 200)
        assert again.json()["handoff"]["id"] == first.json()["handoff"]["id"]
        assert again.json()["handoff"]["reason"] == "refund"
        assert lower.json()["priority"] == 3

    def test_of_a_bot_needs_the_epoch_of_its_turn(self) -> None:
        conversation, robo = make_with_bot(), bot()

        without = robo.post(at(conversation, "/handoff/request"), {"reason": "refund"})
        stale = robo.post(at(conversation, "/handoff/request"), {"reason": "refund", "epoch": 99})

        assert fields(without) == [("epoch", "required")]
        assert (stale.status_code, code(stale)) == (409, "stale_epoch")
        assert fresh(conversation).mode == "bot"

    def test_takes_a_queue_by_name_or_id_and_no_wrong_one(self) -> None:
        conversation, desk = make_with_bot(), caller("desk")
        path = at(conversation, "/handoff/request")

        wrong = desk.post(path, {"reason": "x", "queue": "Vendas"})
        right = desk.post(path, {"reason": "x", "queue": "Atendimento"})
        queue_id = right.json()["queue_id"]
        by_id = desk.post(path, {"reason": "x", "queue": queue_id})

        assert fields(wrong) == [("queue", "unknown")]
        assert (right.status_code, by_id.status_code) == (201, 200)

    @pytest.mark.parametrize(
        ("body", "wrong"),
        [
            ({}, [("reason", "required")]),
            ({"reason": ""}, [("reason", "too_short")]),
            ({"reason": " \n"}, [("reason", "format")]),
            ({"reason": "x" * 41}, [("reason", "too_long")]),
            ({"reason": 1}, [("reason", "type")]),
            ({"reason": "x", "priority": 4}, [("priority", "range")]),
            ({"reason": "x", "priority": "1"}, [("priority", "type")]),
            ({"reason": "x", "priority": True}, [("priority", "type")]),
            ({"reason": "x", "confidence": 1.5}, [("confidence", "range")]),
            ({"reason": "x", "slots": []}, [("slots", "type")]),
            ({"reason": "x", "epoch": -1}, [("epoch", "range")]),
            ({"reason": "x", "mode": "human"}, [("mode", "unknown")]),
            ({"reason": "x", "+5511 secret": 1}, [("?", "unknown")]),
        ],
    )
    def test_names_the_field_that_is_wrong(self, body: dict[str, Any], wrong: list[tuple[str, str]]) -> None:
        response = caller("desk").post(at(make_with_bot(), "/handoff/request"), body)

        assert fields(response) == wrong
        assert b"secret" not in response.content


class TestAssign:
    def test_takes_over_from_the_bot(self) -> None:
        ana, conversation = make_operator("ana"), make_with_bot()

        response = caller("desk").post(
            at(conversation, "/handoff/assign"), {"agent_id": str(ana.public_id), "epoch": 0}
        )

        assert response.status_code == 200
        assert response.json()["handoff"]["reason"] == "takeover"

    def test_of_what_is_already_theirs_is_fine(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)

        response = caller("desk").post(at(conversation, "/handoff/assign"), {"agent_id": str(ana.public_id)})

        assert response.status_code == 200
        assert response.json()["epoch"] == conversation.epoch

    def test_tells_the_loser_who_won(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        conversation = make_held(bia)

        response = caller("desk").post(at(conversation, "/handoff/assign"), {"agent_id": str(ana.public_id)})

        assert (response.status_code, code(response)) == (409, "already_claimed")
        assert response.json()["agent_id"] == str(bia.public_id)
        assert response.json()["name"] == "bia"
        assert response.json()["handoff_at"].endswith("Z")

    def test_respects_the_agents_places(self) -> None:
        ana = make_operator("ana", capacity=1)
        make_held(ana)
        other = make_waiting(address="whatsapp:+5511900000002")

        response = caller("desk").post(at(other, "/handoff/assign"), {"agent_id": str(ana.public_id)})

        assert (response.status_code, code(response)) == (409, "at_capacity")
        assert response.json()["limit"] == 1

    def test_knows_neither_strangers_nor_those_who_left(self) -> None:
        conversation, davi, ana = make_waiting(), make_stranger(), make_operator("ana")
        type(ana).objects.filter(pk=ana.pk).update(is_active=False)

        answers = [
            caller("desk").post(at(conversation, "/handoff/assign"), {"agent_id": agent_id})
            for agent_id in (str(davi.public_id), str(ana.public_id), "0" * 8 + "-0000-4000-8000-" + "0" * 12)
        ]

        assert {code(answer) for answer in answers} == {"unknown_agent"}
        assert len({answer.content for answer in answers}) == 1

    def test_of_a_changed_conversation_is_stale(self) -> None:
        ana, conversation = make_operator("ana"), make_waiting()

        response = caller("desk").post(
            at(conversation, "/handoff/assign"),
            {"agent_id": str(ana.public_id), "epoch": conversation.epoch - 1},
        )

        assert (response.status_code, code(response)) == (409, "stale_epoch")
        assert response.json()["epoch"] == conversation.epoch

    def test_by_force_takes_it_from_whoever_has_it(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        conversation = make_held(ana)
        forced = {"agent_id": str(bia.public_id), "force": True}

        refused = caller("desk").post(at(conversation, "/handoff/assign"), forced)
        taken = caller("admin").post(at(conversation, "/handoff/assign"), forced)

        assert code(refused) == "scope"
        assert (taken.status_code, taken.json()["agent_id"]) == (200, str(bia.public_id))


class TestCancel:
    def test_gives_a_waiting_conversation_back_to_the_bot(self) -> None:
        conversation = make_waiting()

        response = bot().post(at(conversation, "/handoff/cancel"), {"reason": "changed_their_mind"})

        assert (response.status_code, response.json()["status"]) == (200, "PROGRESS")
        assert response.json()["handoff"]["outcome"] == "cancelled"

    def test_needs_no_body(self) -> None:
        assert caller("desk").send(at(make_waiting(), "/handoff/cancel"), b"").status_code == 200

    def test_of_one_that_does_not_wait_is_refused(self) -> None:
        desk = caller("desk")

        for conversation in (
            make_with_bot(),
            make_held(make_operator("ana"), address="whatsapp:+5511900000003"),
        ):
            response = desk.post(at(conversation, "/handoff/cancel"))
            assert (response.status_code, code(response)) == (409, "not_waiting")


class TestRelease:
    def test_again_gets_the_same_answer(self) -> None:
        conversation, desk = make_held(make_operator("ana")), caller("desk")
        seen = conversation.last_inbound_seq

        answers = [
            desk.post(at(conversation, "/handoff/release"), release(last_seen_seq=seen, promises=["Ligar"]))
            for _time in range(2)
        ]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json()["handoff"] == answers[1].json()["handoff"]
        assert Event.objects.filter(conversation=conversation, kind="handoff.released").count() == 1

    def test_takes_facts_as_deep_as_every_database_stores(self) -> None:
        conversation, desk = make_held(make_operator("ana")), caller("desk")
        accepted, refused = nested(jsons.MAX_DEPTH - 1), nested(jsons.MAX_DEPTH)

        answers = [
            desk.post(at(conversation, "/handoff/release"), release(facts=facts))
            for facts in (refused, accepted)
        ]

        assert [answer.status_code for answer in answers] == [400, 200]
        assert Handoff.objects.get().context_out["facts"] == accepted

    def test_again_with_numbers_that_a_database_writes_in_its_own_way_is_the_same(self) -> None:
        conversation, desk = make_held(make_operator("ana")), caller("desk")
        facts = {"large": 1.5e300, "small": 5e-324, "whole": 2.0, "zero": -0.0, "id": 2**63 - 1}

        answers = [
            desk.post(at(conversation, "/handoff/release"), release(facts=sent))
            for sent in (facts, facts, facts | {"id": 2**63 - 2})
        ]

        assert [answer.status_code for answer in answers] == [200, 200, 409]

    def test_takes_reason_for_outcome(self) -> None:
        conversation = make_held(make_operator("ana"))

        response = caller("desk").post(
            at(conversation, "/handoff/release"), {"reason": "not_solved", "last_seen_seq": 1000}
        )

        assert response.json()["handoff"]["outcome"] == "not_solved"

    @pytest.mark.parametrize("outcome", [None, "", "no_such_reason", "expired"])
    def test_needs_an_outcome_that_the_team_knows(self, outcome: str | None) -> None:
        conversation = make_held(make_operator("ana"))

        response = caller("desk").post(at(conversation, "/handoff/release"), release(outcome=outcome))

        assert (response.status_code, code(response)) == (422, "outcome_required")

    def test_shows_what_was_not_read(self) -> None:
        conversation, desk = make_held(make_operator("ana")), caller("desk")
        seen = conversation.last_inbound_seq
        says("mais uma coisa")

        refused = desk.post(at(conversation, "/handoff/release"), release(last_seen_seq=seen))
        forced = desk.post(at(conversation, "/handoff/release"), release(last_seen_seq=seen, force=True))

        assert (refused.status_code, code(refused)) == (409, "unread_message")
        assert [item["body"] for item in refused.json()["messages"]] == ["mais uma coisa"]
        assert forced.status_code == 200

    def test_needs_somebody_to_hold_it(self) -> None:
        response = caller("desk").post(at(make_waiting(), "/handoff/release"), release())

        assert (response.status_code, code(response)) == (409, "not_human")

    def test_in_another_epoch_is_stale(self) -> None:
        conversation = make_held(make_operator("ana"))

        response = caller("desk").post(at(conversation, "/handoff/release"), release(epoch=0))

        assert (response.status_code, code(response)) == (409, "stale_epoch")

    def test_needs_to_say_what_was_seen(self) -> None:
        response = caller("desk").post(
            at(make_held(make_operator("ana")), "/handoff/release"), {"outcome": "solved"}
        )

        assert fields(response) == [("last_seen_seq", "required")]


class TestSaying:
    def agent(self, api: Api, conversation: Conversation, agent: Any, **fields: Any) -> Any:
        body = {"message_owner": "agent", "agent_id": str(agent.public_id), "body": "Olá", **fields}
        return api.post(at(conversation, "/messages"), body)

    def test_is_accepted_in_parts(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)

        response = self.agent(caller("desk"), conversation, ana, body="palavra " * 400)

        assert response.status_code == 202
        assert len(response.json()["parts"]) == 3
        assert response.json()["message"] == response.json()["parts"][0]
        assert {part["status"] for part in response.json()["parts"]} == {"queued"}

    def test_may_answer_one_message(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)
        first = bubbles(conversation)[0]
        elsewhere = bubbles(make_with_bot(address="whatsapp:+5511900000004"))[0]

        right = self.agent(caller("desk"), conversation, ana, reply_to=str(first.public_id))
        wrong = self.agent(caller("desk"), conversation, ana, reply_to=str(elsewhere.public_id))

        assert right.json()["message"]["reply_to"] == str(first.public_id)
        assert fields(wrong) == [("reply_to", "unknown")]

    def test_is_for_who_holds_the_conversation(self) -> None:
        ana, bia, desk = make_operator("ana"), make_operator("bia"), caller("desk")
        held = make_held(bia)

        with_bot = self.agent(desk, make_with_bot(address="whatsapp:+5511900000005"), ana)
        waiting = self.agent(desk, make_waiting(address="whatsapp:+5511900000006"), ana)
        others = self.agent(desk, held, ana)

        assert (with_bot.status_code, code(with_bot)) == (409, "with_bot")
        assert (waiting.status_code, code(waiting)) == (409, "not_human")
        assert (others.status_code, code(others)) == (409, "not_yours")
        assert others.json()["agent_id"] == str(bia.public_id)

    def test_of_a_bot_is_refused_once_a_person_was_asked_for(self) -> None:
        conversation = make_waiting()

        response = bot().post(
            at(conversation, "/messages"), {"message_owner": "bot", "epoch": 0, "body": "tarde demais"}
        )

        assert (response.status_code, code(response)) == (409, "stale_epoch")
        assert response.json()["suggestion_id"] == str(fresh(conversation).open_handoff.public_id)
        assert not Message.objects.filter(body="tarde demais", author="bot").exists()

    def test_of_a_bot_needs_the_epoch(self) -> None:
        response = bot().post(at(make_with_bot(), "/messages"), {"message_owner": "bot", "body": "oi"})

        assert fields(response) == [("epoch", "required")]

    def test_ends_with_the_window(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)
        contacts.advance(make_sender(), "whatsapp:+5511987654321", hours=25)

        response = self.agent(caller("desk"), conversation, ana)

        assert (response.status_code, code(response)) == (422, "window_closed")

    def test_ends_when_the_customer_opted_out(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)
        contacts.opt_out(conversation.contact, now=clock.now() - timedelta(seconds=1))

        response = self.agent(caller("desk"), conversation, ana)

        assert (response.status_code, code(response)) == (422, "opted_out")

    def test_needs_words(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)

        blank = self.agent(caller("desk"), conversation, ana, body=" \n ")
        long = self.agent(caller("desk"), conversation, ana, body="x" * 4097)

        assert (blank.status_code, code(blank)) == (422, "empty_message")
        assert fields(long) == [("body", "too_long")]
