"""Requests that are malformed, oversized or in disguise: always a problem document, never a 5xx."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError

from conversations.models import Conversation
from handoffflow.api import api
from tests.api import world
from tests.api.calls import Api, caller, code, fields
from tests.builders import fresh, make_with_bot

pytestmark = pytest.mark.django_db

NOWHERE = "/conversations/00000000-0000-4000-8000-000000000000"


@pytest.fixture
def conversation() -> Conversation:
    return make_with_bot()


@pytest.fixture
def desk(conversation: Conversation) -> Api:
    return caller("desk", "read")


def request_path(conversation: Conversation) -> str:
    return f"/conversations/{conversation.public_id}/handoff/request"


BAD_BODIES: dict[str, tuple[bytes, int, str]] = {
    "broken": (b'{"reason": "x"', 400, "bad_json"),
    "two documents": (b'{"reason": "x"} {}', 400, "bad_json"),
    "NaN": (b'{"reason": "x", "confidence": NaN}', 400, "bad_json"),
    "Infinity": (b'{"reason": "x", "slots": {"a": [-Infinity]}}', 400, "bad_json"),
    "a float beyond floats": (b'{"reason": "x", "confidence": 1e400}', 400, "bad_json"),
    "5,000 digits": (b'{"reason": "x", "priority": ' + b"9" * 5000 + b"}", 400, "bad_json"),
    "beyond 2^63": (b'{"reason": "x", "slots": {"a": 9223372036854775808}}', 400, "bad_json"),
    "100,000 brackets": (b'{"reason": "x", "slots": ' + b"[" * 100_000 + b"}", 400, "bad_json"),
    "100,000 objects": (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, 400, "bad_json"),
    "deep but closed": (b'{"slots": ' + b"[" * 500 + b"]" * 500 + b"}", 400, "bad_json"),
    "a byte order mark": (b'\xef\xbb\xbf{"reason": "x"}', 400, "bad_json"),
    "no UTF-8": (b'{"reason": "\xff"}', 400, "bad_encoding"),
    "a raw surrogate": (b'{"reason": "\xed\xa0\x80"}', 400, "bad_encoding"),
    "UTF-16": ('{"reason": "x"}'.encode("utf-16-le"), 400, "bad_json"),
    "a lone surrogate": (b'{"reason": "\\ud800"}', 400, "bad_encoding"),
    "a lone surrogate in a name": (b'{"reason": "x", "slots": {"\\udfff": 1}}', 400, "bad_encoding"),
    "a key twice": (b'{"reason": "x", "reason": "y"}', 400, "duplicate_key"),
    "a key twice further down": (b'{"reason": "x", "slots": {"a": 1, "a": 2}}', 400, "duplicate_key"),
    "a list": (b'[{"reason": "x"}]', 422, "invalid"),
    "a string": (b'"reason"', 422, "invalid"),
    "null": (b"null", 422, "invalid"),
    "nothing": (b"", 422, "invalid"),
    "NUL": (b'{"reason": "x\\u0000"}', 422, "invalid"),
    "NUL in a name": (b'{"reason": "x", "slots": {"a\\u0000": 1}}', 422, "invalid"),
    "a trailing comma": (b'{"reason": "x",}', 400, "bad_json"),
    "single quotes": (b"{'reason': 'x'}", 400, "bad_json"),
    "a comment": (b'{"reason": "x"} // why', 400, "bad_json"),
    "a name without quotes": (b'{reason: "x"}', 400, "bad_json"),
    "a raw line break": (b'{"reason": "a\nb"}', 400, "bad_json"),
    "a raw control character": (b'{"reason": "a\x01b"}', 400, "bad_json"),
    "half an escape": (b'{"reason": "\\u12"}', 400, "bad_json"),
    "an escape that is none": (b'{"reason": "\\x41"}', 400, "bad_json"),
    "an open text": (b'{"reason": "x', 400, "bad_json"),
    "leading zeros": (b'{"reason": "x", "priority": 01}', 400, "bad_json"),
    "a plus sign": (b'{"reason": "x", "priority": +1}', 400, "bad_json"),
    "hexadecimal": (b'{"reason": "x", "priority": 0x1}', 400, "bad_json"),
    "a number without its end": (b'{"reason": "x", "priority": 1e}', 400, "bad_json"),
    "below -2^63": (b'{"reason": "x", "slots": {"a": -9223372036854775809}}', 400, "bad_json"),
    "5,000 digits behind a point": (b'{"reason": "x", "priority": 1.' + b"9" * 5000 + b"}", 422, "invalid"),
    "blanks": (b"  \n", 400, "bad_json"),
    "zip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", 400, "bad_encoding"),
    "a number": (b"7", 422, "invalid"),
    "true": (b"true", 422, "invalid"),
    "false": (b"false", 422, "invalid"),
    "a text for a number": (b'{"reason": "x", "priority": "1"}', 422, "invalid"),
    "true for a number": (b'{"reason": "x", "priority": true}', 422, "invalid"),
    "a fraction for a whole number": (b'{"reason": "x", "priority": 1.5}', 422, "invalid"),
    "a list for a text": (b'{"reason": ["x"]}', 422, "invalid"),
    "an object for a text": (b'{"reason": {"$ne": "x"}}', 422, "invalid"),
    "null for a text": (b'{"reason": null}', 422, "invalid"),
    "a number below its range": (b'{"reason": "x", "priority": -1}', 422, "invalid"),
    "a member of the prototype": (b'{"reason": "x", "__proto__": {}}', 422, "invalid"),
    "a member of the row": (b'{"reason": "x", "mode": "human"}', 422, "invalid"),
    "too much": (b'{"reason": "' + b"x" * 300_000 + b'"}', 413, "too_large"),
}


WRITES = [
    path
    for path, methods in api.get_openapi_schema()["paths"].items()
    if "application/json" in methods.get("post", {}).get("requestBody", {}).get("content", {})
]


def refuses(what: str, answer: Any) -> bool:
    _data, status, expected = BAD_BODIES[what]
    return bool((answer.status_code, code(answer)) == (status, expected))


class TestBodies:
    @pytest.mark.parametrize("what", BAD_BODIES)
    def test_that_are_wrong_change_nothing(self, what: str, conversation: Conversation, desk: Api) -> None:
        data, status, expected = BAD_BODIES[what]

        response = desk.send(request_path(conversation), data)

        assert (response.status_code, code(response)) == (status, expected)
        assert fresh(conversation).epoch == conversation.epoch

    @pytest.mark.parametrize("path", WRITES)
    def test_are_refused_by_every_call_alike(self, path: str) -> None:
        """What is no JSON is found before a call looks at its members, and before it looks for its conversation. An
        empty body is an empty object: enough for some calls."""
        ids, desk = world.ours(), caller("admin")
        conversation = Conversation.objects.get(public_id=ids["conv"])
        target = path.removeprefix("/api/v1").format(**{f"{name}_id": value for name, value in ids.items()})

        answers = {
            what: desk.send(target, data)
            for what, (data, _status, _code) in BAD_BODIES.items()
            if what != "nothing"
        }

        wrong = {what: answer.status_code for what, answer in answers.items() if not refuses(what, answer)}
        assert wrong == {}
        assert fresh(conversation).seq == conversation.seq

    @pytest.mark.parametrize(
        "text",
        ["😀", "a\u200db", "\u202eabc", "\ufeffx", "<b>&amp;</b>", "{{ 7*7 }}", "';--", "a\r\nb", "\x7f"],
    )
    def test_may_hold_any_text(self, text: str, conversation: Conversation, desk: Api) -> None:
        response = desk.post(request_path(conversation), {"reason": "x", "summary": text})

        assert response.status_code == 201
        assert response.json()["handoff"]["summary"] == text

    def test_may_pair_surrogates(self, conversation: Conversation, desk: Api) -> None:
        response = desk.send(request_path(conversation), b'{"reason": "x", "summary": "\\ud83d\\ude00"}')

        assert response.json()["handoff"]["summary"] == "😀"

    def test_keep_the_largest_number(self, conversation: Conversation, desk: Api) -> None:
        response = desk.post(request_path(conversation), {"reason": "x", "slots": {"a": 2**63 - 1}})

        assert response.json()["handoff"]["slots"] == {"a": 2**63 - 1}

    @pytest.mark.parametrize(
        "kind",
        [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "",
            "json",
            "application/json; charset=utf-16",
            "application/json; charset=bogus",
            "application/jsonx",
        ],
    )
    def test_of_another_type_are_refused(self, kind: str, conversation: Conversation, desk: Api) -> None:
        response = desk.send(request_path(conversation), b'{"reason": "x"}', kind=kind)

        assert (response.status_code, code(response)) == (415, "unsupported_media_type")

    @pytest.mark.parametrize(
        "kind", ["application/json", "Application/JSON; Charset=UTF-8", 'application/json; charset="utf-8"']
    )
    def test_are_json(self, kind: str, conversation: Conversation, desk: Api) -> None:
        response = desk.send(request_path(conversation), b'{"reason": "x"}', kind=kind)

        assert response.status_code == 201


class TestAddresses:
    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "/nothing",
            "/conversations/",
            f"{NOWHERE}/",
            f"{NOWHERE}/handoff/request/",
            f"{NOWHERE}/x",
            "/conversations//messages",
            "/docs/",
            "/openapi.json/",
        ],
    )
    def test_that_do_not_exist_are_not_found(self, path: str, desk: Api) -> None:
        for response in (desk.get(path), desk.post(path)):
            assert (response.status_code, code(response)) == (404, "not_found")

    @pytest.mark.parametrize(
        "name", ["1", "handoff", "x" * 5000, "%00", "%ff", "..%2f", "0" * 32, "{id}", "'"]
    )
    def test_of_malformed_ids_are_not_found(self, name: str, desk: Api) -> None:
        absent = desk.get(NOWHERE)

        response = desk.get(f"/conversations/{name}")

        assert (response.status_code, code(response)) == (404, "not_found")
        assert response.content == absent.content

    @pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "head", "trace"])
    def test_answer_no_other_method(self, method: str, desk: Api) -> None:
        for path in ("/conversations", f"{NOWHERE}/handoff/request", "/conversations/handoff/queue"):
            response = getattr(desk.client, method)(f"/api/v1{path}", headers=desk.headers)

            assert response.status_code == 405
            assert response["Allow"]
            assert response["Content-Type"] == "application/problem+json"

    def test_of_reading_and_writing_are_told_apart(self, desk: Api) -> None:
        assert desk.post("/conversations/handoff/queue").status_code == 405
        assert desk.get(f"{NOWHERE}/handoff/release").status_code == 405
        assert desk.post("/openapi.json").status_code == 405


class TestQueries:
    @pytest.mark.parametrize(
        ("query", "wrong"),
        [
            ({"limit": "0"}, [("limit", "range")]),
            ({"limit": "101"}, [("limit", "range")]),
            ({"limit": "-1"}, [("limit", "format")]),
            ({"limit": "1_0"}, [("limit", "format")]),
            ({"limit": "9" * 5000}, [("limit", "format")]),
            ({"limit": ["1", "2"]}, [("limit", "repeated")]),
            ({"cursor": "x"}, [("cursor", "invalid")]),
            ({"cursor": "é"}, [("cursor", "invalid")]),
            ({"cursor": "x" * 1001}, [("cursor", "too_long")]),
            ({"mode": "nobody"}, [("mode", "choice")]),
            ({"agent_id": "7"}, [("agent_id", "format")]),
            ({"sender": "\x00"}, [("sender", "nul")]),
            ({"telefone": "11987654321"}, [("?", "unknown")]),
        ],
    )
    def test_that_are_wrong_are_named(self, query: Any, wrong: Any, desk: Api) -> None:
        response = desk.get("/conversations", query)

        assert fields(response) == wrong
        assert b"11987654321" not in response.content

    def test_of_the_queue_ask_one_thing(self, desk: Api) -> None:
        query = {"agent_id": NOWHERE.rpartition("/")[2], "waiting": "true"}

        assert fields(desk.get("/conversations/handoff/queue", query)) == [("waiting", "invalid")]

    def test_do_not_belong_to_a_post(self, conversation: Conversation, desk: Api) -> None:
        response = desk.post(request_path(conversation) + "?epoch=0", {"reason": "x"})

        assert fields(response) == [("?", "unknown")]


class TestOutages:
    def test_of_the_database_are_said_as_such(self, desk: Api) -> None:
        with mock.patch("handoffflow.models.ApiKey.authenticate", side_effect=OperationalError("gone")):
            response = desk.get("/conversations")

        assert (response.status_code, code(response)) == (503, "unavailable")
        assert int(response["Retry-After"]) > 0
        assert b"gone" not in response.content

    def test_of_our_own_making_tell_nothing(self, desk: Api) -> None:
        with mock.patch("handoffflow.api.present.conversations", side_effect=KeyError("whatsapp:+5511")):
            response = desk.get("/conversations")

        assert (response.status_code, code(response)) == (500, "internal")
        assert b"5511" not in response.content

    def test_are_one_line_of_json(self, desk: Api) -> None:
        assert json.loads(desk.get("/nothing").content)["code"] == "not_found"
