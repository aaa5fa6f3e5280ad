from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import clock, merging, notes, searching
from conversations.models import Contact, Conversation, Message, Note
from conversations.searching import Wanted
from operators import desk
from operators.models import Operator
from tests import builders, rows
from tests.admin.test_speed import plan, walked

pytestmark = pytest.mark.django_db
RUI, LIA = "whatsapp:+5511987650001", "whatsapp:+551187650002"
MANY = 20_000


def among(operator: Operator) -> Any:
    return Conversation.objects.visible_to(operator)


def people(typed: str, operator: Operator) -> list[Conversation]:
    company = operator.organization_id
    return searching.people(Wanted.read(typed), among=among(operator), company=company).rows


def said(typed: str, operator: Operator) -> list[str]:
    return [message.body for message in searching.said(Wanted.read(typed), among=among(operator)).rows]


def noted(typed: str, operator: Operator) -> list[str]:
    readable = Note.objects.readable_by(operator)
    found = searching.noted(Wanted.read(typed), readable=readable, among=among(operator))
    return [note.body for note in found.rows]


class TestWhatWasSaid:
    @pytest.mark.parametrize(
        "typed",
        [
            "endereço",
            "ENDERECO",
            "endere",
            "mudar endereço",
            "endereço mudar",
            "nº 48213",
            "48213",
            "  quer   mud",
        ],
    )
    def test_is_found_by_the_beginnings_of_its_words(self, ana: Operator, typed: str) -> None:
        builders.says("Quero mudar o ENDEREÇO do pedido nº 48213!")

        assert said(typed, ana) == ["Quero mudar o ENDEREÇO do pedido nº 48213!"]

    @pytest.mark.parametrize("typed", ["dereço", "mudar boleto", "482134", "%", "_", "'", "x", ""])
    def test_is_not_found_by_anything_else(self, ana: Operator, typed: str) -> None:
        builders.says("Quero mudar o ENDEREÇO do pedido nº 48213!")

        assert said(typed, ana) == []

    @pytest.mark.parametrize("word", ["1e5", "12ab", "ab12", "0x1f", "000123", "привет", "ñandú", "5kg"])
    def test_is_found_whatever_its_words_are_made_of(self, ana: Operator, word: str) -> None:
        builders.says(f"o {word} chegou")

        assert said(word, ana) == [f"o {word} chegou"]
        assert said(word[:-1], ana) == [f"o {word} chegou"]

    def test_comes_newest_first_and_says_that_there_is_more(
        self, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(searching, "LINES", 2)
        for number in (1, 2, 3):
            builders.says(f"boleto {number}")

        found = searching.said(Wanted.read("boleto"), among=among(ana))

        assert [message.body for message in found.rows] == ["boleto 3", "boleto 2"]
        assert found.more

    def test_is_looked_for_further_back_only_where_no_index_knows_the_words(
        self, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        builders.says("um boleto antigo")
        builders.says("oi")
        monkeypatch.setattr(searching, "SPAN", 1)
        monkeypatch.setattr(searching, "NEAR", 1)

        found = searching.said(Wanted.read("boleto"), among=among(ana))

        if connection.vendor == "postgresql":
            assert [len(found.rows), found.further] == [1, None]
            return
        back = found.further
        while back is not None and not found.rows:
            found = searching.said(Wanted.read("boleto"), among=among(ana), back=back)
            back = found.further
        assert [message.body for message in found.rows] == ["um boleto antigo"]

    def test_is_not_found_by_whoever_may_not_see_it(self, ana: Operator) -> None:
        builders.says("segredo")
        held = builders.make_held(ana)
        Conversation.objects.filter(pk=held.pk).update(queue=builders.make_queue("Outra"))
        bia, davi = builders.make_operator("bia"), builders.make_stranger()
        bia.queues.clear()

        assert said("segredo", ana) == ["segredo"]
        assert said("segredo", bia) == said("segredo", davi) == []

    def test_of_somebody_erased_is_not_found(self, ana: Operator) -> None:
        builders.says("segredo")
        Contact.objects.update(anonymized_at=clock.now())

        assert said("segredo", ana) == []
        assert people("João", ana) == people("98765-4321", ana) == []

    def test_is_found_as_it_is_after_it_was_written_over(self, ana: Operator) -> None:
        builders.says("segredo")

        Message.objects.update(body="apagada")

        assert said("segredo", ana) == []
        assert said("apagada", ana) == ["apagada"]

    def test_by_us_is_found_too(self, ana: Operator) -> None:
        held = builders.make_held(ana)
        key = {"epoch": held.epoch, "client_key": None, "now": clock.now()}
        desk.reply(held, operator=ana, door="panel", body="Já está na transportadora", **key)  # type: ignore[arg-type]

        assert said("transportadora", ana) == ["Já está na transportadora"]

    def test_before_two_chats_were_one_is_found_in_the_one_that_goes_on(self, ana: Operator) -> None:
        held = builders.make_held(ana)
        builders.says("do outro número", address=RUI, ProfileName="Rui")
        merging.merge(held, builders.thread(RUI), cause=desk.cause(ana, "panel"), now=clock.now())

        [found] = searching.said(Wanted.read("outro"), among=among(ana)).rows

        assert found.conversation.merged_into == held
        assert people("Rui", ana) == [held]


class TestNotes:
    def test_are_found(self, ana: Operator) -> None:
        held = builders.make_held(ana)
        note(held, ana, "Protocolo LOG-2291")

        assert noted("log 2291", ana) == ["Protocolo LOG-2291"]

    def test_that_are_whispers_are_found_by_their_readers(self, ana: Operator) -> None:
        held, caio = builders.make_held(ana), builders.make_operator("caio", staff=True)
        notes.add(
            held,
            author=caio,
            body="ofereça desconto",
            whisper_to=ana,
            cause=desk.cause(caio, "panel"),
            now=clock.now(),
        )

        assert noted("desconto", ana) == noted("desconto", caio) == ["ofereça desconto"]
        assert noted("desconto", builders.make_operator("bia")) == []


def note(conversation: Conversation, author: Operator, body: str) -> Note:
    cause = desk.cause(author, "panel")
    return notes.add(conversation, author=author, body=body, cause=cause, now=clock.now())


class TestPeople:
    @pytest.mark.parametrize("typed", ["joao", "JOÃO si", "silva", "Silva João", "vinic", "sil"])
    def test_are_found_by_any_word_of_their_name(self, ana: Operator, typed: str) -> None:
        builders.says(ProfileName="João Vinícius Silva")

        assert people(typed, ana) == [builders.thread()]

    @pytest.mark.parametrize(
        "typed", ["11 98765", "+55 11 98765-0001", "(11) 9 8765-0001", "5511 8765", "98765-0001", "0001"]
    )
    def test_are_found_by_their_number_however_it_is_typed(self, ana: Operator, typed: str) -> None:
        builders.says(address=RUI)

        assert people(typed, ana) == [builders.thread(RUI)]

    @pytest.mark.parametrize("typed", ["11 98765-0002", "11 8765-0002", "+55 11 98765", "98765-0002"])
    def test_are_found_with_the_ninth_digit_or_without(self, ana: Operator, typed: str) -> None:
        builders.says(address=LIA)

        assert people(typed, ana) == [builders.thread(LIA)]

    @pytest.mark.parametrize("typed", ["21 98765", "000", "osilva", "joana"])
    def test_are_not_found_by_anything_else(self, ana: Operator, typed: str) -> None:
        builders.says(address=RUI)

        assert people(typed, ana) == []

    def test_who_hide_their_number_are_not_found_by_the_digits_of_their_id(self, ana: Operator) -> None:
        builders.says(address="whatsapp:BR.1502576394655843", WaId="")

        assert people("1502576", ana) == []

    def test_of_another_company_do_not_exist(self, ana: Operator) -> None:
        builders.says(ProfileName="João Silva")

        assert people("João", builders.make_stranger()) == []


@pytest.mark.forges_rows("twenty thousand rows are copies of a few")
class TestAmongTwentyThousand:
    @pytest.mark.parametrize("typed", ["paralelepipedo", "cliente 77", "21 90000-0042", "obrigado"])
    def test_goes_through_an_index_in_few_statements(self, typed: str) -> None:
        rows.fill(MANY)
        caio = builders.make_operator("caio", staff=True)

        with CaptureQueriesContext(connection) as captured:
            said(typed, caio)
            noted(typed, caio)
            people(typed, caio)

        statements = [one["sql"] for one in captured.captured_queries]
        assert len(statements) <= 10
        for statement in statements:
            assert walked(statement) == [], statement

    def test_asks_the_words_index_where_there_is_one(self) -> None:
        rows.fill(MANY)
        caio = builders.make_operator("caio", staff=True)

        with CaptureQueriesContext(connection) as captured:
            said("paralelepipedo", caio)

        plans = [str(plan(one["sql"])) for one in captured.captured_queries if "to_tsvector" in one["sql"]]
        assert ["message_words" in one for one in plans] == [True] * (connection.vendor == "postgresql")
