"""Who serves, and how a service may end."""

from __future__ import annotations

import pytest
from django.test import Client

from conversations.models import Queue
from operators.models import Operator, Reason
from tests import builders

pytestmark = pytest.mark.django_db


class TestOperatorPages:
    new = {
        "username": "leo",
        "password1": "quatro palavras bem longas",
        "password2": "quatro palavras bem longas",
        "first_name": "Leo",
    }

    def test_offers_a_new_operator_the_default_queue(self, client: Client, caio: Operator) -> None:
        page = client.get("/admin/operators/operator/add/").content.decode()

        queue = Queue.objects.get()
        assert f'name="queues" value="{queue.pk}" id="id_queues_0" checked' in page

    def test_makes_an_operator_of_the_own_company(self, client: Client, caio: Operator) -> None:
        queue = Queue.objects.get()

        client.post("/admin/operators/operator/add/", self.new | {"queues": str(queue.pk)})

        leo = Operator.objects.get(username="leo")
        assert leo.organization == caio.organization
        assert list(leo.queues.all()) == [queue]
        assert leo.check_password(self.new["password1"])
        assert not leo.is_staff

    def test_refuses_a_short_password(self, client: Client, caio: Operator) -> None:
        client.post("/admin/operators/operator/add/", self.new | {"password1": "demo", "password2": "demo"})

        assert not Operator.objects.filter(username="leo").exists()

    def test_does_not_let_supervisors_lock_themselves_out(self, client: Client, caio: Operator) -> None:
        page = f"/admin/operators/operator/{caio.pk}/change/"

        response = client.post(page, {"username": "caio", "capacity": "6", "is_active": "on"})

        assert "Você não pode tirar o seu próprio acesso." in response.content.decode()
        assert Operator.objects.get(pk=caio.pk).is_staff

    def test_cannot_be_raised_above_a_supervisor(self, client: Client, caio: Operator) -> None:
        page = f"/admin/operators/operator/{caio.pk}/change/"

        client.post(
            page,
            {"username": "caio", "capacity": "6", "is_active": "on", "is_staff": "on", "is_superuser": "on"},
        )

        assert not Operator.objects.get(pk=caio.pk).is_superuser

    def test_warns_when_one_who_holds_conversations_is_deactivated(
        self, client: Client, caio: Operator
    ) -> None:
        ana = builders.make_operator("ana")
        builders.make_held(ana)

        response = client.post(
            f"/admin/operators/operator/{ana.pk}/change/", {"username": "ana", "capacity": "6"}, follow=True
        )

        assert not Operator.objects.get(pk=ana.pk).is_active
        assert "ainda tem 1 conversa" in response.content.decode()

    def test_are_never_deleted(self, client: Client, caio: Operator) -> None:
        ana = builders.make_operator("ana")

        assert client.post(f"/admin/operators/operator/{ana.pk}/delete/", {"post": "yes"}).status_code == 403


class TestReason:
    def test_stores_its_labels_by_language(self, client: Client, caio: Operator) -> None:
        client.post(
            "/admin/operators/reason/add/",
            {
                "code": "troca",
                "order": "9",
                "active": "on",
                "label_pt_br": "Troca feita",
                "label_en": "Exchanged",
            },
        )

        reason = Reason.objects.get(code="troca")
        assert reason.labels == {"pt-br": "Troca feita", "en": "Exchanged"}
        assert reason.label("es") == "Exchanged"
