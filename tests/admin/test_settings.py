"""What supervisors set about queues and numbers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client, RequestFactory

from conversations import clock, flowfiles, texts
from conversations.admin import forms
from conversations.models import AuditEntry, Conversation, Handoff, Queue, Reconciliation, Sender
from operators.models import Operator
from tests import builders

pytestmark = pytest.mark.django_db


class TestQueue:
    def form(self, **changes: Any) -> dict[str, Any]:
        required = {"name": "Entrega", "order": "2", "offer_seconds": "30", "waiting_then": "raise"}
        return {**required, "alert_minutes": "5", **changes}

    def test_asks_for_words_at_every_moment(self) -> None:
        assert set(forms.MOMENTS) == set(texts.MOMENTS)
        assert all(title and description for title, description in forms.MOMENTS.values())

    def test_stores_who_serves_and_the_deadlines(self, client: Client, caio: Operator) -> None:
        ana, bia = builders.make_operator("ana"), builders.make_operator("bia")

        client.post(
            "/admin/conversations/queue/add/",
            self.form(
                operators=[ana.pk],
                auto_offer="on",
                offer_seconds="45",
                waiting_minutes="15",
                waiting_then="bot",
                first_reply_minutes="",
                silent_minutes="20",
            ),
        )

        queue = Queue.objects.get(name="Entrega")
        assert list(queue.operators.all()) == [ana]
        assert bia.queues.count() == 1
        assert (queue.auto_offer, queue.offer_seconds, queue.waiting_then) == (True, 45, "bot")
        assert (queue.waiting_minutes, queue.first_reply_minutes, queue.silent_minutes) == (15, None, 20)

    def test_that_begins_to_offer_looks_at_who_waits_already(self, client: Client, caio: Operator) -> None:
        queue = Queue.objects.get()

        client.post(f"/admin/conversations/queue/{queue.pk}/change/", self.form(auto_offer="on"))

        queue.refresh_from_db()
        assert queue.auto_offer
        assert queue.due_at is not None

    def test_leaves_alone_what_the_worker_keeps_in_it(self, rf: RequestFactory, caio: Operator) -> None:
        queue, request = Queue.objects.get(), rf.post("/")
        request.user = caio
        Queue.objects.filter(pk=queue.pk).update(lease_number=7, attempts=3)
        queue.name = "Entrega"

        admin.site.get_model_admin(Queue).save_model(request, queue, None, True)

        queue.refresh_from_db()
        assert (queue.name, queue.lease_number, queue.attempts) == ("Entrega", 7, 3)

    def test_keeps_those_who_no_longer_work_here(self, client: Client, caio: Operator) -> None:
        """They are not asked for, and serve it again when they come back."""
        queue, ana = Queue.objects.get(), builders.make_operator("ana")
        gone = builders.make_operator("leo")
        Operator.objects.filter(pk=gone.pk).update(is_active=False)

        client.post(f"/admin/conversations/queue/{queue.pk}/change/", self.form(operators=[caio.pk]))

        assert set(queue.operators.all()) == {caio, gone}
        assert not ana.queues.exists()

    def test_is_served_by_nobody_of_another_company(self, client: Client, caio: Operator) -> None:
        davi = builders.make_stranger()

        client.post("/admin/conversations/queue/add/", self.form(operators=[davi.pk]))

        assert not Queue.objects.filter(name="Entrega").exists()
        assert "davi" not in client.get("/admin/conversations/queue/add/").content.decode()

    def test_names_the_place_only_where_it_is_known(self, client: Client, caio: Operator) -> None:
        known = self.form(text_waiting_pt_br="Você é o {position}º.")
        client.post("/admin/conversations/queue/add/", known)
        client.post(
            "/admin/conversations/queue/add/", self.form(name="Outra", text_claimed_pt_br="{position}!")
        )

        assert list(Queue.objects.order_by("pk").values_list("name", flat=True)) == ["Atendimento", "Entrega"]

    def test_stores_texts_by_moment_and_language(self, client: Client, caio: Operator) -> None:
        client.post(
            "/admin/conversations/queue/add/",
            self.form(text_waiting_pt_br="Já vou!", text_waiting_es="¡Ya voy!", silent_farewell="on"),
        )

        queue = Queue.objects.get(name="Entrega")
        assert queue.organization == caio.organization
        assert queue.texts["waiting"] == {"pt-br": "Já vou!", "es": "¡Ya voy!"}
        assert queue.text("farewell", "en") == ""
        assert queue.text("claimed", "pt-br") is None

    def test_shows_what_was_stored(self, client: Client, caio: Operator) -> None:
        queue = Queue.objects.get()
        Queue.objects.update(
            texts={"waiting": {"pt-br": "Já vou!"}, "expired": dict.fromkeys(("pt-br",), "")}
        )

        page = client.get(f"/admin/conversations/queue/{queue.pk}/change/").content.decode()

        assert "Já vou!</textarea>" in page
        assert '<input type="checkbox" name="silent_expired" id="id_silent_expired" checked>' in page

    def test_has_one_default(self, client: Client, caio: Operator) -> None:
        client.post("/admin/conversations/queue/add/", self.form(is_default="on"))

        assert list(Queue.objects.filter(is_default=True).values_list("name", flat=True)) == ["Entrega"]

    def test_refuses_a_second_of_its_name_in_words(self, client: Client, caio: Operator) -> None:
        response = client.post("/admin/conversations/queue/add/", self.form(name="Atendimento"))

        assert response.status_code == 200
        assert "Já existe um registro com este nome." in response.content.decode()

    def test_stays_once_somebody_was_served_in_it(self, client: Client, served: Conversation) -> None:
        queue = Handoff.objects.get().queue
        assert queue is not None

        assert (
            client.post(f"/admin/conversations/queue/{queue.pk}/delete/", {"post": "yes"}).status_code == 403
        )

    def test_goes_while_unused(self, client: Client, caio: Operator) -> None:
        unused = Queue.objects.create(organization=caio.organization, name="Engano")

        client.post(f"/admin/conversations/queue/{unused.pk}/delete/", {"post": "yes"})

        assert not Queue.objects.filter(pk=unused.pk).exists()


class TestAFlow:
    def save(self, client: Client, **changes: str) -> str:
        sender = builders.make_sender()
        given = {"name": sender.name, "bot_engine": "studio", "flow_sid": "", "per_second": "80", **changes}
        return client.post(f"/admin/conversations/sender/{sender.pk}/change/", given).content.decode()

    def test_is_named_at_its_number(self, client: Client, caio: Operator) -> None:
        self.save(client, flow_sid="FW" + "1" * 32)

        assert Sender.objects.get().flow == "FW" + "1" * 32

    def test_has_to_be_named(self, client: Client, caio: Operator, settings: Any) -> None:
        assert "errorlist" in self.save(client)
        assert "errorlist" in self.save(client, flow_sid="FW1")
        assert Sender.objects.get().bot_engine == "rules"

        settings.TWILIO_FLOW_SID = "FW" + "3" * 32
        self.save(client)

        assert Sender.objects.get().flow == settings.TWILIO_FLOW_SID

    @pytest.mark.parametrize("way", ["in-front", "behind"])
    def test_to_import_is_a_button_away(self, client: Client, caio: Operator, way: str) -> None:
        sender = builders.make_sender()
        place = f"/admin/conversations/sender/flow/{way}/"

        assert (
            f'href="{place}"'
            in client.get(f"/admin/conversations/sender/{sender.pk}/change/").content.decode()
        )
        answer = client.get(place)

        assert answer["Content-Disposition"] == f'attachment; filename="handoffflow-{way}.json"'
        assert answer.content.decode() == flowfiles.text(way)


class TestSender:
    def test_keeps_its_token_to_itself(self, client: Client, caio: Operator) -> None:
        client.post(
            "/admin/conversations/sender/add/",
            {
                "name": "Loja",
                "address": "whatsapp:+5511900000000",
                "account_sid": "AC" + "2" * 32,
                "auth_token": "segredo-da-loja",
                "bot_engine": "rules",
            },
        )

        sender = Sender.objects.get(name="Loja")
        page = client.get(f"/admin/conversations/sender/{sender.pk}/change/").content.decode()
        assert sender.auth_token == "segredo-da-loja"
        assert "segredo-da-loja" not in sender.auth_token_encrypted
        assert "segredo-da-loja" not in page

    def test_keeps_the_token_that_was_not_typed_again(self, client: Client, caio: Operator) -> None:
        sender = builders.make_sender()
        sender.auth_token = "segredo"
        sender.save()

        client.post(
            f"/admin/conversations/sender/{sender.pk}/change/", {"name": "Outro nome", "bot_engine": "none"}
        )

        sender.refresh_from_db()
        assert (sender.name, sender.bot_engine, sender.auth_token) == ("Outro nome", "none", "segredo")

    def test_pauses_in_somebodys_words_and_lets_go_on(self, client: Client, caio: Operator) -> None:
        sender = builders.make_sender()
        page = f"/admin/conversations/sender/{sender.pk}/change/"
        form = {"name": sender.name, "bot_engine": sender.bot_engine, "per_second": "80"}

        client.post(page, form | {"paused": "mudança de loja"})

        sender.refresh_from_db()
        assert (sender.paused, sender.due_at, sender.paused_at is None) == ("mudança de loja", None, False)
        client.post(page, form | {"initial-paused": "mudança de loja", "paused": ""})
        sender.refresh_from_db()
        assert (sender.paused, sender.paused_at) == ("", None)

    def test_does_not_undo_what_the_worker_has_written_meanwhile(
        self, client: Client, caio: Operator
    ) -> None:
        """A form that was opened before says that nothing is paused; nobody has touched that field."""
        sender = builders.make_sender()
        Sender.objects.update(paused="number_locked", paused_code=63051)

        client.post(
            f"/admin/conversations/sender/{sender.pk}/change/",
            {"name": "Outro", "bot_engine": "none", "initial-paused": "", "paused": "", "per_second": "20"},
        )

        sender.refresh_from_db()
        assert (sender.name, sender.per_second, sender.paused) == ("Outro", 20, "number_locked")
        assert sender.paused_code == 63051

    def test_keeps_every_secret_out_of_what_is_shown_and_noted(
        self, client: Client, caio: Operator, caplog: pytest.LogCaptureFixture
    ) -> None:
        secrets = {"auth_token": "erstens", "secondary_token": "zweitens", "api_key_secret": "drittens"}
        form = {
            "name": "Loja",
            "address": "whatsapp:+5511900000000",
            "account_sid": "AC" + "2" * 32,
            "messaging_service_sid": "MG" + "3" * 32,
            "api_key_sid": "SK" + "4" * 32,
            "bot_engine": "rules",
        }
        caplog.set_level("DEBUG")
        client.post("/admin/conversations/sender/add/", form | secrets)
        sender = Sender.objects.get(name="Loja")
        place = f"/admin/conversations/sender/{sender.pk}/"
        client.post(f"{place}change/", form | {"name": "Loja 2"} | secrets)

        sender.refresh_from_db()
        assert [getattr(sender, name) for name in secrets] == list(secrets.values())
        told = (
            client.get(f"{place}change/").content.decode() + client.get(f"{place}history/").content.decode()
        )
        told += " ".join(map(str, LogEntry.objects.values_list("change_message", "object_repr")))
        told += " ".join(map(str, AuditEntry.objects.values_list("data", flat=True))) + caplog.text
        told += " ".join(map(str, Sender.objects.values_list().get(pk=sender.pk)))
        assert [secret for secret in secrets.values() if secret in told] == []

    def test_shows_the_secret_of_a_bot_once_and_in_no_cookie(self, client: Client, caio: Operator) -> None:
        sender = builders.make_sender()
        place = f"/admin/conversations/sender/{sender.pk}/change/"
        form = {"name": "Loja", "bot_engine": "webhook", "bot_url": "https://bot.example.com/turn"}

        made = client.post(place, form)

        sender.refresh_from_db()
        assert len(sender.bot_secret) >= 32
        assert sender.bot_secret in made.content.decode()
        assert sender.bot_secret not in str(client.cookies)
        assert client.post(place, form).status_code == 302
        assert sender.bot_secret not in client.get(place).content.decode()

    @pytest.mark.parametrize("url", ["", "http://bot.example.com/", "https://10.0.0.1/"])
    def test_asks_no_bot_at_an_address_that_may_not_be_called(
        self, client: Client, caio: Operator, url: str
    ) -> None:
        sender = builders.make_sender()
        place = f"/admin/conversations/sender/{sender.pk}/change/"

        client.post(place, {"name": "Loja", "bot_engine": "webhook", "bot_url": url})

        assert Sender.objects.get().bot_engine == "rules"

    def test_ends_a_rotation_with_the_second_token_in_the_first_ones_place(
        self, client: Client, caio: Operator
    ) -> None:
        sender = builders.make_sender()
        sender.auth_token, sender.secondary_token = "alt", "neu"
        sender.save()
        place, form = (
            f"/admin/conversations/sender/{sender.pk}/change/",
            {"name": "Loja", "bot_engine": "none"},
        )
        assert 'name="finish_rotation"' in client.get(place).content.decode()

        refused = client.post(place, form | {"finish_rotation": "on", "secondary_token": "noch eins"})
        assert refused.status_code == 200
        client.post(place, form | {"finish_rotation": "on"})

        sender.refresh_from_db()
        assert (sender.auth_token, sender.secondary_token_encrypted) == ("neu", "")
        assert 'name="finish_rotation"' not in client.get(place).content.decode()

    def test_forgets_the_second_token_and_the_api_key(self, client: Client, caio: Operator) -> None:
        sender = builders.make_sender()
        sender.secondary_token, sender.api_key_sid, sender.api_key_secret = "neu", "SK" + "4" * 32, "geheim"
        sender.save()

        client.post(
            f"/admin/conversations/sender/{sender.pk}/change/",
            {"name": "Loja", "bot_engine": "none", "forget_secondary": "on", "api_key_sid": ""},
        )

        sender.refresh_from_db()
        assert (sender.secondary_token_encrypted, sender.api_key_secret_encrypted) == ("", "")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("address", "+5511900000000"),
            ("account_sid", "AC123"),
            ("messaging_service_sid", "AC" + "2" * 32),
            ("api_key_sid", "sk"),
            ("api_key_sid", "SK" + "4" * 32),
        ],
    )
    def test_refuses_what_twilio_cannot_know(
        self, client: Client, caio: Operator, name: str, value: str
    ) -> None:
        """The last of these is a key without its secret."""
        form = {
            "name": "Loja",
            "address": "whatsapp:+5511900000000",
            "account_sid": "AC" + "2" * 32,
            "bot_engine": "rules",
        }

        response = client.post("/admin/conversations/sender/add/", form | {name: value})

        assert response.status_code == 200
        assert not Sender.objects.filter(name="Loja").exists()

    def test_is_compared_with_twilio_at_once(self, client: Client, caio: Operator) -> None:
        sender = builders.make_sender()
        Reconciliation.objects.create(sender=sender, due_at=clock.now() + timedelta(minutes=5))

        client.post(
            f"/admin/conversations/sender/{sender.pk}/change/", {"name": "Loja", "bot_engine": "none"}
        )

        due_at = Reconciliation.objects.get().due_at
        assert due_at is not None
        assert due_at <= clock.now()
