"""Whether two are one person: asked, answered, and taken back."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import Apart, Conversation
from operators.models import Operator
from tests.api.calls import Api, caller, code
from tests.api.test_notes_and_tags import session
from tests.api.world import TWIN
from tests.builders import fresh, last_event, make_held, make_operator, make_with_bot

pytestmark = pytest.mark.django_db
STRANGER = "whatsapp:+5511900000002"


@pytest.fixture
def held(ana: Operator) -> Conversation:
    return make_held(ana)


@pytest.fixture
def twin(held: Conversation) -> Conversation:
    return make_with_bot(address=TWIN)


@pytest.fixture
def desk() -> Api:
    return caller("desk", "read")


def say(api: Api, conversation: Conversation, what: str, other: Conversation) -> Any:
    place = f"/conversations/{conversation.public_id}/person/{what}"
    return api.post(place, {"other_id": str(other.public_id)})


def ids(api: Api, conversation: Conversation) -> dict[str, list[str]]:
    person = api.get(f"/conversations/{conversation.public_id}/person").json()
    return {name: [one["id"] for one in rows] for name, rows in person.items()}


class TestPerson:
    def test_is_asked_about_and_becomes_one(self, held: Conversation, twin: Conversation, desk: Api) -> None:
        assert ids(desk, held) == {"merged": [], "alike": [str(twin.public_id)]}

        goes_on = say(desk, held, "same", twin)

        assert goes_on.json()["id"] == str(held.public_id)
        assert fresh(twin).merged_into == held
        assert last_event(held).actor_kind == "api"
        assert ids(desk, held) == {"merged": [str(twin.public_id)], "alike": []}

    def test_is_not_asked_again_about_two(self, held: Conversation, twin: Conversation, desk: Api) -> None:
        assert say(desk, held, "different", twin).status_code == 200

        assert ids(desk, held) == {"merged": [], "alike": []}
        assert Apart.objects.get().by is None

    def test_is_taken_apart_by_who_supervise(self, held: Conversation, twin: Conversation, desk: Api) -> None:
        say(desk, held, "same", twin)
        caio = make_operator("caio", staff=True)

        assert code(say(desk, held, "separate", twin)) == "scope"
        assert say(session(caio), held, "separate", twin).status_code == 200
        assert fresh(twin).merged_into is None
        assert Apart.objects.get().by == caio
        assert code(say(session(caio), held, "separate", twin)) == "not_found"

    def test_is_nobody_who_was_not_asked_about(self, held: Conversation, desk: Api) -> None:
        stranger = make_with_bot(address=STRANGER)

        assert code(say(desk, held, "same", stranger)) == "not_found"
        assert code(say(desk, held, "different", stranger)) == "not_found"
        assert say(caller("admin"), held, "same", stranger).status_code == 200

    def test_is_asked_of_whoever_has_the_chat(
        self, held: Conversation, twin: Conversation, ana: Operator
    ) -> None:
        bia = make_operator("bia")

        assert ids(session(bia), held)["alike"] == []
        assert code(say(session(bia), held, "same", twin)) == "not_found"
        assert say(session(ana), held, "same", twin).status_code == 200

    def test_cannot_be_oneself(self, held: Conversation) -> None:
        refused = say(caller("admin"), held, "same", held)

        assert (code(refused), refused.json()["reason"]) == ("cannot_merge", "itself")
