"""What happened: to read only, whole, and cheap to list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations import clock, merging
from conversations.models import BotAnswer, Conversation, Delivery, Handoff, InboundWebhook, Queue
from handoffflow.models import ApiKey
from operators.models import Operator, Reason
from tests import builders
from tests.admin.cast import LISTS

pytestmark = pytest.mark.django_db

READ_ONLY = ("conversation", "delivery", "handoff", "inboundwebhook")


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

    def test_a_merged_one_says_where_it_goes_on_and_is_found_by_either_spelling(
        self, client: Client, served: Conversation
    ) -> None:
        twin = builders.make_with_bot(address="whatsapp:+551187654321")
        served = builders.thread()
        merging.merge(served, twin, cause=builders.CUSTOMER, now=clock.now())
        page = "/admin/conversations/conversation/"

        shown = client.get(f"{page}{twin.pk}/change/").content.decode()
        assert f"{page}{served.pk}/change/" in shown
        assert "handoff.merged" in shown
        for number in ("+55 11 98765-4321", "551187654321"):
            found = client.get(page, {"q": number}).content.decode()
            assert [f"{page}{one.pk}/change/" in found for one in (served, twin)] == [True, True]

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
