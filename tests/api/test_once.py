"""Idempotency-Key: the same POST is one effect and one answer, however often and however parallel it comes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError, connections

from conversations import clock
from conversations.models import Conversation, Event, Message
from handoffflow.models import IdempotentRequest
from tests.api.calls import Api, bot, caller, code, fields, make_key
from tests.builders import fresh, make_held, make_operator, make_with_bot
from tests.races.together import together

pytestmark = pytest.mark.engine


def request_path(conversation: Conversation) -> str:
    return f"/conversations/{conversation.public_id}/handoff/request"


def asked(conversation: Conversation) -> int:
    return Event.objects.filter(conversation=conversation, kind__startswith="handoff.").count()


def shift(**changes: Any) -> None:
    """Move the stored request into the past."""
    row = IdempotentRequest.objects.get()
    IdempotentRequest.objects.filter(pk=row.pk).update(created_at=row.created_at - timedelta(**changes))


@pytest.mark.django_db
class TestKey:
    def test_repeats_the_answer(self) -> None:
        conversation, desk = make_with_bot(), caller("desk")

        first = desk.post(request_path(conversation), {"reason": "x", "priority": 1}, key="k-1")
        again = desk.send(request_path(conversation), b'{"priority":1,  "reason":"x"}', key="k-1")

        assert (first.status_code, again.status_code) == (201, 201)
        assert again.content == first.content
        assert again["Content-Type"] == first["Content-Type"]
        assert (first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
        assert asked(conversation) == 1

    def test_repeats_a_refusal(self) -> None:
        conversation, desk = make_with_bot(), caller("desk")
        path = f"/conversations/{conversation.public_id}/handoff/cancel"

        answers = [desk.post(path, key="k-1") for _time in range(2)]

        assert [code(answer) for answer in answers] == ["not_waiting", "not_waiting"]
        assert answers[1]["Idempotency-Replayed"] == "true"

    def test_of_another_request_is_a_mismatch(self) -> None:
        conversation, desk = make_with_bot(), caller("desk")
        desk.post(request_path(conversation), {"reason": "x"}, key="k-1")

        other_body = desk.post(request_path(conversation), {"reason": "y"}, key="k-1")
        other_path = desk.post(f"/conversations/{conversation.public_id}/handoff/cancel", key="k-1")

        assert (other_body.status_code, code(other_body)) == (422, "idempotency_mismatch")
        assert (other_path.status_code, code(other_path)) == (422, "idempotency_mismatch")

    def test_belongs_to_its_caller(self) -> None:
        conversation = make_with_bot()

        answers = [caller("desk").post(request_path(conversation), {"reason": "x"}, key="1") for _who in "ab"]

        assert [answer.status_code for answer in answers] == [201, 200]

    def test_is_told_that_the_first_is_still_running(self) -> None:
        conversation = make_with_bot()
        key, token = make_key("desk")
        desk = Api(token)
        desk.post(request_path(conversation), {"reason": "x"}, key="k-1")
        IdempotentRequest.objects.update(status=None, body="")

        running = desk.post(request_path(conversation), {"reason": "x"}, key="k-1")
        shift(seconds=61)
        after_a_crash = desk.post(request_path(conversation), {"reason": "x"}, key="k-1")

        assert (running.status_code, code(running)) == (409, "idempotency_in_progress")
        assert after_a_crash.status_code == 200
        assert str(key.public_id) in IdempotentRequest.objects.get().principal

    def test_is_forgotten_after_a_day(self) -> None:
        conversation, desk = make_with_bot(), caller("desk")
        desk.post(request_path(conversation), {"reason": "x"}, key="k-1")

        shift(hours=23)
        kept = desk.post(request_path(conversation), {"reason": "x"}, key="k-1")
        shift(hours=2)
        forgotten = desk.post(request_path(conversation), {"reason": "y"}, key="k-1")

        assert kept["Idempotency-Replayed"] == "true"
        assert forgotten.status_code == 200
        assert "Idempotency-Replayed" not in forgotten

    def test_does_not_keep_our_own_failures(self) -> None:
        conversation, desk = make_with_bot(), caller("desk")

        with mock.patch("conversations.handoffs.request", side_effect=OperationalError("gone")):
            failed = desk.post(request_path(conversation), {"reason": "x"}, key="k-1")
        again = desk.post(request_path(conversation), {"reason": "x"}, key="k-1")

        assert (failed.status_code, code(failed)) == (503, "unavailable")
        assert again.status_code == 201

    @pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é", "a\tb", "\x7f"])
    def test_is_visible_ascii_of_a_certain_length(self, key: str) -> None:
        conversation = make_with_bot()

        response = caller("desk").post(request_path(conversation), {"reason": "x"}, key=key)

        assert fields(response) == [("Idempotency-Key", "format")]
        assert fresh(conversation).mode == "bot"

    def test_may_have_255_characters(self) -> None:
        conversation, desk = make_with_bot(), caller("desk")

        answers = [
            desk.post(request_path(conversation), {"reason": "x"}, key="~" * 255) for _time in range(2)
        ]

        assert answers[1]["Idempotency-Replayed"] == "true"


@pytest.mark.django_db
class TestMessage:
    def test_is_said_once_even_when_the_answer_was_never_kept(self) -> None:
        ana = make_operator("ana")
        conversation, desk = make_held(ana), caller("desk")
        path = f"/conversations/{conversation.public_id}/messages"
        body = {"message_owner": "agent", "agent_id": str(ana.public_id), "body": "Olá"}

        first = desk.post(path, body, key="k-1")
        IdempotentRequest.objects.all().delete()
        again = desk.post(path, body, key="k-1")
        IdempotentRequest.objects.all().delete()
        other = desk.post(path, {**body, "body": "Tchau"}, key="k-1")

        assert again.json()["message"]["id"] == first.json()["message"]["id"]
        assert (other.status_code, code(other)) == (422, "idempotency_mismatch")
        assert Message.objects.filter(conversation=conversation, operator=ana).count() == 1

    def test_without_a_key_is_said_as_often_as_it_is_sent(self) -> None:
        conversation, robo = make_with_bot(), bot()
        path, body = f"/conversations/{conversation.public_id}/messages", {"message_owner": "bot", "epoch": 0}

        ids = {robo.post(path, {**body, "body": "Olá"}).json()["message"]["id"] for _time in range(2)}

        assert len(ids) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.xdist_group("races")
def test_fifty_copies_at_once_have_one_effect() -> None:
    ana = make_operator("ana")
    conversation = make_held(ana)
    _key, token = make_key("desk")
    path = f"/conversations/{conversation.public_id}/messages"
    body = {"message_owner": "agent", "agent_id": str(ana.public_id), "body": "Uma vez só"}

    def send() -> Any:
        try:
            return Api(token).post(path, body, key="copies")
        finally:
            connections.close_all()

    with together(50) as at_once:
        answers: list[Any] = at_once.run([send] * 50)

    accepted = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code != 202]
    assert Message.objects.filter(conversation=conversation, body="Uma vez só").count() == 1
    assert len({answer.content for answer in accepted}) == 1
    assert len([answer for answer in accepted if "Idempotency-Replayed" not in answer]) == 1
    assert {code(answer) for answer in refused} <= {"idempotency_in_progress"}


@pytest.mark.django_db
def test_old_answers_are_swept_away() -> None:
    now = clock.now()
    for number, hours in enumerate((1, 30)):
        IdempotentRequest.objects.create(
            principal="key:x",
            key=str(number),
            fingerprint="",
            path="",
            created_at=now - timedelta(hours=hours),
        )

    IdempotentRequest.objects.forgotten(now).delete()

    assert [row.key for row in IdempotentRequest.objects.all()] == ["0"]
