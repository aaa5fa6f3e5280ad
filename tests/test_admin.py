"""The admin: supervisors of one company, what they set, what they may only read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations import clock
from conversations.contract import Release
from conversations.models import (
    BotAnswer,
    Conversation,
    Delivery,
    Handoff,
    InboundWebhook,
    Organization,
    Queue,
    Sender,
)
from handoffflow.models import ApiKey
from operators import desk
from operators.models import Operator, Reason
from tests import builders

pytestmark = pytest.mark.django_db

LISTS = (
    "conversations/botanswer",
    "conversations/conversation",
    "conversations/delivery",
    "conversations/handoff",
    "conversations/inboundwebhook",
    "conversations/queue",
    "conversations/sender",
    "handoffflow/apikey",
    "operators/operator",
    "operators/reason",
)
READ_ONLY = ("conversation", "delivery", "handoff", "inboundwebhook")


@pytest.fixture
def caio(client: Client) -> Operator:
    supervisor = builders.make_operator("caio", staff=True)
    client.force_login(supervisor)
    return supervisor


@pytest.fixture
def served(caio: Operator) -> Conversation:
    """João was served by Ana and is with the bot again."""
    ana = builders.make_operator("ana")
    conversation = builders.make_held(ana)
    desk.reply(
        conversation,
        operator=ana,
        door="panel",
        body="Endereço alterado.",
        epoch=conversation.epoch,
        client_key="1",
        now=clock.now(),
    )
    conversation = builders.fresh(conversation)
    desk.release(
        conversation,
        operator=ana,
        by=desk.cause(ana, "panel"),
        epoch=conversation.epoch,
        seen=conversation.seq,
        release=Release(outcome="solved", summary="Endereço trocado."),
        now=clock.now(),
    )
    return builders.fresh(conversation)


def rival() -> dict[str, Any]:
    """Another company with one of everything that a supervisor of it would see."""
    davi = builders.make_stranger()
    company = davi.organization
    sender = Sender.objects.create(
        organization=company, name="Rival", address="whatsapp:+1", account_sid="AC9"
    )
    queue = Queue.objects.create(organization=company, name="Fila rival")
    return {
        "operator": davi,
        "sender": sender,
        "queue": queue,
        "reason": Reason.objects.create(organization=company, code="rival", labels={"en": "Rival"}),
        "botanswer": BotAnswer.objects.create(sender=sender, label="Rival"),
        "apikey": ApiKey.objects.issue(organization=company, name="Rival", scopes=["read"])[0],
        "inboundwebhook": InboundWebhook.objects.create(
            organization=company,
            sender=sender,
            provider_sid="SM9",
            params={},
            outcome="failed",
            received_at=timezone.now(),
        ),
    }


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

    @pytest.mark.parametrize("thing", ["operator", "sender", "queue", "reason", "botanswer", "apikey"])
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


class TestWhatHappened:
    @pytest.mark.parametrize("thing", READ_ONLY)
    def test_cannot_be_written(self, client: Client, served: Conversation, thing: str) -> None:
        models: dict[str, Any] = {
            "conversation": Conversation,
            "delivery": Delivery,
            "handoff": Handoff,
            "inboundwebhook": InboundWebhook,
        }
        model = models[thing]
        pk, before = model.objects.first().pk, model.objects.count()
        page = f"/admin/conversations/{thing}"

        assert client.get(f"{page}/{pk}/change/").status_code == 200
        assert client.post(f"{page}/{pk}/change/", {"mode": "bot"}).status_code == 403
        assert client.post(f"{page}/{pk}/delete/", {"post": "yes"}).status_code == 403
        assert client.get(f"{page}/add/").status_code == 403
        assert model.objects.count() == before

    def test_shows_the_thread_with_services_and_events(self, client: Client, served: Conversation) -> None:
        page = client.get(f"/admin/conversations/conversation/{served.pk}/change/").content.decode()

        assert "Endereço alterado." in page
        assert "Pediu atendente" in page
        assert "handoff.released" in page
        assert f"/operator/c/{served.public_id}/" in page

    def test_turns_the_pages_of_a_long_thread(self, client: Client, caio: Operator) -> None:
        for number in range(60):
            builders.says(f"linha {number:02}")
        page = f"/admin/conversations/conversation/{builders.thread().pk}/change/"

        newest = client.get(page)
        older = client.get(page, {"before": newest.context["older_than"]})

        assert "linha 59" in newest.content.decode()
        assert "linha 00" not in newest.content.decode()
        assert "linha 00" in older.content.decode()

    @pytest.mark.parametrize("odd", ["", "x", "-1", "9" * 40, "1e3", "٣"])
    def test_takes_odd_page_borders(self, client: Client, served: Conversation, odd: str) -> None:
        page = f"/admin/conversations/conversation/{served.pk}/change/"

        assert client.get(page, {"before": odd}).status_code == 200

    def test_escapes_what_customers_write(self, client: Client, caio: Operator) -> None:
        builders.says("<script>alert(1)</script>", ProfileName="<img src=x>")

        thread = client.get(
            f"/admin/conversations/conversation/{builders.thread().pk}/change/"
        ).content.decode()
        listed = client.get("/admin/conversations/conversation/").content.decode()

        assert "<script>alert" not in thread
        assert "<img src=x>" not in thread + listed
        assert "&lt;script&gt;alert(1)" in thread

    def test_finds_failed_webhooks(self, client: Client, caio: Operator) -> None:
        builders.says("oi")
        failed = InboundWebhook.objects.get()
        InboundWebhook.objects.filter(pk=failed.pk).update(outcome="failed", reason="DataError")

        page = client.get("/admin/conversations/inboundwebhook/?outcome__exact=failed").content.decode()

        assert str(failed.public_id) in page
        assert "DataError" in page

    def test_never_shows_a_message_among_the_deliveries(self, client: Client, served: Conversation) -> None:
        delivery = Delivery.objects.latest("pk")

        listed = client.get("/admin/conversations/delivery/").content.decode()
        shown = client.get(f"/admin/conversations/delivery/{delivery.pk}/change/").content.decode()

        assert delivery.body not in listed + shown
        assert delivery.recipient not in listed + shown


class TestListsStayCheap:
    @pytest.mark.parametrize("path", LISTS)
    def test_asks_no_more_for_more_rows(
        self, client: Client, caio: Operator, path: str, django_assert_max_num_queries: Callable[..., Any]
    ) -> None:
        def fill(start: int) -> None:
            for number in range(start, start + 4):
                builders.make_waiting(address=f"whatsapp:+55119{number:08}")
                builders.make_operator(f"ana{number}")
                company = caio.organization
                Queue.objects.create(organization=company, name=f"Fila {number}")
                Reason.objects.create(organization=company, code=f"r{number}", labels={"en": "x"})
                BotAnswer.objects.create(sender=builders.make_sender(), label=f"Opção {number}")
                ApiKey.objects.issue(organization=company, name=f"Chave {number}", scopes=["read"])

        fill(0)
        client.get(f"/admin/{path}/")
        with CaptureQueriesContext(connection) as few:
            client.get(f"/admin/{path}/")
        fill(4)
        with CaptureQueriesContext(connection) as more:
            client.get(f"/admin/{path}/")

        assert len(more) <= len(few)
        assert not any('COUNT(*) AS "__count" FROM "' in query["sql"] for query in more.captured_queries)


class TestQueue:
    def form(self, **changes: str) -> dict[str, str]:
        return {"name": "Entrega", "order": "2", **changes}

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


class TestApiKeyPages:
    def make(self, client: Client, **changes: Any) -> Any:
        return client.post("/admin/handoffflow/apikey/add/", {"name": "TV", "scopes": ["read"], **changes})

    def test_shows_the_key_once(self, client: Client, caio: Operator) -> None:
        page = self.make(client).content.decode()

        token = page.split('id="token">')[1].split("<")[0]
        key = ApiKey.objects.authenticate(token, now=timezone.now())
        assert key is not None
        assert key.created_by == caio
        secret = token.removeprefix(f"{key.prefix}_")
        later = client.get("/admin/handoffflow/apikey/").content.decode()
        later += client.get(f"/admin/handoffflow/apikey/{key.pk}/change/").content.decode()
        assert secret not in later
        assert secret not in str(client.cookies)
        assert secret not in "".join(
            LogEntry.objects.values_list("object_repr", "change_message").first() or ()
        )

    def test_refuses_a_bots_key_without_its_number(self, client: Client, caio: Operator) -> None:
        response = self.make(client, scopes=["bot"])

        assert "A chave de um bot é de um número só: escolha qual." in response.content.decode()
        assert not ApiKey.objects.exists()

    def test_is_revoked_at_once(self, client: Client, caio: Operator) -> None:
        page = self.make(client).content.decode()
        token = page.split('id="token">')[1].split("<")[0]

        client.post(
            "/admin/handoffflow/apikey/", {"action": "revoke", "_selected_action": [ApiKey.objects.get().pk]}
        )

        assert ApiKey.objects.authenticate(token, now=timezone.now()) is None

    def test_cannot_be_changed(self, client: Client, caio: Operator) -> None:
        self.make(client)
        key = ApiKey.objects.get()

        response = client.post(
            f"/admin/handoffflow/apikey/{key.pk}/change/", {"name": "TV", "scopes": ["admin"]}
        )

        assert response.status_code == 403
        assert ApiKey.objects.get(pk=key.pk).scopes == ["read"]


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
