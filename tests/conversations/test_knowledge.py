"""What a question finds among the company's articles and answers: the same everywhere, bounded, nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from conversations import knowledge
from conversations.models import BotAnswer, KnowledgeArticle, Organization, Sender
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.engine]

SHOP = {
    "Prazo de entrega": "As entregas levam cinco dias úteis na capital e oito no interior.",
    "Trocas e devoluções": "A troca pode ser pedida em até trinta dias, com a nota fiscal.",
    "Formas de pagamento": "Aceitamos cartão, Pix e boleto. O pagamento é parcelado em doze vezes.",
    "Horário da loja": "De segunda a sábado, das nove às dezoito horas. A loja fecha aos domingos.",
}


@pytest.fixture
def sender() -> Sender:
    sender = builders.make_sender()
    for title, body in SHOP.items():
        write(title, body)
    return sender


def write(title: str, body: str, **fields: Any) -> KnowledgeArticle:
    company = fields.pop("organization", None) or builders.make_sender().organization
    return KnowledgeArticle.objects.create(organization=company, title=title, body=body, **fields)


def found(question: str, *, language: str = "pt-br") -> list[str]:
    sender = builders.make_sender()
    return [article.title for article in knowledge.found(question, sender=sender, language=language)]


@pytest.mark.usefixtures("sender")
class TestAQuestion:
    @pytest.mark.parametrize(
        ("question", "title"),
        [
            ("qual o prazo de entrega?", "Prazo de entrega"),
            ("QUANTO TEMPO DEMORAM AS ENTREGAS", "Prazo de entrega"),
            ("quero trocar um vestido", "Trocas e devoluções"),
            ("como faço uma devolucao", "Trocas e devoluções"),
            ("posso pagar com pix?", "Formas de pagamento"),
            ("qual o horario de voces", "Horário da loja"),
            ("abrem no domingo?", "Horário da loja"),
        ],
    )
    def test_finds_what_answers_it_first(self, question: str, title: str) -> None:
        assert found(question)[0] == title

    @pytest.mark.parametrize(
        "question", ["", "oi", "?!", "que é isso para mim", "xerostomia", "🙂", "%", "_", " \x00"]
    )
    def test_finds_nothing_where_no_word_is_known(self, question: str) -> None:
        assert found(question) == []

    def test_goes_by_the_rarer_word(self) -> None:
        for number in range(20):
            write(f"Loja do bairro {number}", "Fica perto da estação.")

        assert found("a loja aceita boleto?")[0] == "Formas de pagamento"

    def test_finds_the_same_each_time(self) -> None:
        for number in range(5):
            write(f"Frete {number}", "O frete é grátis.")

        assert found("frete") == found("frete") == ["Frete 4", "Frete 3", "Frete 2"]

    def test_finds_no_more_than_a_turn_has_room_for(self) -> None:
        for number in range(4):
            write(f"Garantia {number}", ("A garantia é de um ano. " * 150).strip())

        articles = knowledge.found("garantia", sender=builders.make_sender(), language="pt-br")

        assert len(articles) <= knowledge.MOST
        assert sum(len(article.text) for article in articles) <= knowledge.LONGEST
        assert all(article.text.endswith(".") for article in articles)

    def test_prefers_the_customers_language(self) -> None:
        write("Pix", "Aceptamos Pix.", language="es")

        assert found("pix", language="es")[0] == "Pix"
        write("Pix", "Aceitamos Pix.", language="pt-br")
        assert found("pix", language="pt-br")[0] == "Pix"

    def test_finds_it_by_its_new_words_once_it_was_rewritten(self) -> None:
        article = KnowledgeArticle.objects.get(title="Prazo de entrega")
        article.title, article.body = "Frete", "O frete é grátis."
        article.save()

        assert found("frete") == ["Frete"]
        assert found("prazo") == []

    def test_looks_at_a_bounded_number_of_rows(self, django_assert_num_queries: Any) -> None:
        sender = Sender.objects.get()
        many = " ".join(f"prazo{number}" for number in range(500))

        with django_assert_num_queries(2) as asked:
            knowledge.found(many, sender=sender, language="pt-br")

        assert str(asked[0]["sql"]).count("LIKE") <= knowledge.WORDS
        assert all(f"LIMIT {knowledge.CANDIDATES}" in str(one["sql"]) for one in asked)


@pytest.mark.usefixtures("sender")
class TestTheAnswersOfTheNumber:
    def test_are_found_as_well(self) -> None:
        sender = builders.make_sender()
        BotAnswer.objects.create(
            sender=sender, label="Estacionamento", keywords="vaga, carro", text="Na rua ao lado."
        )

        assert found("tem vaga para carro?") == ["Estacionamento (vaga, carro)"]

    def test_say_nothing_where_they_call_a_person(self) -> None:
        sender = builders.make_sender()
        BotAnswer.objects.create(sender=sender, label="Estacionamento", text="Já chamo.", hands_over=True)
        BotAnswer.objects.create(sender=sender, label="Vaga", text="")
        BotAnswer.objects.create(sender=sender, label="Carro", text="Na rua.", active=False)

        assert found("estacionamento vaga carro") == []


@pytest.mark.usefixtures("sender")
class TestWhatIsNotForThem:
    def test_is_another_companys(self) -> None:
        other = Organization.objects.create(name="Outra")
        write("Segredo do estoque", "Sabemos tudo.", organization=other)
        theirs = Sender.objects.create(
            organization=other, name="Outra", address="whatsapp:+1", account_sid="AC2"
        )
        BotAnswer.objects.create(sender=theirs, label="Segredo", text="Nosso.")

        assert found("segredo do estoque") == []
        seen = knowledge.found("segredo do estoque", sender=theirs, language="pt-br")
        assert [one.title for one in seen] == ["Segredo do estoque", "Segredo"]

    def test_is_what_is_not_active(self) -> None:
        write("Promoção", "Tudo pela metade.", active=False)

        assert found("promoção") == []
