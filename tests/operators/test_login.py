"""Signing in: one door, the same words for every failure, a language that stays, a first access that works once."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from conversations.models import Queue
from operators import setup
from operators.models import Operator
from tests import builders

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"


def enter(client: Client, username: str, password: str, **extra: str) -> Any:
    return client.post(LOGIN, {"username": username, "password": password, **extra})


class TestLogin:
    def test_leads_to_the_conversations(self, client: Client, ana: Operator) -> None:
        response = enter(client, "ana", "demo")

        assert response.status_code == 302
        assert response["Location"] == "/operator/"

    def test_goes_on_to_where_one_wanted_to_be(self, client: Client, ana: Operator) -> None:
        response = enter(client, "ana", "demo", next="/operator/c/5/")

        assert response["Location"] == "/operator/c/5/"

    @pytest.mark.parametrize(
        "elsewhere", ["https://evil.example/", "//evil.example/x", "javascript:alert(1)"]
    )
    def test_never_leaves_the_site(self, client: Client, ana: Operator, elsewhere: str) -> None:
        response = enter(client, "ana", "demo", next=elsewhere)

        assert response["Location"] == "/operator/"

    def test_does_not_say_which_of_the_two_was_wrong(self, client: Client, ana: Operator) -> None:
        wrong_password = enter(client, "ana", "errada").content.decode()
        unknown = enter(client, "ninguem", "demo").content.decode()

        words = "Usuário ou senha não conferem. Confira e tente de novo."
        assert words in wrong_password
        assert words in unknown

    def test_refuses_who_was_deactivated_in_the_same_words(self, client: Client, ana: Operator) -> None:
        Operator.objects.filter(pk=ana.pk).update(is_active=False)

        assert "Usuário ou senha não conferem" in enter(client, "ana", "demo").content.decode()

    def test_gives_the_error_the_focus_and_keeps_the_user_name(self, client: Client, ana: Operator) -> None:
        page = enter(client, "ana", "errada").content.decode()

        assert '<p class="formerr" id="why" role="alert" tabindex="-1" data-focus>' in page
        assert 'value="ana"' in page
        assert "errada" not in page

    def test_only_fills_in_the_user_name(self, client: Client) -> None:
        page = client.get(f"{LOGIN}?demo=ana").content.decode()

        assert 'name="username" value="ana"' in page

    def test_escapes_what_the_address_fills_in(self, client: Client) -> None:
        page = client.get(f"{LOGIN}?demo=%22%3E%3Cscript%3E").content.decode()

        assert "<script>" not in page.replace('<script src="', "")

    def test_says_when_the_session_had_expired(self, client: Client) -> None:
        assert "Sua sessão expirou. Entrar de novo." in client.get(f"{LOGIN}?expired=1").content.decode()

    def test_is_where_an_expired_session_ends(self, client: Client, ana: Operator) -> None:
        client.force_login(ana)
        session = client.session
        session["began"] = session["seen"] = int(time.time()) - 13 * 3600
        session.save()

        page = client.get("/operator/", follow=True)

        assert "Sua sessão expirou. Entrar de novo." in page.content.decode()
        assert page.redirect_chain == [("/accounts/login/?next=/operator/&expired=1", 302)]

    def test_sends_on_who_is_in_already(self, client: Client, ana: Operator) -> None:
        client.force_login(ana)

        assert client.get(LOGIN)["Location"] == "/operator/"

    def test_lets_another_demo_person_in_from_a_link(self, client: Client, ana: Operator) -> None:
        client.force_login(ana)

        assert client.get(f"{LOGIN}?demo=bia").status_code == 200

    def test_needs_the_token_of_its_form(self, ana: Operator) -> None:
        strict = Client(enforce_csrf_checks=True)

        assert enter(strict, "ana", "demo").status_code == 403

    def test_leaves_by_post_only(self, client: Client, ana: Operator) -> None:
        client.force_login(ana)

        assert client.get("/accounts/logout/").status_code == 405
        assert client.post("/accounts/logout/").status_code == 302
        assert "_auth_user_id" not in client.session


class TestDemoCards:
    def test_are_ordinary_login_forms(self, client: Client, settings: Any) -> None:
        settings.DEBUG = settings.SIMULATOR_ENABLED = True
        page = client.get(LOGIN).content.decode()

        assert page.count('<input type="hidden" name="password" value="demo">') == 3
        assert page.count(f'action="{LOGIN}"') == 4

    @pytest.mark.parametrize(("debug", "simulator"), [(False, True), (True, False), (False, False)])
    def test_are_absent_from_a_real_installation(
        self, client: Client, settings: Any, debug: bool, simulator: bool
    ) -> None:
        settings.DEBUG, settings.SIMULATOR_ENABLED = debug, simulator

        assert 'value="demo"' not in client.get(LOGIN).content.decode()


class TestThrottle:
    def test_closes_after_five_wrong_passwords(self, client: Client, ana: Operator) -> None:
        answers = [enter(client, "ana", "errada").status_code for _attempt in range(5)]

        assert answers == [200, 200, 200, 200, 429]

    def test_stays_closed_for_the_right_password(self, client: Client, ana: Operator) -> None:
        for _attempt in range(5):
            enter(client, "ana", "errada")

        response = enter(client, "ana", "demo")

        assert response.status_code == 429
        assert "Tentativas demais" in response.content.decode()
        assert "_auth_user_id" not in client.session

    def test_does_not_close_the_door_for_others(self, client: Client, ana: Operator) -> None:
        builders.make_operator("bia")
        for _attempt in range(5):
            enter(client, "ana", "errada")

        assert enter(client, "bia", "demo").status_code == 302

    def test_ends_when_a_supervisor_sets_a_new_password(self, client: Client, ana: Operator) -> None:
        caio = builders.make_operator("caio", staff=True)
        for _attempt in range(5):
            enter(client, "ana", "errada")
        supervisor = Client()
        supervisor.force_login(caio)
        new = "quatro palavras bem longas"

        supervisor.post(f"/admin/operators/operator/{ana.pk}/password/", {"password1": new, "password2": new})

        assert enter(client, "ana", new).status_code == 302


class TestLanguage:
    def test_is_the_installations_whatever_the_browser_prefers(self, client: Client) -> None:
        page = client.get(LOGIN, headers={"Accept-Language": "en-US,en;q=0.9"}).content.decode()

        assert '<html lang="pt-BR">' in page
        assert "<h1>Entrar</h1>" in page

    @pytest.mark.parametrize(("code", "words"), [("en", "Sign in"), ("es", "Entrar"), ("pt-br", "Entrar")])
    def test_changes_and_stays_on_the_page(self, client: Client, code: str, words: str) -> None:
        here = f"{LOGIN}?next=/operator/c/5/"
        response = client.post("/accounts/language/", {"language": code, "next": here})

        assert response["Location"] == here
        assert f"<h1>{words}</h1>" in client.get(here).content.decode()

    def test_does_not_lead_to_another_site(self, client: Client) -> None:
        response = client.post("/accounts/language/", {"language": "en", "next": "https://evil.example/"})

        assert response["Location"] == "/"

    def test_is_kept_for_the_next_login(self, client: Client, ana: Operator) -> None:
        client.force_login(ana)
        client.post("/accounts/language/", {"language": "es", "next": LOGIN})
        elsewhere = Client()

        enter(elsewhere, "ana", "demo")

        assert elsewhere.cookies[django_settings.LANGUAGE_COOKIE_NAME].value == "es"

    def test_ignores_one_the_product_does_not_speak(self, client: Client, ana: Operator) -> None:
        client.force_login(ana)

        client.post("/accounts/language/", {"language": "xx", "next": LOGIN})

        assert Operator.objects.get(pk=ana.pk).language == ""

    def test_changes_by_post_only(self, client: Client) -> None:
        assert client.get("/accounts/language/").status_code == 405


class TestFirstAccess:
    new = {
        "name": "Caio Nunes Prado",
        "username": "caio",
        "password": "quatro palavras bem longas",
        "again": "quatro palavras bem longas",
    }

    def path(self) -> str:
        url = setup.first_run_url()
        assert url is not None
        assert url.startswith(django_settings.APP_URL)
        return url.removeprefix(django_settings.APP_URL)

    def test_makes_the_supervisor_and_lets_them_in(self, client: Client) -> None:
        builders.make_sender()

        response = client.post(self.path(), self.new)

        caio = Operator.objects.get()
        assert response["Location"] == "/operator/"
        assert (caio.is_staff, caio.first_name, caio.last_name) == (True, "Caio", "Nunes Prado")
        assert [queue.name for queue in caio.queues.all()] == list(
            Queue.objects.values_list("name", flat=True)
        )
        assert client.session["_auth_user_id"] == str(caio.pk)

    def test_works_once(self, client: Client) -> None:
        path = self.path()
        client.post(path, self.new)

        assert Client().get(path).status_code == 404
        assert Client().post(path, self.new | {"username": "davi"}).status_code == 404
        assert setup.first_run_url() is None

    def test_refuses_an_invented_link(self, client: Client) -> None:
        assert client.get("/accounts/first/abc:def:ghi/").status_code == 404

    @pytest.mark.parametrize(
        "wrong",
        [
            {"password": "curta", "again": "curta"},
            {"again": "outra coisa bem longa"},
            {"username": "com espaço"},
            {"name": ""},
        ],
    )
    def test_shows_what_is_wrong_and_makes_nobody(self, client: Client, wrong: dict[str, str]) -> None:
        response = client.post(self.path(), self.new | wrong)

        assert response.status_code == 422
        assert 'role="alert"' in response.content.decode()
        assert not Operator.objects.exists()


class TestErrorPages:
    def test_names_a_missing_page_in_words(self, client: Client, ana: Operator) -> None:
        client.force_login(ana)
        response = client.get("/nada/")

        assert response.status_code == 404
        assert "Página não encontrada" in response.content.decode()

    def test_tells_an_operator_that_the_admin_is_not_theirs(self, client: Client, ana: Operator) -> None:
        client.force_login(ana)

        response = client.get("/admin/", follow=True)

        assert response.status_code == 403
        assert "Você não tem acesso a esta página" in response.content.decode()

    def test_survives_a_failure_of_the_server(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError

        monkeypatch.setattr("operators.views.accounts.Login.get_context_data", broken)
        client.raise_request_exception = False

        response = client.get(LOGIN)

        assert response.status_code == 500
        assert "Algo falhou aqui" in response.content.decode()
