"""Who serves, and how a service may end."""

from __future__ import annotations

import pytest
from django.test import Client

from conversations import clock
from conversations.models import AuditEntry, Queue
from operators import presence
from operators.models import Operator, Presence, PresenceStatus, Reason
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


class TestPresence:
    def there(self, username: str, status: PresenceStatus, *, idle: bool = False) -> Operator:
        operator, now = builders.make_operator(username), clock.now()
        presence.choose(operator, status, now=now)
        if idle:
            presence.send_away(operator, now=now)
        return operator

    @pytest.fixture
    def team(self, caio: Operator) -> dict[str, Operator]:
        return {
            "available": self.there("ana", PresenceStatus.AVAILABLE),
            "on_break": self.there("bia", PresenceStatus.ON_BREAK),
            "away": self.there("leo", PresenceStatus.AVAILABLE, idle=True),
            "offline": self.there("rafael", PresenceStatus.OFFLINE),
        }

    @pytest.mark.parametrize("state", ["available", "on_break", "away"])
    def test_is_filtered(self, client: Client, team: dict[str, Operator], state: str) -> None:
        page = client.get("/admin/operators/operator/", {"presence": state})

        assert list(page.context["cl"].result_list) == [team[state]]

    def test_counts_whoever_was_never_there_as_offline(
        self, client: Client, team: dict[str, Operator], caio: Operator
    ) -> None:
        page = client.get("/admin/operators/operator/", {"presence": "offline"})

        assert list(page.context["cl"].result_list) == [caio, team["offline"]]

    def test_ends_with_its_time(self, client: Client, team: dict[str, Operator]) -> None:
        Presence.objects.update(expires_at=clock.now())

        page = client.get("/admin/operators/operator/", {"presence": "available"})

        assert list(page.context["cl"].result_list) == []

    def test_may_become_a_break(self, client: Client, team: dict[str, Operator]) -> None:
        ticked = [one.pk for one in team.values()]

        client.post(
            "/admin/operators/operator/", {"action": "put_on_break", "_selected_action": ticked, "index": "0"}
        )

        now = clock.now()
        states = {name: presence.state(one, now) for name, one in team.items()}
        assert states == {
            "available": "on_break",
            "on_break": "on_break",
            "away": "on_break",
            "offline": "offline",
        }
        noted = AuditEntry.objects.filter(action="operator.put_on_break").values_list("subject_id", flat=True)
        assert set(noted) == {str(team["available"].public_id), str(team["away"].public_id)}


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
