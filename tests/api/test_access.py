"""Who may call what, on whose things: every cell of the table."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.test import Client

from conversations.models import Conversation, Organization, Queue, Sender
from handoffflow.api import api, limits
from operators.models import Operator
from tests.api import world
from tests.api.calls import ROOT, Api, caller, code
from tests.builders import make_operator, make_sender

pytestmark = pytest.mark.django_db

DESK, READ, BOTH = {"desk", "admin"}, {"read", "admin"}, {"desk", "read", "admin"}
ADMIN = {"admin"}
SCOPES = ("bot", "desk", "read", "admin")
CHAT, HOOK = "/conversations/{conv}", "/subscriptions/{subscription}"


class Call(NamedTuple):
    """``{name}`` in address and body is an id of the world."""

    method: str
    path: str
    scopes: set[str]
    body: dict[str, Any] | None = None


CALLS: dict[str, Call] = {
    "request": Call(
        "post", f"{CHAT}/handoff/request", DESK | {"bot"}, {"reason": "x", "epoch": 2, "queue": "{queue}"}
    ),
    "assign": Call("post", f"{CHAT}/handoff/assign", DESK, {"agent_id": "{agent}"}),
    "transfer": Call("post", f"{CHAT}/handoff/transfer", DESK, {"agent_id": "{agent}", "note": "x"}),
    "transfer to a queue": Call(
        "post", f"{CHAT}/handoff/transfer", DESK, {"queue_id": "{queue}", "note": "x"}
    ),
    "decline": Call("post", f"{CHAT}/handoff/decline", DESK, {"agent_id": "{agent}"}),
    "cancel": Call("post", f"{CHAT}/handoff/cancel", DESK | {"bot"}),
    "requeue": Call("post", f"{CHAT}/handoff/requeue", ADMIN),
    "release": Call("post", f"{CHAT}/handoff/release", DESK, {"outcome": "solved", "last_seen_seq": 99}),
    "say as bot": Call(
        "post", f"{CHAT}/messages", {"bot"}, {"message_owner": "bot", "epoch": 1, "body": "x"}
    ),
    "say as agent": Call(
        "post", f"{CHAT}/messages", DESK, {"message_owner": "agent", "agent_id": "{agent}", "body": "x"}
    ),
    "answer": Call(
        "post",
        f"{CHAT}/messages",
        DESK,
        {"message_owner": "agent", "agent_id": "{agent}", "body": "x", "reply_to": "{message}"},
    ),
    "send a file": Call(
        "post",
        f"{CHAT}/messages",
        DESK,
        {"message_owner": "agent", "agent_id": "{agent}", "media_id": "{upload}"},
    ),
    "retry": Call("post", f"{CHAT}/messages/{{message}}/retry", DESK),
    "discard": Call("post", f"{CHAT}/messages/{{message}}/discard", DESK),
    "arrived": Call("post", f"{CHAT}/messages/{{message}}/arrived", ADMIN),
    "media again": Call("post", f"{CHAT}/media/{{media}}/again", DESK),
    "messages": Call("get", f"{CHAT}/messages", READ),
    "conversation": Call("get", CHAT, READ),
    "conversations": Call("get", "/conversations", READ),
    "queue": Call("get", "/conversations/handoff/queue", BOTH),
    "start": Call(
        "post",
        "/conversations",
        DESK,
        {"number": "+5511900000077", "content_sid": "{template}", "agreed": True, "agent_id": "{agent}"},
    ),
    "seen": Call("post", f"{CHAT}/seen", DESK, {"seq": 1}),
    "unread": Call("post", f"{CHAT}/unread", DESK),
    "notes": Call("get", f"{CHAT}/notes", READ),
    "note": Call("post", f"{CHAT}/notes", DESK, {"body": "x", "agent_id": "{agent}"}),
    "whisper": Call("post", f"{CHAT}/notes", ADMIN, {"body": "x", "whisper_to": "{agent}"}),
    "pin": Call("post", f"{CHAT}/notes/{{note}}/pin", DESK, {"agent_id": "{agent}"}),
    "unpin": Call("post", f"{CHAT}/notes/{{note}}/unpin", DESK),
    "mentions read": Call("post", f"{CHAT}/mentions/read", DESK, {"agent_id": "{agent}"}),
    "tags": Call("get", "/tags", BOTH),
    "tags of it": Call("get", f"{CHAT}/tags", READ),
    "tag": Call("post", f"{CHAT}/tags", DESK, {"tag_id": "{tag}", "agent_id": "{agent}"}),
    "untag": Call("post", f"{CHAT}/tags/{{tag}}/remove", DESK),
    "person": Call("get", f"{CHAT}/person", READ),
    "same": Call("post", f"{CHAT}/person/same", DESK, {"other_id": "{alike}"}),
    "different": Call("post", f"{CHAT}/person/different", DESK, {"other_id": "{alike}"}),
    "separate": Call("post", f"{CHAT}/person/separate", ADMIN, {"other_id": "{merged}"}),
    "contacts": Call("get", "/contacts", READ),
    "contact": Call("get", "/contacts/{contact}", READ),
    "change contact": Call("post", "/contacts/{contact}", DESK, {"name": "João"}),
    "agents": Call("get", "/agents", BOTH),
    "agent": Call("get", "/agents/{agent}", BOTH),
    "availability": Call("post", "/agents/{agent}/availability", ADMIN, {"status": "available"}),
    "next": Call("post", "/agents/{agent}/next", DESK),
    "shift": Call("post", "/agents/{agent}/shift", ADMIN, {"note": "x"}),
    "queues": Call("get", "/queues", BOTH),
    "reasons": Call("get", "/reasons", BOTH),
    "canned replies": Call("get", "/canned-replies", BOTH),
    "attributes": Call("get", "/contact-attributes", BOTH),
    "senders": Call("get", "/senders", BOTH),
    "resume": Call("post", "/senders/{sender}/resume", ADMIN),
    "webhooks": Call("get", "/inbound-webhooks", ADMIN),
    "replay": Call("post", "/inbound-webhooks/{webhook}/replay", ADMIN),
    "replay all": Call("post", "/inbound-webhooks/replay", ADMIN),
    "templates": Call("get", "/templates", {"bot", *BOTH}),
    "events": Call("get", "/events", READ),
    "subscriptions": Call("get", "/subscriptions", ADMIN),
    "subscribe": Call("post", "/subscriptions", ADMIN, {"name": "x", "url": "https://crm.example.com/x"}),
    "subscription": Call("get", HOOK, ADMIN),
    "change subscription": Call("patch", HOOK, ADMIN, {"name": "y"}),
    "unsubscribe": Call("delete", HOOK, ADMIN),
    "deliveries": Call("get", f"{HOOK}/deliveries", ADMIN),
    "deliver again": Call("post", f"{HOOK}/deliveries/{{delivery}}/replay", ADMIN),
    "deliver all again": Call("post", f"{HOOK}/replay", ADMIN),
    "try subscription": Call("post", f"{HOOK}/test", ADMIN),
}
ELSEWHERE = {("get", f"{CHAT}/media/{{media}}"), ("post", f"{CHAT}/media")}
"""Have tests of their own (test_media.py): the file has to be there, or comes in a form."""


WITH_A_KEY = {name for name, call in CALLS.items() if call.path.startswith("/subscriptions")}
"""In a session that is done in the administration."""


def make_api(scope: str) -> Api:
    return caller(scope, sender=make_sender() if scope == "bot" else None)


def call(api: Api, name: str, ids: world.Ids) -> Any:
    """The answer; nothing of it is there for the next call."""
    method, path, _scopes, body = CALLS[name]
    with transaction.atomic():
        if method == "get":
            response = api.get(path.format(**ids))
        else:
            sent = json.dumps(_filled(body or {}, ids)).encode()
            response = api.send(path.format(**ids), sent, method=method.upper())
        transaction.set_rollback(True)
    return response


def _filled(body: dict[str, Any], ids: world.Ids) -> dict[str, Any]:
    return {name: value.format(**ids) if isinstance(value, str) else value for name, value in body.items()}


def named(name: str) -> list[str]:
    """Which ids a call names, those of its address first; a template is not named by an id."""
    _method, path, _scopes, body = CALLS[name]
    found = re.findall(r"{(\w+)}", f"{path} {' '.join(map(str, (body or {}).values()))}")
    return [each for each in found if each != "template"]


@pytest.fixture
def ids() -> world.Ids:
    return world.ours()


class TestTable:
    def test_has_every_call(self) -> None:
        known = {(call.method, re.sub(r"{\w+}", "{}", call.path)) for call in CALLS.values()} | {
            (method, re.sub(r"{\w+}", "{}", path)) for method, path in ELSEWHERE
        }
        served = {
            (method, re.sub(r"{\w+}", "{}", path.removeprefix(ROOT)))
            for path, methods in api.get_openapi_schema()["paths"].items()
            for method in methods
        }

        assert served - known == set()
        assert known - served == set()


class TestScopes:
    @pytest.mark.parametrize("scope", SCOPES)
    def test_open_exactly_their_calls(self, scope: str, ids: world.Ids) -> None:
        key = make_api(scope)
        answers = {name: call(key, name, ids) for name in CALLS}

        opened = {name for name, response in answers.items() if response.status_code not in {401, 403, 404}}
        assert opened == {name for name in CALLS if scope in CALLS[name].scopes}
        closed = [response for name, response in answers.items() if name not in opened]
        assert {(response.status_code, code(response)) for response in closed} == {(403, "scope")}

    def test_are_needed(self, ids: world.Ids) -> None:
        answers = []
        for name in CALLS:
            limits.forget()  # so many strangers at once would not even be looked at
            answers.append(call(Api(), name, ids))

        assert {(response.status_code, code(response)) for response in answers} == {(401, "unauthenticated")}


class TestForeigners:
    """A thing of another company's and one that is nobody's, in place of each id that a call names."""

    def test_look_exactly_like_nothing(self, ids: world.Ids) -> None:
        theirs = world.theirs()
        nobodys = world.nobodys(theirs)
        keys = {scope: make_api(scope) for scope in SCOPES}

        for name in CALLS:
            key = keys[next(scope for scope in ("admin", "bot") if scope in CALLS[name].scopes)]
            for thing in named(name):
                foreign = call(key, name, ids | {thing: theirs[thing]})
                absent = call(key, name, ids | {thing: nobodys[thing]})

                assert foreign.status_code in {404, 409, 422}, (name, thing, foreign.content)
                assert foreign.content == absent.content, (name, thing)
                assert theirs[thing].encode() not in foreign.content
                if f"{{{thing}}}" in CALLS[name].path:
                    assert (foreign.status_code, code(foreign)) == (404, "not_found"), (name, thing)

    def test_things_of_ours_are_not_lent_to_another_conversation(self, ids: world.Ids) -> None:
        """A message, a file and a note of this one, asked for under that one."""
        key = caller("admin")
        for name in ("retry", "discard", "arrived", "media again", "pin", "unpin"):
            response = call(key, name, ids | {"conv": ids["alike"]})

            assert (name, response.status_code, code(response)) == (name, 404, "not_found")

    def test_are_in_no_list(self, ids: world.Ids) -> None:
        foreign = {name: value.encode() for name, value in world.theirs().items()}
        key = caller("admin")

        for name in CALLS:
            if CALLS[name].method == "get" and "{" not in CALLS[name].path:
                response = call(key, name, ids)
                assert response.status_code == 200
                assert [thing for thing, value in foreign.items() if value in response.content] == [], name

    def test_of_the_same_company_are_hidden_from_a_key_of_one_sender(self, ids: world.Ids) -> None:
        """Another number of the company's: its chats, people, webhooks and itself."""
        company = Organization.default()
        spare = Sender.objects.create(
            organization=company, address="whatsapp:+2", account_sid="AC3", name="x"
        )
        key, everything = caller("admin", sender=spare), caller("admin")

        for name in CALLS:
            if {"conv", "contact", "sender", "webhook"} & set(named(name)) and "bot" not in CALLS[
                name
            ].scopes:
                assert (name, call(key, name, ids).status_code) == (name, 404)
                assert (name, call(everything, name, ids).status_code) != (name, 404)
        for name in ("conversations", "contacts", "webhooks"):
            assert call(key, name, ids).json()["items"] == []
            assert call(everything, name, ids).json()["items"] != []
        assert [item["address"] for item in call(key, "senders", ids).json()["items"]] == ["whatsapp:+2"]


