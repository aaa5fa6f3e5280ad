"""Finding contacts, and correcting what is known of them as the panel does."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from conversations import clock, contacts, errors, merging, profiles
from conversations.models import Contact, Conversation, Event, Sender
from operators import attributes
from operators.models import AttributeDefinition
from tests.api.calls import Api, caller, code, fields
from tests.api.world import API
from tests.builders import fresh, kinds, last_event, make_sender, make_with_bot

pytestmark = pytest.mark.django_db


@pytest.fixture
def joao() -> Conversation:
    return make_with_bot()


@pytest.fixture
def desk() -> Api:
    return caller("admin")


def define(key: str, kind: str = "text", **more: Any) -> AttributeDefinition:
    company = make_sender().organization
    return AttributeDefinition.objects.create(organization=company, key=key, name=key, kind=kind, **more)


def place(conversation: Conversation) -> str:
    return f"/contacts/{conversation.contact.public_id}"


def found(query: dict[str, Any]) -> list[str]:
    return [item["name"] for item in caller("read").get("/contacts", query).json()["items"]]


class TestReading:
    def test_tells_who_somebody_is(self, joao: Conversation, desk: Api) -> None:
        contacts.remember(joao.contact, {"cpf": "1"})

        person = desk.get(place(joao)).json()

        assert person == desk.get("/contacts").json()["items"][0]
        assert person["addresses"] == [
            {"sender": joao.sender.address, "kind": "phone", "address": "whatsapp:+5511987654321"}
        ]
        assert (person["name"], person["language"], person["attributes"]) == (
            "João Silva",
            "pt-br",
            {"cpf": "1"},
        )
        assert person["conversations"] == [{"id": str(joao.public_id), "sender": joao.sender.address}]

    def test_finds_by_number_and_name(self, joao: Conversation) -> None:
        make_with_bot(address="whatsapp:+14155550100", ProfileName="Ana Souza")

        assert found({"phone": "5511987654321"}) == found({"phone": "+5511987654321"}) == ["João Silva"]
        assert found({"phone": "551198765432"}) == []
        assert found({"name": "joao"}) == found({"name": "SILVA"}) == ["João Silva"]
        assert found({"name": "oao"}) == []
        assert found({"q": "98765"}) == found({"q": "silva joão"}) == ["João Silva"]
        assert found({"q": "5550"}) == ["Ana Souza"]
        assert found({"q": "a!"}) == []
        assert found({"phone": "14155550100", "name": "joao"}) == []

    def test_goes_in_pages(self, joao: Conversation, desk: Api) -> None:
        for number in range(4):
            make_with_bot(address=f"whatsapp:+551190000000{number}", ProfileName=f"Cliente {number}")

        first = desk.get("/contacts", {"limit": 3}).json()
        second = desk.get("/contacts", {"limit": 3, "cursor": first["next"]}).json()

        names = [item["name"] for item in first["items"] + second["items"]]
        assert names == ["Cliente 3", "Cliente 2", "Cliente 1", "Cliente 0", "João Silva"]
        assert second["next"] is None

    def test_costs_the_same_for_any_number(
        self, joao: Conversation, desk: Api, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(4):
            make_with_bot(address=f"whatsapp:+551190000000{number}")

        with django_assert_max_num_queries(8):
            assert len(desk.get("/contacts").json()["items"]) == 5

    @pytest.mark.parametrize(
        "query", [{"phone": "abc"}, {"phone": "+55 11"}, {"name": ""}, {"q": "x" * 61}, {"limit": "0"}]
    )
    def test_refuses_odd_filters(self, query: dict[str, str]) -> None:
        [(name, _wrong)] = fields(caller("read").get("/contacts", query))
        assert name == next(iter(query))

    def test_leads_from_an_old_number_to_where_it_goes_on(self, joao: Conversation, desk: Api) -> None:
        other = make_with_bot(address="whatsapp:+5511900000001", ProfileName="J.")
        merging.merge(joao, other, cause=API, now=clock.now())

        assert found({"phone": "5511900000001"}) == found({}) == found({"q": "900000001"}) == ["João Silva"]
        assert code(desk.get(place(other))) == "not_found"
        assert [one["address"] for one in desk.get(place(joao)).json()["addresses"]] == [
            "whatsapp:+5511987654321",
            "whatsapp:+5511900000001",
        ]

    def test_forgets_whoever_was_erased(self, joao: Conversation, desk: Api) -> None:
        Contact.objects.filter(pk=joao.contact_id).update(anonymized_at=timezone.now())

        assert found({}) == []
        assert code(desk.get(place(joao))) == "not_found"

    def test_tells_a_key_of_one_sender_no_address_on_another(self, joao: Conversation) -> None:
        spare = Sender.objects.create(
            organization=joao.sender.organization, address="whatsapp:+2", account_sid="AC3", name="x"
        )
        joao.contact.addresses.create(sender=spare, kind="user_id", value="whatsapp:BR.1")
        key = caller("read", sender=joao.sender)

        assert "BR.1" not in key.get(place(joao)).content.decode()
        Conversation.objects.create(sender=spare, contact=joao.contact, reply_address="whatsapp:BR.1")
        assert "BR.1" not in key.get(place(joao)).content.decode()
        assert "BR.1" in caller("read").get(place(joao)).content.decode()


class TestCorrecting:
    def test_writes_what_is_named_and_tells_it_once(self, joao: Conversation, desk: Api) -> None:
        cpf, plan = define("cpf", pattern="999.999.999-99"), define("plan", "list", choices="A\nB")
        contacts.remember(joao.contact, {"plan": "A", "of the bot": [1]})

        answer = desk.post(
            place(joao),
            {
                "name": "  João  da Silva ",
                "language": "es",
                "attributes": {"cpf": "123.456.789-09", "plan": None},
            },
            key="crm-1",
        )

        person = Contact.objects.get(pk=joao.contact_id)
        assert answer.json()["name"] == person.name == "João da Silva"
        assert person.language == "es"
        assert (
            answer.json()["attributes"] == person.attributes == {"cpf": "123.456.789-09", "of the bot": [1]}
        )
        told = last_event(joao)
        assert (told.kind, told.actor_kind) == ("contact.changed", "api")
        assert told.data["fields"] == ["name", "language", str(cpf.public_id), str(plan.public_id)]

    def test_leaves_everything_where_something_is_wrong(self, joao: Conversation, desk: Api) -> None:
        define("cpf", required=True)
        define("plan", "list", choices="A\nB")
        define("age", "number")
        define("member", "yes_no")
        define("since", "date")
        define("bairro preferido", pattern="99")
        before = kinds(joao)
        sent: dict[str, Any] = {
            "name": "a\nb",
            "language": "fr",
            "attributes": {
                "cpf": "",
                "plan": "C",
                "age": "12",
                "member": "yes",
                "since": "2026-02-30",
                "bairro preferido": "x",
                "Maria Lima": 1,
                "unknown": 1,
            },
        }

        assert fields(desk.post(place(joao), sent)) == [
            ("name", "format"),
            ("language", "choice"),
            ("attributes.cpf", "required"),
            ("attributes.plan", "choice"),
            ("attributes.age", "type"),
            ("attributes.member", "type"),
            ("attributes.since", "format"),
            ("attributes.bairro preferido", "format"),
            ("attributes.?", "unknown"),
            ("attributes.unknown", "unknown"),
        ]
        assert (fresh(joao).contact.name, fresh(joao).contact.attributes) == ("João Silva", {})
        assert kinds(joao) == before

    @pytest.mark.parametrize(
        ("kind", "given", "stored"),
        [
            ("number", 12.5, 12.5),
            ("number", 12.0, 12),
            ("number", -3, -3),
            ("yes_no", False, False),
            ("date", "2026-11-30", "2026-11-30"),
            ("text", " a ", "a"),
            ("text", "", None),
        ],
    )
    def test_stores_as_the_panel_does(
        self, joao: Conversation, desk: Api, settings: Any, kind: str, given: Any, stored: Any
    ) -> None:
        settings.LANGUAGE_CODE = "pt-br"  # where a number is written with a comma
        definition = define("it", kind)

        answer = desk.post(place(joao), {"attributes": {"it": given}})

        assert answer.json()["attributes"] == ({} if stored is None else {"it": stored})
        assert definition.parse(definition.typed(stored)) == stored

    @pytest.mark.parametrize("given", [1e300, 1e20, 0.1234567, 10**18])
    def test_refuses_a_number_that_no_field_takes(self, joao: Conversation, desk: Api, given: float) -> None:
        define("it", "number")

        assert fields(desk.post(place(joao), {"attributes": {"it": given}}))[0][0] == "attributes.it"
        assert fresh(joao).contact.attributes == {}

    def test_says_nothing_where_nothing_changes(self, joao: Conversation, desk: Api) -> None:
        before = Event.objects.count()

        assert desk.post(place(joao), {"name": "João Silva"}).status_code == 200
        assert desk.post(place(joao), {}).status_code == 200
        assert Event.objects.count() == before

    def test_does_not_write_over_what_came_in_between(
        self, joao: Conversation, desk: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def correct(conversation: Conversation, changes: Any, **how: Any) -> Conversation:
            Contact.objects.filter(pk=conversation.contact_id).update(name="Maria")
            return original(conversation, changes, **how)

        original = profiles.correct
        monkeypatch.setattr(profiles, "correct", correct)

        assert code(desk.post(place(joao), {"name": "João"})) == errors.ProfileChanged.code
        assert fresh(joao).contact.name == "Maria"

    def test_accepts_a_name_as_long_as_the_panel_does(self, joao: Conversation, desk: Api) -> None:
        longest = "x" * attributes.LONGEST_NAME

        assert desk.post(place(joao), {"name": longest}).json()["name"] == longest
        assert fields(desk.post(place(joao), {"name": longest + "x"})) == [("name", "format")]
