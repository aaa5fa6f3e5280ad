"""Templates over the API: what may be sent, and what comes of sending it."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import Conversation, Delivery, Message, Organization, Sender
from operators.models import Operator
from tests.api.calls import Api, bot, caller, code, fields
from tests.builders import fresh, make_held, make_sender, make_waiting, make_with_bot
from tests.templates import close_window, make_template

pytestmark = pytest.mark.django_db


@pytest.fixture
def closed(ana: Operator) -> Conversation:
    return close_window(make_held(ana))


@pytest.fixture
def desk(ana: Operator) -> Api:
    return caller("desk", "read")


def place(conversation: Conversation) -> str:
    return f"/conversations/{conversation.public_id}/messages"


def said(ana: Operator, **body: Any) -> dict[str, Any]:
    return {"message_owner": "agent", "agent_id": str(ana.public_id), **body}


class TestList:
    def test_shows_what_may_be_sent_page_by_page(self, desk: Api) -> None:
        sender = make_sender()
        for name in ("b", "a", "c"):
            make_template(sender, name=name)
        make_template(sender, name="code", category="authentication")
        make_template(sender, name="draft", approval="unsubmitted")
        make_template(sender, name="gone", gone=True)

        first = desk.get("/templates", {"limit": "2"}).json()
        rest = desk.get("/templates", {"limit": "2", "cursor": first["next"]}).json()

        assert [row["name"] for row in first["items"] + rest["items"]] == ["a", "b", "c"]
        assert rest["next"] is None
        assert first["items"][0]["variables"] == [{"name": "1", "sample": "Maria"}]

    def test_is_narrowed(self, desk: Api) -> None:
        sender = make_sender()
        make_template(sender, name="a", approval="pending")
        make_template(sender, name="b", language="en")
        make_template(sender, name="c", account_sid="ACother")

        def names(**query: str) -> list[str]:
            return [row["name"] for row in desk.get("/templates", query).json()["items"]]

        assert names(approval="approved") == ["b", "c"]
        assert names(language="en") == ["b"]
        assert names(sender=sender.address) == ["a", "b"]
        assert names(name="c") == ["c"]

    def test_is_a_bot_s_own_account_s_and_a_company_s_own(self, ana: Operator) -> None:
        sender = make_sender()
        other = Sender.objects.create(
            organization=sender.organization, name="2", address="whatsapp:+1", account_sid="ACother"
        )
        make_template(sender, name="ours")
        make_template(other, name="theirs")

        assert [row["name"] for row in bot(other).get("/templates").json()["items"]] == ["theirs"]
        stranger = caller("read", organization=Organization.objects.create(name="Outra"))
        assert stranger.get("/templates").json()["items"] == []


class TestSend:
    def test_gets_through_where_text_does_not(self, desk: Api, ana: Operator, closed: Conversation) -> None:
        template = make_template(make_sender())
        refused = desk.post(place(closed), said(ana, body="oi"))
        assert code(refused) == "window_closed"
        assert "content_sid" in refused.json()["detail"]

        response = desk.post(
            place(closed), said(ana, content_sid=template.content_sid, variables={"1": "João"}), key="k"
        )

        assert response.status_code == 202
        message = response.json()["message"]
        assert message["body"] == "Oi, João. Podemos continuar de onde paramos?"
        assert message["template"] == {
            "content_sid": template.content_sid,
            "name": template.name,
            "language": "pt_BR",
        }
        assert Delivery.objects.get(message__public_id=message["id"]).outside_window

    @pytest.mark.parametrize(
        ("body", "wrong"),
        [
            ({}, [("body", "required")]),
            ({"body": "a", "variables": {"1": "b"}}, [("variables", "conflict")]),
            ({"body": "a", "content_sid": "x"}, [("body", "conflict")]),
            (
                {"content_sid": "x", "reply_to": "6a1b8b0e-43cf-4a53-9c3e-6f0f2d1c7b11"},
                [("reply_to", "conflict")],
            ),
            ({"content_sid": "x", "variables": {"1": 5}}, [("variables.1", "type")]),
        ],
    )
    def test_is_a_text_or_a_template(
        self, desk: Api, ana: Operator, closed: Conversation, body: dict[str, Any], wrong: Any
    ) -> None:
        assert fields(desk.post(place(closed), said(ana, **body))) == wrong

    @pytest.mark.parametrize(
        ("variables", "wrong"),
        [
            ({}, [("variables.1", "required")]),
            ({"1": "a\nb"}, [("variables.1", "line_break")]),
            ({"1": "a", "2": "b"}, [("variables.2", "unknown")]),
            ({"1": "a", "João Silva": "b"}, [("variables.?", "unknown")]),
        ],
    )
    def test_names_the_variable(
        self, desk: Api, ana: Operator, closed: Conversation, variables: dict[str, str], wrong: Any
    ) -> None:
        sid = make_template(make_sender()).content_sid

        assert fields(desk.post(place(closed), said(ana, content_sid=sid, variables=variables))) == wrong

    def test_says_why_a_template_is_not_taken(self, desk: Api, ana: Operator, closed: Conversation) -> None:
        rejected = make_template(make_sender(), approval="rejected").content_sid
        advert = make_template(make_sender(), category="marketing").content_sid
        foreign = make_template(make_sender(), account_sid="ACother").content_sid

        def answer(sid: str) -> tuple[str, str]:
            body = said(ana, content_sid=sid, variables={"1": "João"})
            response = desk.post(place(closed), body)
            return code(response), response.json().get("reason", "")

        assert answer(rejected) == ("template_refused", "not_approved")
        assert answer(advert) == ("template_refused", "no_consent")
        assert answer(foreign) == answer("HXnone") == ("unknown_template", "")

    def test_of_a_bot_has_its_fence(self) -> None:
        conversation = make_with_bot()
        sid = make_template(make_sender()).content_sid
        body = {"message_owner": "bot", "content_sid": sid, "variables": {"1": "João"}}
        robot = bot()

        assert fields(robot.post(place(conversation), body)) == [("epoch", "required")]
        assert code(robot.post(place(conversation), body | {"epoch": 7})) == "stale_epoch"
        assert robot.post(place(conversation), body | {"epoch": 0}).status_code == 202


class TestChoices:
    def test_are_offered_by_bots_and_agents(self, desk: Api, ana: Operator) -> None:
        held = make_held(ana)
        asked = desk.post(place(held), said(ana, body="Pode ser?", buttons=["Sim", "Não"]))
        assert asked.status_code == 202
        listed = desk.post(
            place(held),
            said(
                ana,
                body="Quando?",
                menu={"button": "Ver", "items": [{"title": "Manhã", "description": "8h"}]},
            ),
        )
        assert listed.status_code == 202

        message = Message.objects.get(public_id=asked.json()["message"]["id"])
        assert [one["title"] for one in message.extras["choices"]["buttons"]] == ["Sim", "Não"]

    @pytest.mark.parametrize(
        "choices", [{"buttons": ["Sim"]}, {"menu": {"button": "Ver", "items": [{"title": "Sim"}]}}]
    )
    def test_of_a_bot_that_come_too_late_are_kept_as_text_is(self, choices: dict[str, Any]) -> None:
        waiting = make_waiting()

        late = bot().post(
            place(waiting), {"message_owner": "bot", "epoch": 0, "body": "Pode ser?", **choices}
        )

        handoff = fresh(waiting).open_handoff
        assert (code(late), late.json()["suggestion_id"]) == ("stale_epoch", str(handoff.public_id))
        assert handoff.suggested_reply == "Pode ser?"

    @pytest.mark.parametrize(
        ("body", "wrong"),
        [
            ({"buttons": ["a" * 21]}, [("choices.0", "too_long")]),
            ({"buttons": ["a", "b", "c", "d"]}, [("choices", "too_many")]),
            ({"buttons": ["a"], "menu": {"button": "b", "items": [{"title": "c"}]}}, [("menu", "conflict")]),
            ({"menu": {"button": "b", "items": []}}, [("menu.items", "too_short")]),
            ({"buttons": ["a"], "content_sid": "HX1"}, [("body", "conflict")]),
        ],
    )
    def test_say_what_is_wrong(self, desk: Api, ana: Operator, body: dict[str, Any], wrong: Any) -> None:
        response = desk.post(place(make_held(ana)), said(ana, body="Pode ser?", **body))

        assert fields(response) == wrong