class TestOperators:
    """In a session: queues decide what is there, and supervision what may be done to others."""

    def test_of_another_queue_find_nothing(self, ids: world.Ids) -> None:
        bia = make_operator("bia")
        spare = Queue.objects.create(organization=bia.organization, name="Trocas")
        bia.queues.set([spare])
        held, alike, merged = (self.thread(ids[name]) for name in ("conv", "alike", "merged"))
        Conversation.objects.filter(pk__in=[held.pk, alike.pk, merged.pk]).update(
            queue=Queue.objects.default_of(bia.organization)
        )
        session = self.session(bia)

        for name in CALLS:
            if {"conv", "contact"} & set(named(name)) and "bot" not in CALLS[name].scopes:
                own = {"agent": str(bia.public_id)}
                hidden = call(session, name, ids | own)
                absent = call(session, name, ids | own | world.nobodys({"conv": "", "contact": ""}))
                # What needs supervision is refused before anything is looked for.
                expected = 403 if CALLS[name].scopes == ADMIN else 404
                assert (name, hidden.status_code) in {(name, expected), (name, 404)}
                assert hidden.content == absent.content, name
        for name in ("conversations", "contacts", "queue"):
            assert call(session, name, ids).json()["items"] == []

    def test_may_what_desk_and_read_may_and_no_more(self, ids: world.Ids) -> None:
        session = self.session(Operator.objects.get(username="ana"))

        shut = {name for name in CALLS if call(session, name, ids).status_code == 403}

        # Their own availability is theirs to choose.
        supervised = {name for name in CALLS if CALLS[name].scopes == ADMIN} - {"availability"}
        assert supervised >= WITH_A_KEY
        assert shut == supervised | {"say as bot"}

    def test_who_supervise_may_everything_but_speak_for_others(self, ids: world.Ids) -> None:
        session = self.session(Operator.objects.get(username="caio"))

        shut = {name for name in CALLS if call(session, name, ids).status_code == 403}

        assert shut == {
            *("say as bot", "say as agent", "answer", "send a file", "start", "note", "pin", "tag"),
            *("mentions read", "availability"),
            *WITH_A_KEY,
        }

    def session(self, operator: Operator) -> Api:
        client = Client()
        client.force_login(operator)
        return Api(client=client)

    def thread(self, public_id: str) -> Conversation:
        return Conversation.objects.get(public_id=public_id)
