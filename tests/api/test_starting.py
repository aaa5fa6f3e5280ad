"""Writing first over the API, by the panel's own rules."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import AuditEntry, Contact, Conversation, Delivery, Organization, Sender, Template
from handoffflow.models import IdempotentRequest
from operators.models import Operator
from tests.api.calls import Api, caller, code, fields
from tests.api.test_notes_and_tags import session
from tests.api.world import TWIN
from tests.builders import make_operator, make_sender, make_waiting, make_with_bot
from tests.templates import make_template

pytestmark = pytest.mark.django_db
NEW = "+5511912345678"


@pytest.fixture
def template(ana: Operator) -> Template:
    return make_template(make_sender())


@pytest.fixture
def desk() -> Api:
    return caller("desk")


def body(template: Template, agent: Operator | None, **changes: Any) -> dict[str, Any]:
    given = {
        "number": NEW,
        "name": "Maria Lima",
        "content_sid": template.content_sid,
        "variables": {"1": "Maria"},
        "agreed": True,
    }
    return given | ({"agent_id": str(agent.public_id)} if agent else {}) | changes


class TestStart:
    def test_writes_and_gives_it_to_the_agent(self, ana: Operator, template: Template, desk: Api) -> None:
        first = desk.post("/conversations", body(template, ana), key="k")
        again = desk.post("/conversations", body(template, ana), key="k")

        begun = first.json()
        assert (first.status_code, begun["mode"], begun["agent_id"]) == (201, "human", str(ana.public_id))
        assert (begun["contact"]["name"], begun["contact"]["address"]) == ("Maria Lima", f"whatsapp:{NEW}")
        assert begun["last_message"]["template"]["content_sid"] == template.content_sid
        assert Delivery.objects.get().outside_window
        assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
        assert AuditEntry.objects.filter(action="contact.opted_in").count() == 1
        assert Contact.objects.get().opted_in_by == ana

    def test_is_said_once_under_a_key_for_ever(self, ana: Operator, template: Template, desk: Api) -> None:
        first = desk.post("/conversations", body(template, ana), key="k").json()
        IdempotentRequest.objects.all().delete()

        again = desk.post("/conversations", body(template, ana), key="k").json()

        assert again["last_message"]["id"] == first["last_message"]["id"]
        assert Delivery.objects.count() == 1

    def test_is_your_own_in_a_session(self, ana: Operator, template: Template) -> None:
        bia = make_operator("bia")

        assert code(session(bia).post("/conversations", body(template, ana))) == "scope"
        mine = session(bia).post("/conversations", body(template, None))
        assert mine.json()["agent_id"] == str(bia.public_id)

    def test_needs_an_agent_with_a_key(self, template: Template, desk: Api) -> None:
        assert fields(desk.post("/conversations", body(template, None))) == [("agent_id", "required")]

    @pytest.mark.parametrize(
        ("changes", "refused"),
        [
            ({"agreed": False}, "consent_required"),
            ({"number": "11912345678"}, "invalid_number"),
            ({"content_sid": "HX0"}, "unknown_template"),
            ({"variables": {}}, "invalid"),
            ({"name": "a\nb"}, "invalid"),
            ({"sender": "whatsapp:+1999"}, "invalid"),
        ],
    )
    def test_refuses_and_leaves_nothing(
        self, ana: Operator, template: Template, desk: Api, changes: dict[str, Any], refused: str
    ) -> None:
        answer = desk.post("/conversations", body(template, ana, **changes))

        assert (answer.status_code, code(answer)) == (422, refused)
        assert not Contact.objects.exists()
        assert not Conversation.objects.exists()

    def test_asks_whether_it_is_somebody_known(self, ana: Operator, template: Template, desk: Api) -> None:
        known, number = make_with_bot(address=TWIN), {"number": "+5511987654321"}

        asked = desk.post("/conversations", body(template, ana, **number))
        assert (asked.status_code, code(asked)) == (409, "same_person")
        assert "551187654321" not in asked.content.decode()
        theirs = desk.post("/conversations", body(template, ana, **number, same=True))
        assert theirs.json()["id"] == str(known.public_id)
        other = desk.post("/conversations", body(template, ana, **number, same=False))
        assert other.json()["id"] != str(known.public_id)

    def test_does_not_pass_the_queue_by(self, ana: Operator, template: Template, desk: Api) -> None:
        make_waiting(address=f"whatsapp:{NEW}")

        assert code(desk.post("/conversations", body(template, ana))) == "waits_in_queue"

    def test_takes_a_place(self, template: Template, desk: Api) -> None:
        bia = make_operator("bia", capacity=0)

        assert code(desk.post("/conversations", body(template, bia))) == "at_capacity"
        assert not Conversation.objects.exists()

    def test_names_the_sender_where_there_are_several(
        self, ana: Operator, template: Template, desk: Api
    ) -> None:
        spare = Sender.objects.create(
            organization=Organization.default(),
            address="whatsapp:+2",
            account_sid=make_sender().account_sid,
            name="x",
        )

        assert fields(desk.post("/conversations", body(template, ana))) == [("sender", "required")]
        chosen = desk.post("/conversations", body(template, ana, sender=spare.address))
        assert chosen.json()["sender"] == spare.address
        key = caller("desk", sender=make_sender())
        assert fields(key.post("/conversations", body(template, ana, sender=spare.address))) == [
            ("sender", "unknown")
        ]
