"""Who may call what, on whose conversations: every cell of the table."""

from __future__ import annotations

from typing import Any

import pytest

from conversations import clock, handoffs
from conversations.bots.base import HandoffRequest
from conversations.models import Contact, Conversation, Organization, Sender
from tests.api.calls import Api, caller, code
from tests.builders import CUSTOMER, make_operator, make_sender, make_waiting

pytestmark = pytest.mark.django_db

# call: (method, path below the conversation or from the top, body, scopes that may)
CALLS: dict[str, tuple[str, str, dict[str, Any], set[str]]] = {
    "request": ("post", "{}/handoff/request", {"reason": "x", "epoch": 1}, {"bot", "desk", "admin"}),
    "assign": ("post", "{}/handoff/assign", {"agent_id": "ana"}, {"desk", "admin"}),
    "transfer": ("post", "{}/handoff/transfer", {"agent_id": "ana", "note": "x"}, {"desk", "admin"}),
    "decline": ("post", "{}/handoff/decline", {"agent_id": "ana"}, {"desk", "admin"}),
    "cancel": ("post", "{}/handoff/cancel", {}, {"bot", "desk", "admin"}),
    "release": (
        "post",
        "{}/handoff/release",
        {"outcome": "solved", "last_seen_seq": 9},
        {"desk", "admin"},
    ),
    "say as bot": ("post", "{}/messages", {"message_owner": "bot", "epoch": 1, "body": "x"}, {"bot"}),
    "say as agent": (
        "post",
        "{}/messages",
        {"message_owner": "agent", "agent_id": "ana", "body": "x"},
        {"desk", "admin"},
    ),
    "messages": ("get", "{}/messages", {}, {"read", "admin"}),
    "conversation": ("get", "{}", {}, {"read", "admin"}),
    "conversations": ("get", "/conversations", {}, {"read", "admin"}),
    "queue": ("get", "/conversations/handoff/queue", {}, {"read", "desk", "admin"}),
}
SCOPES = ("bot", "desk", "read", "admin")


def key_for(scope: str) -> Api:
    return caller(scope, sender=make_sender() if scope == "bot" else None)


def call(api: Api, name: str, conversation_id: object) -> Any:
    method, path, body, _scopes = CALLS[name]
    path = path.format(f"/conversations/{conversation_id}")
    if method == "get":
        return api.get(path)
    ana = make_operator("ana") if "agent_id" in body else None
    return api.post(path, {**body, "agent_id": str(ana.public_id)} if ana else body)


def elsewhere(sender: Sender) -> Conversation:
    """João's thread with another sender."""
    contact = Contact.objects.create(organization=sender.organization, name="João")
    return Conversation.objects.create(sender=sender, contact=contact, reply_address="whatsapp:+551")


@pytest.fixture
def foreign() -> Conversation:
    make_sender()  # the first company is the default one
    other = Organization.objects.create(name="Outra")
    return elsewhere(
        Sender.objects.create(organization=other, address="whatsapp:+1", account_sid="AC2", name="x")
    )


class TestScopes:
    @pytest.mark.parametrize("scope", SCOPES)
    @pytest.mark.parametrize("name", CALLS)
    def test_open_exactly_their_calls(self, name: str, scope: str) -> None:
        response = call(key_for(scope), name, make_waiting().public_id)

        if scope in CALLS[name][3]:
            assert response.status_code not in {401, 403, 404}, response.content
        else:
            assert (response.status_code, code(response)) == (403, "scope")

    @pytest.mark.parametrize("name", CALLS)
    def test_are_needed(self, name: str) -> None:
        response = call(Api(), name, make_waiting().public_id)

        assert (response.status_code, code(response)) == (401, "unauthenticated")


class TestForeigners:
    @pytest.mark.parametrize("name", [name for name in CALLS if "{}" in CALLS[name][1]])
    def test_look_exactly_like_nothing(self, name: str, foreign: Conversation) -> None:
        make_sender()
        scope = next(scope for scope in ("desk", "read", "bot") if scope in CALLS[name][3])
        api = key_for(scope)
        _method, path, body, _scopes = CALLS[name]
        body = {**body, "agent_id": str(make_operator("ana").public_id)} if "agent_id" in body else body

        def ask(conversation_id: object) -> Any:
            target = path.format(f"/conversations/{conversation_id}")
            return api.post(target, body) if CALLS[name][0] == "post" else api.get(target)

        theirs, absent = ask(foreign.public_id), ask("00000000-0000-4000-8000-000000000000")

        assert (theirs.status_code, code(theirs)) == (404, "not_found")
        assert theirs.content == absent.content
        assert str(foreign.public_id).encode() not in theirs.content

    def test_are_in_no_list(self, foreign: Conversation) -> None:
        handoffs.request(foreign, cause=CUSTOMER, request=HandoffRequest(reason="api"), now=clock.now())
        ours = make_waiting()

        for path in ("/conversations", "/conversations/handoff/queue"):
            shown = caller("read").get(path).json()["items"]
            assert [item["id"] for item in shown] == [str(ours.public_id)]

    def test_of_the_same_company_are_hidden_from_a_key_of_one_sender(self) -> None:
        sender = make_sender()
        other = elsewhere(
            Sender.objects.create(
                organization=sender.organization, address="whatsapp:+2", account_sid="AC3", name="x"
            )
        )
        ours = make_waiting()
        robo, everything = caller("bot", "read", sender=sender), caller("read")

        assert [item["id"] for item in robo.get("/conversations").json()["items"]] == [str(ours.public_id)]
        assert robo.get(f"/conversations/{other.public_id}").status_code == 404
        assert everything.get(f"/conversations/{other.public_id}").status_code == 200
