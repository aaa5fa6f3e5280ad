"""Canned replies: which are offered where, how they are found, and whose names stand in them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from conversations.models import Contact, Conversation, Queue
from operators import canned
from operators.models import CannedReply, Draft, Operator
from tests import builders

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def ana() -> Operator:
    operator = builders.make_operator("ana")
    Operator.objects.filter(pk=operator.pk).update(first_name="Ana", last_name="Martins")
    return operator


@pytest.fixture
def held(ana: Operator) -> Conversation:
    return builders.make_held(ana)


def make(code: str, body: str = "Texto", *, queue: Queue | None = None, **changes: Any) -> CannedReply:
    organization = builders.make_sender().organization
    given = {"title": code.title(), **changes}
    return CannedReply.objects.create(organization=organization, code=code, body=body, queue=queue, **given)


def place(conversation: Conversation, what: str = "canned") -> str:
    return f"/operator/c/{conversation.public_id}/{what}"


def offered(panel: Client, conversation: Conversation, search: str = "") -> list[str]:
    page = panel.get(place(conversation), {"q": search}, headers=FRAGMENT).content.decode()
    return re.findall(r"<code>/(.*?)</code>", page)


def text(panel: Client, conversation: Conversation) -> str:
    page = panel.get(place(conversation), headers=FRAGMENT).content.decode()
    return str(re.findall(r'data-text="(.*?)"', page, re.S)[0])


class TestTheOffer:
    def test_begins_with_those_of_the_chats_queue(self, panel: Client, held: Conversation) -> None:
        own, other = Queue.objects.get(), builders.make_queue("Trocas")
        make("geral", order=1)
        make("ola", order=0)
        make("boleto", queue=own, order=9)
        make("troca", queue=other)
        make("velha", active=False)

        assert offered(panel, held) == ["boleto", "ola", "geral"]

    def test_is_of_one_company(self, panel: Client, held: Conversation) -> None:
        stranger = builders.make_stranger()
        CannedReply.objects.create(organization=stranger.organization, code="deles", title="x", body="x")
        make("nossa")

        assert offered(panel, held) == ["nossa"]

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("end", ["endereco", "prazo"]),
            ("ENDEREÇO", ["endereco", "prazo"]),
            ("previsao", ["endereco"]),
            ("cartao prazo", ["prazo"]),
            ("ereco", []),
            ("(", []),
        ],
    )
    def test_is_searched_by_beginnings_of_words_without_marks(
        self, panel: Client, held: Conversation, search: str, found: list[str]
    ) -> None:
        make("prazo", "No cartão em dois ciclos, no endereço antigo", order=0)
        make("endereco", "A previsão continua", order=1)

        assert offered(panel, held, search) == found

    def test_that_is_empty_says_so(self, panel: Client, held: Conversation) -> None:
        page = panel.get(place(held), {"q": "nada"}, headers=FRAGMENT).content.decode()

        assert 'role="listbox"' not in page
        assert 'role="status"' in page


class TestTheNames:
    @pytest.mark.parametrize(
        ("written", "shown"),
        [
            ("Oi, {primeiro_nome}! Aqui é {atendente}.", "Oi, João! Aqui é Ana."),
            ("{first_name} {name} {agent} {queue}", "João João Silva Ana Atendimento"),
            ("{Primeiro Nome} { nome } {PROTOCOLO} {fila}", "João João Silva 1 Atendimento"),
            ("{primer_nombre} {nombre} {agente} {cola}", "João João Silva Ana Atendimento"),
            ("{company} {empresa}", "HandoffFlow HandoffFlow"),
            ("Chega {previsão}, {nome}", "Chega {previsão}, João Silva"),
            ("{ } {} {{nome}} a{b", "{ } {} {João Silva} a{b"),
        ],
    )
    def test_are_filled_in(self, panel: Client, held: Conversation, written: str, shown: str) -> None:
        make("ola", written)

        assert text(panel, held) == shown

    def test_that_nobody_knows_are_left_open(self, panel: Client, held: Conversation) -> None:
        """A number is no name to greet somebody by."""
        Contact.objects.filter(pk=held.contact_id).update(name="")
        Conversation.objects.filter(pk=held.pk).update(queue=None)
        make("ola", "Oi, {nome}, da {fila}")

        assert text(panel, held) == "Oi, {nome}, da {fila}"

    def test_never_become_markup(self, panel: Client, held: Conversation) -> None:
        Contact.objects.filter(pk=held.contact_id).update(name='"><img src=x>')
        make("ola", "Oi, {nome}")

        assert text(panel, held) == "Oi, &quot;&gt;&lt;img src=x&gt;"

    def test_left_open_are_each_named_once(self) -> None:
        assert canned.gaps("{a}, {previsão} e {a} {não fechado") == ["{a}", "{previsão}"]


class TestWithoutScript:
    def test_a_page_lists_them_and_puts_one_into_the_box(self, panel: Client, held: Conversation) -> None:
        reply = make("prazo", "Oi, {nome}: chega {quando}.")

        page = panel.get(place(held)).content.decode()
        assert f"?canned={reply.public_id}" in page
        assert "{quando}" in page
        filled = panel.get(place(held, ""), {"canned": str(reply.public_id)}).content.decode()

        assert ">\nOi, João Silva: chega {quando}.</textarea>" in filled
        assert '<p class="notice">' in filled

    def test_it_stands_after_what_was_begun(self, panel: Client, ana: Operator, held: Conversation) -> None:
        reply = make("prazo", "Chega amanhã.")
        told = {"kind": "reply", "text": "Boa tarde!", "seen": "0"}
        panel.post(place(held, "draft"), told, headers=FRAGMENT)

        page = panel.get(place(held, ""), {"canned": str(reply.public_id)}).content.decode()

        assert ">\nBoa tarde!\nChega amanhã.</textarea>" in page
        assert Draft.objects.get().text == "Boa tarde!"

    @pytest.mark.parametrize("wanted", ["", "nonsense", "0" * 32])
    def test_what_does_not_exist_changes_nothing(
        self, panel: Client, held: Conversation, wanted: str
    ) -> None:
        response = panel.get(place(held, ""), {"canned": wanted})

        assert response.status_code == 200
        assert '<p class="notice">' not in response.content.decode()


@pytest.mark.engine
class TestACode:
    def test_is_unique_in_its_queue_and_among_the_general_ones(self) -> None:
        builders.make_sender()
        queue = Queue.objects.get()
        make("ola")
        make("ola", queue=queue)

        for shelf in (None, queue):
            with pytest.raises(IntegrityError), transaction.atomic():
                make("ola", queue=shelf)

    def test_moves_with_its_reply(self) -> None:
        builders.make_sender()
        reply = make("ola", queue=Queue.objects.get())
        reply.queue = None
        reply.save()

        make("ola", queue=Queue.objects.get())
        with pytest.raises(IntegrityError), transaction.atomic():
            make("ola")


class TestTheAdmin:
    @pytest.fixture
    def caio(self, client: Client) -> Client:
        client.force_login(builders.make_operator("caio", staff=True))
        return client

    def add(self, caio: Client, **fields: Any) -> Any:
        given = {"code": "ola", "title": "Saudação", "body": "Oi, {nome}!", "queue": "", "order": "0"}
        return caio.post("/admin/operators/cannedreply/add/", {**given, "active": "on", **fields})

    def test_writes_one_of_the_supervisors_company(self, caio: Client) -> None:
        assert self.add(caio, code="Olá").status_code == 302

        reply = CannedReply.objects.get()
        assert (reply.code, reply.organization) == ("olá", builders.make_sender().organization)

    def test_says_that_a_code_is_taken(self, caio: Client) -> None:
        self.add(caio)

        again = self.add(caio)

        assert again.status_code == 200
        assert "Já existe uma com este código." in again.content.decode()
        assert self.add(caio, queue=Queue.objects.get().pk).status_code == 302

    def test_offers_no_queue_of_another_company(self, caio: Client) -> None:
        theirs = Queue.objects.create(organization=builders.make_stranger().organization, name="Deles")

        assert self.add(caio, queue=theirs.pk).status_code == 200
        assert CannedReply.objects.count() == 0

    def test_moves_one_into_a_queue_that_has_that_code_no_more(self, caio: Client) -> None:
        make("ola")
        reply = make("ola", queue=Queue.objects.get())

        told = {"code": "ola", "title": "x", "body": "x", "queue": "", "order": "0", "active": "on"}
        response = caio.post(f"/admin/operators/cannedreply/{reply.pk}/change/", told)

        assert response.status_code == 200
        assert CannedReply.objects.filter(queue=None).count() == 1
