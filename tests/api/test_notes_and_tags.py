"""Notes and tags of a conversation, as the panel writes them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from conversations import notes
from conversations.models import Conversation, Mention, Note
from operators.models import Operator, Tag, Tagging
from tests.api.calls import Api, caller, code, fields
from tests.builders import kinds, last_event, make_held, make_operator, make_queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(ana: Operator) -> Conversation:
    return make_held(ana)


@pytest.fixture
def desk() -> Api:
    return caller("desk", "read")


def place(conversation: Conversation, rest: str = "notes") -> str:
    return f"/conversations/{conversation.public_id}/{rest}"


def session(operator: Operator) -> Api:
    client = Client()
    client.force_login(operator)
    return Api(client=client)


class TestNotes:
    def test_are_an_agents_or_the_integrations(self, held: Conversation, ana: Operator, desk: Api) -> None:
        of_ana = desk.post(place(held), {"body": "Liga depois.", "agent_id": str(ana.public_id)}, key="n-1")
        own = desk.post(place(held), {"body": "Pedido despachado."})

        assert (of_ana.status_code, own.status_code) == (201, 201)
        assert (of_ana.json()["agent_id"], own.json()["agent_id"]) == (str(ana.public_id), None)
        assert desk.get(place(held)).json()["items"] == [own.json(), of_ana.json()]
        assert last_event(held).actor_kind == "api"
        again = desk.post(place(held), {"body": "Liga depois.", "agent_id": str(ana.public_id)}, key="n-1")
        assert (again.content, Note.objects.count()) == (of_ana.content, 2)

    def test_mention_colleagues(self, held: Conversation, ana: Operator, desk: Api) -> None:
        bia = make_operator("bia")

        by_key = desk.post(place(held), {"body": "@ana e @bia, vejam isto."}).json()
        by_ana = session(ana).post(place(held), {"body": "@ana e @bia, vejam isto."}).json()

        assert by_key["mentions"] == [str(ana.public_id), str(bia.public_id)]
        assert by_ana["mentions"] == [str(bia.public_id)]
        read = desk.post(place(held, "mentions/read"), {"agent_id": str(bia.public_id)})
        assert read.json() == {"read": 2}
        assert set(Mention.objects.filter(read_at=None).values_list("operator", flat=True)) == {ana.pk}

    def test_mention_nobody_who_cannot_see_it(self, held: Conversation, desk: Api) -> None:
        make_operator("bia").queues.set([make_queue("Trocas")])

        assert code(desk.post(place(held), {"body": "@bia veja"})) == "mention_refused"
        assert not Note.objects.exists()

    @pytest.mark.parametrize("body", ["", "x" * (notes.LONGEST + 1), 5])
    def test_have_a_text_that_fits(self, held: Conversation, desk: Api, body: Any) -> None:
        assert fields(desk.post(place(held), {"body": body}))[0][0] == "body"
        assert code(desk.post(place(held), {"body": "  \n "})) == "empty_message"

    def test_whispered_are_read_by_whom_they_are_for(self, held: Conversation, ana: Operator) -> None:
        bia, caio = make_operator("bia"), make_operator("caio", staff=True)
        whisper = {"body": "Ofereça o frete.", "whisper_to": str(ana.public_id)}

        assert code(session(bia).post(place(held), whisper)) == "scope"
        assert code(caller("desk").post(place(held), whisper)) == "scope"
        other = whisper | {"whisper_to": str(bia.public_id)}
        assert code(session(caio).post(place(held), other)) == "stale_epoch"
        said = session(caio).post(place(held), whisper)

        assert said.json()["whisper_to"] == str(ana.public_id)
        readers = {"ana": session(ana), "bia": session(bia), "caio": session(caio)}
        readers |= {"read": caller("read"), "admin": caller("admin")}
        shown = {name for name, one in readers.items() if one.get(place(held)).json()["items"]}
        assert shown == {"ana", "caio", "admin"}
        pin = place(held, f"notes/{said.json()['id']}/pin")
        assert code(session(bia).post(pin)) == code(caller("desk").post(pin)) == "not_found"
        assert code(session(caio).post(pin)) == "not_to_pin"

    def test_are_pinned_and_taken_off(self, held: Conversation, ana: Operator, desk: Api) -> None:
        written = [desk.post(place(held), {"body": str(number)}).json()["id"] for number in range(6)]

        for number in written[:5]:
            pinned = desk.post(place(held, f"notes/{number}/pin"), {"agent_id": str(ana.public_id)})
        full = desk.post(place(held, f"notes/{written[5]}/pin"))

        assert pinned.json()["pinned_by"] == str(ana.public_id)
        assert (code(full), full.json()["limit"]) == ("pins_full", 5)
        assert len(desk.get(place(held), {"pinned": "true"}).json()["items"]) == 5
        before = kinds(held)
        again = desk.post(place(held, f"notes/{written[0]}/pin"))
        assert (again.status_code, again.json()["pinned_by"]) == (200, str(ana.public_id))
        assert kinds(held) == before
        off = desk.post(place(held, f"notes/{written[0]}/unpin"))
        assert (off.json()["pinned_at"], off.json()["pinned_by"]) == (None, None)
        assert kinds(held)[-1] == "note.unpinned"
        assert desk.post(place(held, f"notes/{written[5]}/pin")).json()["pinned_by"] is None

    def test_go_in_pages(self, held: Conversation, desk: Api) -> None:
        for number in range(3):
            desk.post(place(held), {"body": str(number)})

        first = desk.get(place(held), {"limit": 2}).json()
        second = desk.get(place(held), {"limit": 2, "cursor": first["next"]}).json()

        assert [item["body"] for item in first["items"] + second["items"]] == ["2", "1", "0"]
        assert fields(desk.get("/tags", {"cursor": first["next"]})) == [("cursor", "invalid")]

    def test_stand_in_the_panel(self, held: Conversation, ana: Operator, desk: Api) -> None:
        desk.post(place(held), {"body": "Pedido despachado."})
        client = Client()
        client.force_login(ana)

        assert "Pedido despachado." in client.get(f"/operator/c/{held.public_id}/").content.decode()


class TestTags:
    @pytest.fixture
    def tag(self, ana: Operator) -> Tag:
        return Tag.objects.create(organization=ana.organization, name="Entrega", hue=6)

    def test_are_given_once_and_taken_off(
        self, held: Conversation, ana: Operator, tag: Tag, desk: Api
    ) -> None:
        given = {"tag_id": str(tag.public_id), "agent_id": str(ana.public_id)}
        shown = {"id": str(tag.public_id), "name": "Entrega", "colour": "blue", "active": True}

        first, second = desk.post(place(held, "tags"), given), desk.post(place(held, "tags"), given)

        assert first.json() == second.json() == {"items": [shown], "next": None}
        assert desk.get(place(held, "tags")).json() == desk.get("/tags").json() == first.json()
        assert Tagging.objects.get().by == ana
        assert kinds(held).count("conversation.tagged") == 1
        off = place(held, f"tags/{tag.public_id}/remove")
        assert desk.post(off).json()["items"] == desk.post(off).json()["items"] == []
        assert kinds(held).count("conversation.untagged") == 1
        assert last_event(held).actor_kind == "api"

    def test_name_who_gives_them(self, held: Conversation, ana: Operator, tag: Tag, desk: Api) -> None:
        given = {"tag_id": str(tag.public_id)}

        assert fields(desk.post(place(held, "tags"), given)) == [("agent_id", "required")]
        assert session(ana).post(place(held, "tags"), given).status_code == 200
        assert Tagging.objects.get().by == ana

    def test_that_are_not_active_are_only_taken_off(
        self, held: Conversation, ana: Operator, tag: Tag, desk: Api
    ) -> None:
        Tagging.objects.create(conversation=held, tag=tag, by=ana, at=held.created_at)
        Tag.objects.update(active=False)

        given = {"tag_id": str(tag.public_id), "agent_id": str(ana.public_id)}
        assert fields(desk.post(place(held, "tags"), given)) == [("tag_id", "unknown")]
        assert desk.post(place(held, f"tags/{tag.public_id}/remove")).json()["items"] == []
