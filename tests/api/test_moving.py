"""Handing a conversation on over the API, and turning an offer down."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from conversations import clock
from conversations.models import Conversation, Note, Queue
from operators import desk, presence
from operators.models import Operator, PresenceStatus
from operators.routing import CAUSE
from tests.api.calls import Api, caller, code, fields
from tests.builders import make_held, make_operator, make_stranger, make_waiting

pytestmark = pytest.mark.django_db


def transfer(api: Api, conversation: Conversation, **body: Any) -> Any:
    return api.post(
        f"/conversations/{conversation.public_id}/handoff/transfer", {"note": "Falta o boleto.", **body}
    )


def decline(api: Api, conversation: Conversation, **body: Any) -> Any:
    return api.post(f"/conversations/{conversation.public_id}/handoff/decline", body)


def session(operator: Operator) -> Api:
    client = Client()
    client.force_login(operator)
    return Api(client=client)


def make_queue(conversation: Conversation, name: str = "Financeiro") -> Queue:
    return Queue.objects.create(organization=conversation.sender.organization, name=name)


class TestTransfer:
    def test_to_a_queue_waits_again_as_long_as_before(self) -> None:
        conversation = make_held(make_operator("ana"))
        finance = make_queue(conversation)

        response = transfer(caller("desk"), conversation, queue_id=str(finance.public_id))

        shown = response.json()
        assert (response.status_code, shown["mode"], shown["offered_to"]) == (200, "queued", None)
        assert shown["queue_id"] == str(finance.public_id)
        assert shown["waiting_since"] == shown["handoff"]["requested_at"]
        assert Note.objects.get().body == "Falta o boleto."

    def test_to_an_agent_is_an_offer(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        conversation = make_held(ana)

        response = transfer(caller("desk"), conversation, agent_id=str(bia.public_id))

        assert response.json()["offered_to"] == str(bia.public_id)

    def test_of_another_agents_conversation_is_refused_to_a_session(self) -> None:
        ana, bia, caio = make_operator("ana"), make_operator("bia"), make_operator("caio", staff=True)
        conversation = make_held(ana)
        finance = {"queue_id": str(make_queue(conversation).public_id)}

        assert code(transfer(session(bia), conversation, **finance)) == "not_yours"
        assert transfer(session(caio), conversation, **finance).status_code == 200

    def test_of_what_nobody_has_is_refused(self) -> None:
        conversation = make_waiting()
        queue = make_queue(conversation)

        assert code(transfer(caller("desk"), conversation, queue_id=str(queue.public_id))) == "not_human"

    def test_in_another_epoch_is_stale(self) -> None:
        conversation = make_held(make_operator("ana"))
        queue = make_queue(conversation)
        body = {"queue_id": str(queue.public_id), "epoch": conversation.epoch - 1}

        assert code(transfer(caller("desk"), conversation, **body)) == "stale_epoch"

    def test_to_an_agent_on_break_or_full_is_refused(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia", capacity=1)
        conversation = make_held(ana)
        to_bia = {"agent_id": str(bia.public_id)}
        make_held(bia, address="whatsapp:+5511900000001")

        assert code(transfer(caller("desk"), conversation, **to_bia)) == "at_capacity"
        presence.choose(bia, PresenceStatus.ON_BREAK, now=clock.now())
        assert code(transfer(caller("desk"), conversation, **to_bia)) == "agent_unavailable"

    def test_needs_one_target_that_exists_and_a_note(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)
        queue, davi = make_queue(conversation), make_stranger()
        foreign = Queue.objects.create(organization=davi.organization, name="Deles")
        desk_key = caller("desk")
        both = {"queue_id": str(queue.public_id), "agent_id": str(ana.public_id)}
        neither = [("queue_id", "choice"), ("agent_id", "choice")]

        assert fields(transfer(desk_key, conversation)) == neither
        assert fields(transfer(desk_key, conversation, **both)) == neither
        assert fields(transfer(desk_key, conversation, queue_id=str(foreign.public_id))) == [
            ("queue_id", "unknown")
        ]
        assert code(transfer(desk_key, conversation, agent_id=str(davi.public_id))) == "unknown_agent"
        assert fields(transfer(desk_key, conversation, queue_id=str(queue.public_id), note="")) == [
            ("note", "too_short")
        ]
        assert (
            code(transfer(desk_key, conversation, queue_id=str(queue.public_id), note="  "))
            == "note_required"
        )


class TestDecline:
    def offered(self, operator: Operator) -> Conversation:
        conversation = make_waiting()
        desk.offer(
            conversation,
            operator=operator,
            by=CAUSE,
            why="least_loaded",
            answer_in=timedelta(seconds=30),
            now=clock.now(),
        )
        return conversation

    def test_gives_it_to_everybody_again(self) -> None:
        bia = make_operator("bia")
        conversation = self.offered(bia)

        response = decline(caller("desk"), conversation, agent_id=str(bia.public_id))

        assert (response.status_code, response.json()["offered_to"]) == (200, None)

    def test_is_for_whom_it_was_offered_to(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        conversation = self.offered(bia)

        assert code(decline(session(ana), conversation)) == "not_waiting"
        assert decline(session(bia), conversation).status_code == 200
        assert code(decline(session(bia), conversation)) == "not_waiting"
