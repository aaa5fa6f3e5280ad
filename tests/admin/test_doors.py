"""The admin: one door, for supervisors, to their own company only."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from conversations.models import BotAnswer, Conversation, Delivery, Handoff, InboundWebhook, Organization
from handoffflow.models import ApiKey
from operators.models import Operator
from tests import builders
from tests.admin.cast import LISTS, rival

pytestmark = pytest.mark.django_db


class TestDoor:
    def test_is_the_one_login(self, client: Client) -> None:
        response = client.get("/admin/conversations/queue/", follow=True)

        assert response.redirect_chain[-1][0] == "/accounts/login/?next=/admin/conversations/queue/"

    @pytest.mark.parametrize("path", LISTS)
    def test_is_closed_to_operators(self, client: Client, path: str) -> None:
        client.force_login(builders.make_operator("ana"))

        assert client.get(f"/admin/{path}/", follow=True).status_code == 403

    @pytest.mark.parametrize("path", ["", *(f"{path}/" for path in LISTS)])
    def test_opens_every_list_to_a_supervisor(self, client: Client, served: Conversation, path: str) -> None:
        assert client.get(f"/admin/{path}").status_code == 200

    def test_shows_only_what_keeps_to_one_company(self) -> None:
        from conversations.admin import base

        assert all(isinstance(page, base.Scoped) for page in admin.site._registry.values())

    def test_carries_the_brand(self, client: Client, caio: Operator, settings: Any) -> None:
        page = client.get("/admin/").content.decode()

        assert f"· {settings.APP_NAME}</title>" in page
        assert "Administração" in page


class TestOtherCompany:
    @pytest.mark.parametrize("path", LISTS)
    def test_is_in_no_list_nor_filter(self, client: Client, caio: Operator, path: str) -> None:
        rival()

        assert "ival" not in client.get(f"/admin/{path}/").content.decode()

    @pytest.mark.parametrize(
        "thing", ["operator", "sender", "queue", "reason", "cannedreply", "botanswer", "apikey"]
    )
    @pytest.mark.parametrize("action", ["change", "history", "delete"])
    def test_has_no_pages(self, client: Client, caio: Operator, thing: str, action: str) -> None:
        row = rival()[thing]
        page = f"/admin/{row._meta.app_label}/{thing}/{row.pk}/{action}/"

        response = client.get(page, follow=True)

        assert "ival" not in response.content.decode()
        assert not response.redirect_chain or response.redirect_chain[-1][0] == "/admin/"

    def test_offers_nothing_to_a_form(self, client: Client, caio: Operator) -> None:
        others = rival()
        BotAnswer.objects.create(sender=builders.make_sender(), label="Horário")

        response = client.post(
            "/admin/conversations/botanswer/add/",
            {"sender": others["sender"].pk, "language": "pt-br", "label": "Meu", "order": 0},
        )

        assert response.status_code == 200
        assert not BotAnswer.objects.filter(label="Meu").exists()

    def test_gets_no_password_from_us(self, client: Client, caio: Operator) -> None:
        davi = rival()["operator"]
        new = "quatro palavras bem longas"

        client.post(f"/admin/operators/operator/{davi.pk}/password/", {"password1": new, "password2": new})

        assert not Operator.objects.get(pk=davi.pk).check_password(new)

    def test_is_out_of_reach_of_the_actions(self, client: Client, caio: Operator) -> None:
        theirs = rival()["apikey"]

        client.post("/admin/handoffflow/apikey/", {"action": "revoke", "_selected_action": [theirs.pk]})

        assert ApiKey.objects.get(pk=theirs.pk).revoked_at is None


class TestNames:
    def test_tell_nothing_about_a_customer(self, served: Conversation) -> None:
        rows: list[Any] = [
            served,
            served.contact,
            served.contact.addresses.get(),
            *served.messages.all(),
            *Handoff.objects.all(),
            *Delivery.objects.all(),
            *InboundWebhook.objects.all(),
        ]

        told = " ".join(str(row) for row in rows)

        assert "João" not in told
        assert "5511987654321" not in told
        assert "Endereço" not in told

    def test_name_a_company_by_its_id(self) -> None:
        company = Organization.objects.create(name="Casa Aurora")

        assert str(company) == str(company.public_id)
