"""What supervisors set for a language model: the number's endpoint, the articles, and a question to try them with."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from conversations.models import AuditEntry, BotAnswer, KnowledgeArticle, Organization, Sender
from conversations.prompting import Endpoint
from operators.models import Operator
from tests import builders

pytestmark = pytest.mark.django_db

KEY = "sk-cedro-marfim-4711"
URL = "https://llm.example.com/v1"
FORM = {"name": "Loja", "bot_engine": "llm", "llm_url": f"{URL}/", "llm_model": "small", "llm_key": KEY}
ARTICLES = "/admin/conversations/knowledgearticle/"
TRY = f"{ARTICLES}try/"


@pytest.fixture
def place(caio: Operator) -> str:
    return f"/admin/conversations/sender/{builders.make_sender().pk}/change/"


def endpoint() -> Endpoint:
    return Endpoint.of(Sender.objects.get())


def errors(page: Any) -> dict[str, list[str]]:
    return dict(page.context["adminform"].form.errors)


class TestANumber:
    def test_gets_its_model(self, client: Client, place: str) -> None:
        more = {"llm_max_tokens": "300", "llm_instructions": "Sem gírias.", "llm_unmasked": "on"}
        more |= {"llm_seconds": "25"}

        assert client.post(place, FORM | more).status_code == 302

        assert Sender.objects.get().bot_engine == "llm"
        assert endpoint() == Endpoint(URL, "small", KEY, 300, False, "Sem gírias.", 25)
        page = client.get(place).content.decode()
        assert "Sem gírias." in page
        assert 'value="300"' in page
        assert 'value="25"' in page

    def test_masks_unless_it_is_told_not_to(self, client: Client, place: str) -> None:
        client.post(place, FORM)

        assert endpoint().mask is True

    def test_keeps_its_key_to_itself(
        self, client: Client, place: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        client.post(place, FORM)

        told = client.get(place).content.decode() + caplog.text
        told += client.get(place.replace("change", "history")).content.decode()
        told += " ".join(map(str, LogEntry.objects.values_list("change_message", "object_repr")))
        told += " ".join(map(str, AuditEntry.objects.values_list("data", flat=True)))
        told += " ".join(map(str, Sender.objects.values_list()))
        assert KEY not in told
        assert endpoint().key == KEY

    def test_keeps_the_key_that_was_not_typed_again(self, client: Client, place: str) -> None:
        client.post(place, FORM)
        client.post(place, FORM | {"llm_key": "", "llm_model": "larger", "llm_url": f"{URL}/beta"})

        assert (endpoint().name, endpoint().key) == ("larger", KEY)

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.example.com/v1",
            "https://llm.example.com:444/v1",
            "https://llm.example.com.evil.net/",
        ],
    )
    def test_takes_no_key_to_another_address(self, client: Client, place: str, url: str) -> None:
        client.post(place, FORM)
        client.post(place, FORM | {"llm_key": "", "llm_url": url})

        assert endpoint().key == ""
        assert Sender.objects.get().llm_key_encrypted == ""

    def test_lets_its_model_be_asked_afresh(self, client: Client, place: str) -> None:
        Sender.objects.update(bot_failures=3)
        client.post(place, FORM)

        assert Sender.objects.get().bot_failures == 0

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"llm_url": ""}, "llm_url"),
            ({"llm_url": "http://llm.example.com/v1"}, "llm_url"),
            ({"llm_url": "https://10.0.0.1/v1"}, "llm_url"),
            ({"llm_url": "https://me:secret@llm.example.com/"}, "llm_url"),
            ({"llm_model": ""}, "llm_model"),
            ({"llm_key": "com espaço e ç"}, "llm_key"),
            ({"llm_key": "a\x00b"}, "llm_key"),
            ({"llm_max_tokens": "1"}, "llm_max_tokens"),
            ({"llm_max_tokens": "999999"}, "llm_max_tokens"),
            ({"llm_seconds": "4"}, "llm_seconds"),
            ({"llm_seconds": "31"}, "llm_seconds"),
            ({"llm_instructions": "x" * 5000}, "llm_instructions"),
            ({"llm_model": "x" * 121}, "llm_model"),
        ],
        ids=str,
    )
    def test_is_told_what_is_wrong(
        self, client: Client, place: str, wrong: dict[str, str], field: str
    ) -> None:
        page = client.post(place, FORM | wrong)

        assert field in errors(page)
        assert Sender.objects.get().bot_settings == {}
        assert Sender.objects.get().bot_engine == "rules"

    def test_may_go_by_what_the_environment_says(self, client: Client, place: str, settings: Any) -> None:
        settings.LLM_URL, settings.LLM_MODEL, settings.LLM_API_KEY = URL, "of the environment", KEY

        assert client.post(place, {"name": "Loja", "bot_engine": "llm"}).status_code == 302

        assert (endpoint().url, endpoint().name, endpoint().key) == (URL, "of the environment", KEY)
        assert KEY not in client.get(place).content.decode()

    def test_keeps_its_model_when_something_else_is_set(self, client: Client, place: str) -> None:
        client.post(place, FORM | {"llm_max_tokens": "300"})
        client.post(place, FORM | {"llm_key": "", "llm_max_tokens": "300", "name": "Outra"})

        assert endpoint() == Endpoint(URL, "small", KEY, 300, True, "")


class TestAnArticle:
    def test_is_written_listed_searched_and_deleted(self, client: Client, caio: Operator) -> None:
        form = {"title": "Prazo", "language": "pt-br", "body": "Cinco dias úteis.", "active": "on"}

        assert client.post(f"{ARTICLES}add/", form).status_code == 302

        article = KnowledgeArticle.objects.get()
        assert article.organization == caio.organization
        assert article.search_text == " prazo cinco dias uteis"
        assert "Cinco dias úteis." in client.get(ARTICLES, {"q": "úteis"}).content.decode()
        assert "Cinco dias" not in client.get(ARTICLES, {"q": "frete"}).content.decode()
        client.post(f"{ARTICLES}{article.pk}/delete/", {"post": "yes"})
        assert not KnowledgeArticle.objects.exists()
        kinds = set(AuditEntry.objects.values_list("action", flat=True))
        assert kinds == {"knowledgearticle.added", "knowledgearticle.deleted"}

    def test_has_a_title_of_its_own(self, client: Client, caio: Operator) -> None:
        form = {"title": "Prazo", "language": "pt-br", "body": "Cinco dias.", "active": "on"}
        client.post(f"{ARTICLES}add/", form)

        page = client.post(f"{ARTICLES}add/", form)

        assert page.status_code == 200
        assert KnowledgeArticle.objects.count() == 1
        assert client.post(f"{ARTICLES}add/", form | {"language": "es"}).status_code == 302

    @pytest.mark.parametrize("wrong", [{"body": "x" * 4001}, {"title": ""}, {"language": "fr"}], ids=str)
    def test_is_told_what_is_wrong(self, client: Client, caio: Operator, wrong: dict[str, str]) -> None:
        form = {"title": "Prazo", "language": "pt-br", "body": "Cinco dias."}

        assert client.post(f"{ARTICLES}add/", form | wrong).status_code == 200
        assert not KnowledgeArticle.objects.exists()


class TestAQuestion:
    def ask(self, client: Client, text: str, at: Sender | None = None, **more: str) -> Any:
        form = {"question": text, "language": "pt-br", "sender": (at or builders.make_sender()).pk}
        return client.post(TRY, form | more)

    def test_shows_what_would_go_along(self, client: Client, caio: Operator) -> None:
        sender = builders.make_sender()
        company = sender.organization
        KnowledgeArticle.objects.create(organization=company, title="Prazo", body="Cinco <b>dias</b>.")
        KnowledgeArticle.objects.create(organization=company, title="Trocas", body="Trinta dias.")
        BotAnswer.objects.create(sender=sender, label="Prazo do interior", text="Oito dias.")

        page = self.ask(client, "qual o prazo?").content.decode()

        assert "Cinco &lt;b&gt;dias&lt;/b&gt;." in page
        assert "Oito dias." in page
        assert "Trinta dias." not in page
        assert TRY in client.get(ARTICLES).content.decode()

    def test_says_when_there_is_nothing(self, client: Client, caio: Operator) -> None:
        page = self.ask(client, "xerostomia")

        assert page.context["found"] == []

    def test_is_about_ones_own_company(self, client: Client, caio: Operator) -> None:
        other = Organization.objects.create(name="Outra")
        theirs = Sender.objects.create(
            organization=other, name="Rival", address="whatsapp:+1", account_sid="AC2"
        )
        KnowledgeArticle.objects.create(organization=other, title="Prazo", body="Segredo.")

        assert "Segredo." not in self.ask(client, "prazo").content.decode()
        refused = self.ask(client, "prazo", theirs)
        assert refused.context["found"] is None
        assert "sender" in refused.context["form"].errors
        assert "Rival" not in refused.content.decode()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"question": ""},
            {"question": "x" * 1001},
            {"question": "a\x00b"},
            {"language": "fr"},
            {"sender": "x"},
        ],
        ids=str,
    )
    def test_that_cannot_be_asked_is_refused(
        self, client: Client, caio: Operator, wrong: dict[str, str]
    ) -> None:
        page = self.ask(client, "prazo", None, **wrong)

        assert page.status_code == 200
        assert page.context["found"] is None

    def test_is_no_operators(self, client: Client) -> None:
        client.force_login(builders.make_operator("ana"))

        assert client.get(TRY).status_code == 302
