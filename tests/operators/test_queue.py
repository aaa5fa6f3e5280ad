from __future__ import annotations

import re
from base64 import b64encode
from datetime import timedelta
from hashlib import sha384
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from conversations import clock
from conversations.models import Conversation, Message, Sender
from operators import desk
from operators.models import Operator
from tests import builders

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def ana() -> Operator:
    return builders.make_operator("ana", capacity=3)


def phone(number: int) -> str:
    return f"whatsapp:+55119876500{number:02}"


def text(response: Any) -> str:
    return str(response.content.decode())


class TestThePage:
    def test_sends_a_stranger_to_the_login(self, client: Client) -> None:
        response = client.get("/operator/")

        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/login/?next=/operator/")

    def test_shows_who_waits_longest_first(self, panel: Client) -> None:
        now = clock.now()
        late = builders.make_waiting(
            address=phone(1), ProfileName="Rui Costa", now=now - timedelta(minutes=2)
        )
        first = builders.make_waiting(
            address=phone(2), ProfileName="Lia Reis", now=now - timedelta(minutes=9)
        )

        page = text(panel.get("/operator/"))

        assert page.index(f"row-{first.public_id}") < page.index(f"row-{late.public_id}")
        assert "Pediu atendente" in page
        assert "Atender próximo" in page

    def test_shows_real_customers_before_those_of_the_demo(self, panel: Client) -> None:
        now = clock.now()
        example = builders.make_waiting(address=phone(1), now=now - timedelta(minutes=9))
        real = builders.make_waiting(address=phone(2), now=now - timedelta(minutes=2))
        demo = Sender.objects.create(
            organization=example.sender.organization, account_sid="ACdemo", address=phone(99), demo=True
        )
        Conversation.objects.filter(pk=example.pk).update(sender=demo)

        page = text(panel.get("/operator/"))

        assert page.index(f"row-{real.public_id}") < page.index(f"row-{example.public_id}")

    def test_counts_what_is_mine_against_my_places(self, panel: Client, ana: Operator) -> None:
        builders.make_held(ana)

        assert "1 de 3" in text(panel.get("/operator/"))

    def test_shows_no_team_to_one_who_is_alone(self, panel: Client, ana: Operator) -> None:
        builders.make_held(ana)

        assert "Da equipe" not in text(panel.get("/operator/"))

    def test_folds_what_the_others_have(self, panel: Client) -> None:
        held = builders.make_held(builders.make_operator("bia"))

        assert f"row-{held.public_id}" not in text(panel.get("/operator/"))
        assert f"row-{held.public_id}" in text(panel.get("/operator/?show=team"))

    def test_shows_nothing_of_another_company(self, client: Client) -> None:
        waiting = builders.make_waiting()
        client.force_login(builders.make_stranger())

        assert str(waiting.public_id) not in text(client.get("/operator/?show=bot"))

    def test_says_what_the_customer_said_last(self, panel: Client) -> None:
        builders.make_waiting()

        assert "oi</span>" in text(panel.get("/operator/"))

    def test_shows_how_far_my_last_words_got(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        assert 'aria-label="Não enviada"' not in text(panel.get("/operator/"))
        [said] = desk.reply(
            held,
            operator=ana,
            door="panel",
            body="Já vejo.",
            epoch=held.epoch,
            client_key=None,
            now=clock.now(),
        )

        for status, shown in (("queued", "Enviando"), ("read", "Lida"), ("failed", "Não enviada")):
            Message.objects.filter(pk=said.pk).update(status=status)
            page = text(panel.get("/operator/list", headers=FRAGMENT))
            assert f'aria-label="{shown}"' in page[page.index("Meus atendimentos") :]

    def test_never_puts_what_a_customer_wrote_into_the_markup(self, panel: Client) -> None:
        builders.says("<script>alert(1)</script>", ProfileName="<img src=x>")

        page = text(panel.get("/operator/?show=bot"))

        assert "<script>alert" not in page
        assert "<img" not in page

    @pytest.mark.parametrize("show", ["", "team", "bot"])
    def test_asks_at_most_nine_things_however_many_rows(
        self, panel: Client, ana: Operator, show: str, django_assert_max_num_queries: Any
    ) -> None:
        bia = builders.make_operator("bia")
        for number in range(3):
            builders.make_waiting(address=phone(number))
            builders.make_held(bia, address=phone(10 + number))
            builders.make_with_bot(address=phone(20 + number))
        builders.make_held(ana, address=phone(30))

        with django_assert_max_num_queries(9):
            panel.get(f"/operator/?show={show}")

    def test_speaks_the_operators_language(self, panel: Client, ana: Operator) -> None:
        ana.language = "es"
        ana.save()

        page = text(panel.get("/operator/"))

        assert "Atender siguiente" in page
        assert '<html lang="es"' in page


class TestTheRefresh:
    def test_is_nothing_while_nothing_changed(self, panel: Client) -> None:
        builders.make_waiting()
        first = panel.get("/operator/list", headers=FRAGMENT)

        again = panel.get("/operator/list", headers=FRAGMENT | {"If-None-Match": first["ETag"]})

        assert (again.status_code, again.content) == (304, b"")

    def test_brings_who_came_meanwhile(self, panel: Client) -> None:
        first = panel.get("/operator/list", headers=FRAGMENT)
        waiting = builders.make_waiting()

        again = panel.get("/operator/list", headers=FRAGMENT | {"If-None-Match": first["ETag"]})

        assert again.status_code == 200
        assert f"row-{waiting.public_id}" in text(again)

    def test_counts_who_waits_where_no_chat_is_open(self, panel: Client) -> None:
        waiting = builders.make_waiting()

        nothing_open = text(panel.get("/operator/list?open=", headers=FRAGMENT))
        one_open = text(panel.get(f"/operator/list?open={waiting.public_id}", headers=FRAGMENT))

        assert "1 pessoa está esperando" in nothing_open
        assert "está esperando" not in one_open

    def test_tells_one_whose_session_ended_without_a_login_page(self, client: Client) -> None:
        response = client.get("/operator/list", headers=FRAGMENT)

        assert response.status_code == 401
        assert "Sua sessão expirou." in text(response)
        assert "<form" not in text(response)

    @pytest.mark.parametrize(
        ("referer", "back"),
        [
            ("https://desk.example.com/operator/c/1/?show=bot", "/operator/c/1/"),
            ("https://evil.example.com/elsewhere", "/operator/"),
            ("", "/operator/"),
        ],
    )
    def test_leads_back_to_the_page_after_the_login(self, client: Client, referer: str, back: str) -> None:
        bar = text(client.get("/operator/list", headers=FRAGMENT | {"Referer": referer}))

        assert f'href="/accounts/login/?next={back}&amp;expired=1"' in bar


class TestTakeNext:
    def test_opens_the_one_who_waits_longest(self, panel: Client, ana: Operator) -> None:
        now = clock.now()
        builders.make_waiting(address=phone(1), now=now - timedelta(minutes=1))
        first = builders.make_waiting(address=phone(2), now=now - timedelta(minutes=5))

        response = panel.post("/operator/next/")

        assert response.status_code == 303
        assert response["Location"] == reverse("operator-conversation", args=[first.public_id])
        assert builders.fresh(first).operator == ana

    def test_gives_htmx_the_pane_and_its_address(self, panel: Client) -> None:
        waiting = builders.make_waiting()

        response = panel.post("/operator/next/", headers=FRAGMENT)

        assert response["HX-Push-Url"] == f"/operator/c/{waiting.public_id}/"
        assert 'id="composer"' in text(response)

    def test_says_so_when_nobody_waits(self, panel: Client) -> None:
        response = panel.post("/operator/next/")

        assert response.status_code == 200
        assert "Ninguém esperando agora." in text(response)

    def test_refuses_beyond_my_places(self, panel: Client, ana: Operator) -> None:
        Operator.objects.filter(pk=ana.pk).update(capacity=1)
        builders.make_held(ana, address=phone(1))
        waiting = builders.make_waiting(address=phone(2))

        response = panel.post("/operator/next/")

        assert response.status_code == 409
        assert "1" in text(response)
        assert Conversation.objects.get(pk=waiting.pk).operator is None

    def test_is_not_a_link(self, panel: Client) -> None:
        assert panel.get("/operator/next/").status_code == 405

    def test_needs_the_forms_token(self, ana: Operator) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(ana)

        assert strict.post("/operator/next/").status_code == 403


class TestPreferences:
    def test_keep_the_look_and_stay_on_the_page(self, panel: Client) -> None:
        response = panel.post("/operator/preferences", {"theme": "dark", "next": "/operator/?show=bot"})

        assert response["Location"] == "/operator/?show=bot"
        assert 'data-theme="dark"' in text(panel.get("/operator/"))

    @pytest.mark.parametrize("place", ["https://elsewhere.example/", "//elsewhere.example", "/admin/", ""])
    def test_lead_nowhere_else(self, panel: Client, place: str) -> None:
        assert (
            panel.post("/operator/preferences", {"theme": "dark", "next": place})["Location"] == "/operator/"
        )


def test_the_vendored_files_are_what_was_recorded() -> None:
    vendor = settings.BASE_DIR / "static" / "vendor"
    recorded = dict(re.findall(r"`(\S+?\.js)` .*`sha384-(\S+?)`", (vendor / "README.md").read_text()))

    found = {
        path.name: b64encode(sha384(path.read_bytes()).digest()).decode() for path in vendor.glob("*.js")
    }

    assert found == recorded
