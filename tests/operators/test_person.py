"""Is it the same person? Asked in the chat, answered by whoever has it, and shown from then on."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from conversations import clock, likeness
from conversations.likeness import Person
from conversations.models import Apart, Conversation, Mode
from operators import people
from operators.models import Operator
from tests.builders import JOAO, fresh, make_held, make_operator, make_queue, make_with_bot, says, thread

pytestmark = pytest.mark.django_db

TWIN = "whatsapp:+551187654321"
OTHER = "whatsapp:+5521999990000"
USER_ID = "whatsapp:BR.2603687405766954"
FRAGMENT = {"HX-Request": "true"}
QUESTION = "Same person?"


@pytest.fixture(autouse=True)
def _in_english(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def caio() -> Operator:
    return make_operator("caio", staff=True)


def place(conversation: Conversation, rest: str = "", other: Conversation | None = None) -> str:
    return f"/operator/c/{conversation.public_id}/{rest}" + (f"/{other.public_id}" if other else "")


def shown(client: Client, conversation: Conversation) -> str:
    return client.get(place(conversation)).content.decode()


def alike(conversation: Conversation) -> list[Conversation]:
    """Whoever is found, and never without the condition that lets nobody ask in vain."""
    found = likeness.of(fresh(conversation), among=Conversation.objects.all())
    assert somebody(conversation) or found == Person()
    return found.alike


def somebody(conversation: Conversation) -> bool:
    return Conversation.objects.filter(likeness.somebody(), pk=conversation.pk).exists()


class TestTheQuestion:
    @pytest.mark.parametrize(
        ("one", "other"), [(JOAO, TWIN), ("whatsapp:+5215512345678", "whatsapp:+525512345678")]
    )
    def test_is_asked_of_two_spellings_of_one_number(self, one: str, other: str) -> None:
        first, second = make_with_bot(address=one), make_with_bot(address=other)
        make_with_bot(address=OTHER)

        assert (alike(first), alike(second)) == ([second], [first])

    def test_is_asked_of_two_whose_addresses_came_in_one_payload(self) -> None:
        says("oi", ExternalUserId=USER_ID)
        says("oi", address=OTHER, ExternalUserId=USER_ID)

        assert alike(thread(JOAO)) == [thread(OTHER)]
        assert alike(thread(OTHER)) == [thread(JOAO)]

    def test_is_asked_when_the_second_user_id_of_a_phone_writes_by_itself(self) -> None:
        says("oi", ExternalUserId=USER_ID)
        says("oi", ExternalUserId="whatsapp:BR.999")
        says("oi", address="whatsapp:BR.999")

        assert alike(thread(JOAO)) == [thread("whatsapp:BR.999")]

    def test_is_asked_of_whom_the_other_was_merged_into(self, ana: Operator) -> None:
        first, second, third = make_with_bot(), make_with_bot(address=OTHER), make_with_bot(address=TWIN)
        people.same(second, third, operator=ana, door="panel", now=clock.now())

        assert alike(first) == [second]
        assert somebody(second)
        people.different(first, second, operator=ana, now=clock.now())
        assert alike(first) == []

    @pytest.mark.parametrize(
        "address", [JOAO, TWIN, "whatsapp:+5215512345678", "whatsapp:+551133334444", "whatsapp:+14155550100"]
    )
    def test_is_not_asked_of_strangers(self, address: str) -> None:
        make_with_bot(address=OTHER)

        assert alike(make_with_bot(address=address)) == []
        assert not somebody(thread(address))

    def test_is_put_to_whoever_has_the_chat_and_to_supervisors(
        self, panel: Client, ana: Operator, caio: Operator
    ) -> None:
        make_with_bot(address=TWIN)
        mine, bia = make_held(ana), make_operator("bia")
        other, supervisor = Client(), Client()
        other.force_login(bia)
        supervisor.force_login(caio)

        assert [QUESTION in shown(one, mine) for one in (panel, supervisor, other)] == [True, True, False]

    def test_names_nobody_whom_they_may_not_see(self, panel: Client, ana: Operator) -> None:
        elsewhere = make_held(make_operator("bia"), address=TWIN)
        Conversation.objects.filter(pk=elsewhere.pk).update(queue=make_queue("Financeiro"))
        mine = make_held(ana)

        assert QUESTION not in shown(panel, mine)
        assert panel.get(place(mine, "same", elsewhere)).status_code == 404
        assert panel.post(place(mine, "same", elsewhere)).status_code == 404

    def test_is_not_asked_again_after_a_no(self, panel: Client, ana: Operator) -> None:
        twin, mine = make_with_bot(address=TWIN), make_held(ana)

        answer = panel.post(place(mine, "different", twin), headers=FRAGMENT)

        assert (answer.status_code, QUESTION in answer.content.decode()) == (200, False)
        assert (alike(mine), alike(twin)) == ([], [])
        assert Apart.objects.get().by == ana
        assert panel.post(place(mine, "different", twin)).status_code == 404
        assert Apart.objects.count() == 1


class TestYes:
    def test_is_confirmed_with_both_names_first(self, panel: Client, ana: Operator) -> None:
        twin, mine = make_with_bot(address=TWIN, ProfileName="João de Souza"), make_held(ana)

        for headers in ({}, FRAGMENT):
            page = panel.get(place(mine, "same", twin), headers=headers).content.decode()
            assert "João de Souza" in page
            assert "João Silva" in page
        assert fresh(twin).merged_into is None

    def test_makes_one_chat_of_both(self, panel: Client, ana: Operator) -> None:
        twin, mine = make_with_bot(address=TWIN), make_held(ana)

        answer = panel.post(place(mine, "same", twin), headers=FRAGMENT)

        assert (answer.status_code, answer["HX-Push-Url"]) == (200, place(mine))
        assert fresh(twin).merged_into == mine
        assert fresh(mine).operator == ana
        assert "You merged another chat of this person into this one" in answer.content.decode()
        assert QUESTION not in answer.content.decode()

    def test_keeps_the_one_that_others_were_merged_into(self, ana: Operator, caio: Operator) -> None:
        mine, twin, third = make_held(ana), make_with_bot(address=TWIN), make_with_bot(address=OTHER)
        people.same(twin, third, operator=caio, door="panel", now=clock.now())

        goes_on = people.same(mine, twin, operator=caio, door="panel", now=clock.now())

        assert (goes_on, goes_on.operator, fresh(mine).merged_into) == (twin, ana, twin)

    def test_once_is_enough(self, panel: Client, ana: Operator) -> None:
        twin, mine = make_with_bot(address=TWIN), make_held(ana)
        panel.post(place(mine, "same", twin))

        assert panel.post(place(mine, "same", twin)).status_code == 404

    def test_says_nothing_of_strangers_but_a_supervisors(
        self, panel: Client, ana: Operator, caio: Operator
    ) -> None:
        stranger, mine = make_with_bot(address=OTHER), make_held(ana)

        assert panel.post(place(mine, "same", stranger)).status_code == 404
        panel.force_login(caio)
        assert panel.post(place(mine, "same", stranger)).status_code == 303

    def test_is_for_whoever_has_the_chat(self, panel: Client) -> None:
        twin, other = make_with_bot(address=TWIN), make_held(make_operator("bia"))

        for rest in ("same", "different"):
            assert panel.post(place(other, rest, twin)).status_code == 404
        assert fresh(twin).merged_into is None


@pytest.fixture
def merged(ana: Operator) -> tuple[Conversation, Conversation]:
    says("minha primeira pergunta", address=TWIN)
    mine = make_held(ana)
    other = people.same(mine, thread(TWIN), operator=ana, door="panel", now=clock.now())
    return other, thread(TWIN)


class TestTheOtherChat:
    def test_stands_folded_in_the_thread_and_opens_on_demand(
        self, panel: Client, merged: tuple[Conversation, Conversation]
    ) -> None:
        mine, other = merged
        page = shown(panel, mine)
        link = place(mine, "earlier", other)

        assert "Earlier chat with +55 11 8765-4321" in page
        assert page.index(f"earlier-{other.public_id}") < page.index('class="m in')
        assert "minha primeira pergunta" not in page
        for headers in ({}, FRAGMENT):
            assert "minha primeira pergunta" in panel.get(link, headers=headers).content.decode()

    def test_stands_where_it_belongs_in_time(self, panel: Client, ana: Operator) -> None:
        mine = make_held(ana)
        twin = make_with_bot(address=TWIN)
        people.same(mine, twin, operator=ana, door="panel", now=clock.now())

        page = shown(panel, mine)

        assert page.index(f"earlier-{twin.public_id}") > page.rindex('class="m in')

    def test_stands_on_one_page_of_a_long_thread(
        self, panel: Client, merged: tuple[Conversation, Conversation]
    ) -> None:
        mine, other = merged
        for number in range(60):
            says(f"linha {number}")
        older = int(shown(panel, mine).split("?before=")[1].split('"')[0])

        newest = panel.get(place(mine)).content.decode()
        first = panel.get(place(mine) + f"?before={older}", headers=FRAGMENT).content.decode()

        mark = f'id="earlier-{other.public_id}"'
        assert [page.count(mark) for page in (newest, first)] == [0, 1]

    def test_is_left_for_the_one_that_goes_on(
        self, panel: Client, merged: tuple[Conversation, Conversation]
    ) -> None:
        mine, other = merged

        page, part = panel.get(place(other)), panel.get(place(other, "thread"), headers=FRAGMENT)

        assert (page.status_code, page["Location"]) == (303, place(mine))
        assert f'data-conversation="{mine.public_id}"' in part.content.decode()
        assert int(part["X-Seq"]) > mine.seq
        assert panel.post(place(other, "send"), {"body": "oi"}).status_code == 404

    def test_is_nobody_elses(self, panel: Client, merged: tuple[Conversation, Conversation]) -> None:
        mine, other = merged
        stranger = make_with_bot(address=OTHER)
        for one, another in ((mine, stranger), (stranger, other)):
            assert panel.get(place(one, "earlier", another)).status_code == 404
        assert panel.get(f"/operator/c/{mine.public_id}/earlier/{uuid4()}").status_code == 404

    def test_is_separated_by_a_supervisor(
        self, panel: Client, caio: Operator, merged: tuple[Conversation, Conversation]
    ) -> None:
        mine, other = merged
        assert panel.post(place(mine, "separate", other)).status_code == 404
        assert place(mine, "separate", other) not in shown(panel, mine)
        panel.force_login(caio)
        assert place(mine, "separate", other) in shown(panel, mine)
        assert panel.get(place(mine, "separate", other)).status_code == 200

        answer = panel.post(place(mine, "separate", other))

        assert (answer.status_code, answer["Location"]) == (303, place(mine))
        assert (fresh(other).merged_into, fresh(other).mode) == (None, Mode.BOT)
        assert alike(mine) == []
        assert "separated another chat" in shown(panel, mine)
