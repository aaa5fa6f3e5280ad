"""What a monitor is told, whom it is told to, and what it costs."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations import intake, messages
from conversations.models import (
    BotTurn,
    Conversation,
    Delivery,
    DeliveryState,
    InboundWebhook,
    Queue,
    StatusReport,
    WorkerHeartbeat,
)
from handoffflow import exposition, metrics
from handoffflow.subscriptions import Notice, NoticeState, Pause, Subscription
from handoffflow.webhooks import keeping
from operators import gauges
from tests.builders import (
    JOAO,
    form,
    make_held,
    make_operator,
    make_sender,
    make_waiting,
    make_with_bot,
    says,
)

pytestmark = pytest.mark.engine

HERE = {"Host": "127.0.0.1:8000"}
TOKEN = "a-token-of-the-monitor"
BIA = "whatsapp:+5511912345678"

_LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\]*",?)+)\})? (-?[0-9.e+]+)')


def ago(**span: float) -> datetime:
    return timezone.now() - timedelta(**span)


def scraped(client: Client) -> dict[str, float]:
    """Every sample by its name and labels, as a monitor reads it."""
    response = client.get("/metrics", headers=HERE)
    assert response.status_code == 200
    lines = [line for line in response.content.decode().splitlines() if not line.startswith("#")]
    found = [_LINE.fullmatch(line) for line in lines]
    assert None not in found, lines
    return {f"{one[1]}{{{one[2]}}}" if one[2] else one[1]: float(one[3]) for one in found if one}


def sent_after(row: Delivery, seconds: float) -> None:
    StatusReport.objects.create(
        delivery=row,
        provider_sid="SM1",
        status="sent",
        received_at=row.created_at + timedelta(seconds=seconds),
        applied_at=timezone.now(),
    )


class TestTheDoor:
    """Without the ``db`` fixture a query would raise: who is refused costs none."""

    @pytest.mark.django_db
    def test_answers_a_monitor_on_this_machine(self, client: Client) -> None:
        response = client.get("/metrics", headers=HERE)

        assert response.status_code == 200
        assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert response["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in response

    @pytest.mark.parametrize("address", ["203.0.113.9", "10.0.0.5", "2001:db8::1", "", "unix"])
    def test_refuses_other_machines(self, client: Client, address: str) -> None:
        assert client.get("/metrics", headers=HERE, REMOTE_ADDR=address).status_code == 403

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
    def test_refuses_what_a_proxy_on_this_machine_passes_on(self, client: Client, header: str) -> None:
        assert client.get("/metrics", headers={**HERE, header: "127.0.0.1"}).status_code == 403

    @pytest.mark.parametrize(
        "host", ["desk.example.com", "rebound.example.org:8000", "10.0.0.5", "[::1", "a:b"]
    )
    def test_refuses_a_name_that_is_not_this_machines(self, client: Client, host: str) -> None:
        assert client.get("/metrics", headers={"Host": host}).status_code == 403

    @pytest.mark.django_db
    def test_answers_whoever_shows_the_token(self, client: Client, settings: Any) -> None:
        settings.METRICS_TOKEN = TOKEN

        response = client.get(
            "/metrics",
            headers={"Host": "desk.example.com", "Authorization": f"Bearer {TOKEN}"},
            REMOTE_ADDR="203.0.113.9",
        )

        assert response.status_code == 200

    @pytest.mark.parametrize(
        "shown", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer tokén"]
    )
    def test_asks_everybody_for_the_token_once_there_is_one(
        self, client: Client, settings: Any, shown: str
    ) -> None:
        settings.METRICS_TOKEN = TOKEN

        response = client.get("/metrics", headers={**HERE, "Authorization": shown})

        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Bearer")
        assert response.content == b""

    def test_is_read_only(self, client: Client) -> None:
        assert client.post("/metrics", headers=HERE).status_code == 405

    def test_says_nothing_of_a_database_that_is_away(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(now: datetime) -> list[exposition.Gauge]:
            raise DatabaseError("secret host")

        monkeypatch.setattr(metrics, "gauges", refuse)

        response = client.get("/metrics", headers=HERE)

        assert (response.status_code, response.content) == (503, b"")


@pytest.mark.django_db
class TestTheNumbers:
    def test_are_all_there_before_anything_happened(self, client: Client) -> None:
        found = scraped(client)

        assert found['handoffflow_webhooks_last_hour{outcome="applied"}'] == 0
        assert found['handoffflow_conversations{mode="queued"}'] == 0
        assert found['handoffflow_deliveries_unsettled{state="unknown"}'] == 0
        assert found["handoffflow_workers"] == 0

    def test_name_the_version_that_answers(self, client: Client) -> None:
        label = f'version="{metrics.version()}",database="{connection.vendor}"'

        assert scraped(client)[f"handoffflow_build_info{{{label}}}"] == 1
        assert re.fullmatch(r"\d+\.\d+\.\d+", metrics.version())

    def test_count_the_webhooks_of_the_last_hour_by_outcome(self, client: Client) -> None:
        says("oi", now=ago(minutes=61))
        first = form("oi")
        for params in (first, first, form("", address="")):
            intake.receive(params, sender=make_sender(), now=timezone.now())

        found = scraped(client)

        assert found['handoffflow_webhooks_last_hour{outcome="applied"}'] == 1
        assert found['handoffflow_webhooks_last_hour{outcome="duplicate"}'] == 1
        assert found['handoffflow_webhooks_last_hour{outcome="ignored"}'] == 1
        assert found['handoffflow_webhooks_last_hour{outcome="failed"}'] == 0

    def test_show_how_long_a_failed_webhook_has_waited(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise ValueError

        with monkeypatch.context() as failing:
            failing.setattr(messages, "receive", fail)
            says("oi", now=ago(hours=3))

        found = scraped(client)

        assert InboundWebhook.objects.get().outcome == "failed"
        assert found["handoffflow_webhooks_failed"] == 1
        assert found["handoffflow_webhooks_failed_oldest_seconds"] == pytest.approx(3 * 3600, abs=60)
        assert found['handoffflow_webhooks_last_hour{outcome="failed"}'] == 0

    def test_count_conversations_by_who_speaks(self, client: Client) -> None:
        make_held(make_operator("ana"))
        make_waiting(address=BIA)
        make_with_bot(address="whatsapp:+5511900000001")

        found = scraped(client)

        assert [
            found[f'handoffflow_conversations{{mode="{mode}"}}'] for mode in ("bot", "queued", "human")
        ] == [1] * 3

    def test_show_each_queue_and_its_longest_wait(self, client: Client) -> None:
        waiting = make_waiting(now=ago(minutes=10))
        make_waiting(address=BIA, now=ago(minutes=2))
        company = waiting.sender.organization
        empty = Queue.objects.create(organization=company, name="Vendas")
        assert waiting.queue is not None

        found = scraped(client)

        full, quiet = (
            f'{{organization="{company.public_id}",queue="{queue.public_id}"}}'
            for queue in (waiting.queue, empty)
        )
        assert found[f"handoffflow_queue_conversations{full}"] == 2
        assert found[f"handoffflow_queue_oldest_seconds{full}"] == pytest.approx(600, abs=60)
        assert found[f"handoffflow_queue_conversations{quiet}"] == 0
        assert found[f"handoffflow_queue_oldest_seconds{quiet}"] == 0

    def test_show_who_waits_in_no_queue(self, client: Client) -> None:
        waiting = make_waiting()
        Conversation.objects.filter(pk=waiting.pk).update(queue=None)

        company = waiting.sender.organization.public_id
        assert scraped(client)[f'handoffflow_queue_conversations{{organization="{company}",queue=""}}'] == 1

    def test_show_deliveries_by_state_and_the_oldest_that_is_not_settled(self, client: Client) -> None:
        make_waiting()
        make_waiting(address=BIA)
        first, second = Delivery.objects.order_by("pk")[:2]
        Delivery.objects.filter(pk=first.pk).update(state=DeliveryState.UNKNOWN, created_at=ago(minutes=5))
        Delivery.objects.filter(pk=second.pk).update(state=DeliveryState.FAILED, due_at=None)
        queued = Delivery.objects.filter(state=DeliveryState.QUEUED).count()

        found = scraped(client)

        assert found['handoffflow_deliveries_unsettled{state="unknown"}'] == 1
        assert found['handoffflow_deliveries_unsettled_oldest_seconds{state="unknown"}'] == pytest.approx(
            300, abs=60
        )
        assert found['handoffflow_deliveries_unsettled{state="queued"}'] == queued
        assert found['handoffflow_deliveries_unsettled_oldest_seconds{state="queued"}'] < 60
        assert found['handoffflow_deliveries_last_hour{state="failed"}'] == 1
        assert 'handoffflow_deliveries_last_hour{state="queued"}' not in found

    def test_forget_deliveries_after_an_hour(self, client: Client) -> None:
        make_waiting()
        Delivery.objects.update(state=DeliveryState.FAILED, due_at=None, created_at=ago(minutes=61))

        assert scraped(client)['handoffflow_deliveries_last_hour{state="failed"}'] == 0

    def test_measure_how_long_messages_took_to_be_sent(self, client: Client) -> None:
        make_waiting()
        make_waiting(address=BIA)
        Delivery.objects.update(created_at=ago(minutes=30))
        first, second = Delivery.objects.order_by("pk")[:2]
        sent_after(first, 1)
        sent_after(second, 4)

        found = scraped(client)

        assert found["handoffflow_sent_last_hour"] == 2
        assert found['handoffflow_sent_last_hour_seconds{of="mean"}'] == pytest.approx(2.5)
        assert found['handoffflow_sent_last_hour_seconds{of="longest"}'] == pytest.approx(4)

    def test_show_how_many_were_sent_within_how_many_seconds(self, client: Client) -> None:
        for number, seconds in enumerate((0.2, 1.5, 1.5, 400)):
            make_waiting(address=f"whatsapp:+551190000000{number}")
            row = Delivery.objects.latest("pk")
            Delivery.objects.filter(pk=row.pk).update(created_at=ago(minutes=30))
            row.refresh_from_db()
            sent_after(row, seconds)

        found = scraped(client)

        name = "handoffflow_sent_last_hour_seconds_bucket"
        within = {bound: found[f'{name}{{le="{bound}"}}'] for bound in ("0.5", "1", "2", "300", "+Inf")}
        assert within == {"0.5": 1, "1": 1, "2": 3, "300": 3, "+Inf": 4}

    def test_show_how_soon_messages_are_on_their_way(self, client: Client) -> None:
        for number, seconds in enumerate((0.004, 0.7, 40)):
            make_waiting(address=f"whatsapp:+551190000000{number}")
            row = Delivery.objects.latest("pk")
            Delivery.objects.filter(pk=row.pk).update(
                state=DeliveryState.ACCEPTED, started_at=row.created_at + timedelta(seconds=seconds)
            )
        Delivery.objects.filter(started_at=None).update(state=DeliveryState.CANCELLED)

        found = scraped(client)

        name = "handoffflow_deliveries_started_last_hour_seconds_bucket"
        within = {bound: found[f'{name}{{le="{bound}"}}'] for bound in ("0.01", "0.5", "1", "300", "+Inf")}
        assert within == {"0.01": 1, "0.5": 1, "1": 2, "300": 3, "+Inf": 3}

    def test_count_the_streams_of_this_process_and_how_late_they_are(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hub = gauges.Hub()
        monkeypatch.setattr(gauges, "hub", hub)
        now = timezone.now()
        quiet = scraped(client)["handoffflow_hub_idle_seconds"]
        hub.looked()
        hub.streams = 3
        hub.told([now - timedelta(seconds=seconds) for seconds in (-1, 0.02, 0.2, 9)], now)

        found = scraped(client)

        assert (quiet, found["handoffflow_streams"]) == (0, 3)
        assert 0 < found["handoffflow_hub_idle_seconds"] < 20
        name = "handoffflow_hub_lag_seconds"
        within = {bound: found[f'{name}_bucket{{le="{bound}"}}'] for bound in ("0.01", "0.025", "5", "+Inf")}
        assert within == {"0.01": 1, "0.025": 2, "5": 3, "+Inf": 4}
        assert found[f"{name}_count"] == 4
        assert found[f"{name}_sum"] == pytest.approx(9.22)

    def test_show_the_bots_oldest_debt(self, client: Client) -> None:
        make_with_bot()
        BotTurn.objects.update(created_at=ago(minutes=2))

        found = scraped(client)

        assert found["handoffflow_bot_turns"] == 1
        assert found["handoffflow_bot_turns_oldest_seconds"] == pytest.approx(120, abs=60)

    def test_show_what_outgoing_webhooks_are_still_to_be_told(self, client: Client) -> None:
        organization, now = make_sender().organization, timezone.now()
        for name, paused in (("CRM", ""), ("BI", Pause.FAILING), ("ERP", Pause.BY_HAND)):
            row = keeping.make(organization, name=name, url="https://crm.example.com", kinds=[], now=now)
            Subscription.objects.filter(pk=row.pk).update(paused=paused)
        for state, due_at in ((NoticeState.WAITING, now), (NoticeState.DELIVERED, None)):
            made = {"kind": "handoff.claimed", "created_at": ago(minutes=2)}
            Notice.objects.create(subscription=row, state=state, due_at=due_at, **made)

        found = scraped(client)

        assert found["handoffflow_notices"] == 1
        assert found["handoffflow_notices_oldest_seconds"] == pytest.approx(120, abs=60)
        assert found["handoffflow_subscriptions"] == 1
        name = "handoffflow_subscriptions_paused"
        stopped = {why: found[f'{name}{{reason="{why}"}}'] for why in Pause.values}
        assert stopped == {"failing": 1, "gone": 0, "by_hand": 1}

    def test_count_workers_that_beat(self, client: Client) -> None:
        for name, beat_at in (("alive", ago(seconds=5)), ("silent", ago(minutes=5))):
            WorkerHeartbeat.objects.create(name=name, started_at=beat_at, beat_at=beat_at)

        found = scraped(client)

        assert found["handoffflow_workers"] == 1
        assert found["handoffflow_worker_heartbeat_seconds"] == pytest.approx(5, abs=20)

    def test_name_nobody(self, client: Client) -> None:
        make_waiting()
        WorkerHeartbeat.objects.create(name="host-1", started_at=ago(), beat_at=ago())

        text = client.get("/metrics", headers=HERE).content.decode()

        assert [
            word for word in ("João", JOAO[-11:], "Atendimento", "host-1", "550280000") if word in text
        ] == []


@pytest.mark.django_db
class TestTheCost:
    def test_is_ten_statements_however_much_there_is(self, client: Client) -> None:
        for number in range(3):
            make_waiting(address=f"whatsapp:+551190000000{number}")
            Queue.objects.create(organization=make_sender().organization, name=f"Fila {number}")

        with CaptureQueriesContext(connection) as queries:
            scraped(client)

        assert len(queries) <= 10

    def test_never_reads_a_message(self, client: Client) -> None:
        make_waiting()

        with CaptureQueriesContext(connection) as queries:
            scraped(client)

        assert [query for query in queries if "conversations_message" in query["sql"]] == []
