"""Probes tell an orchestrator the truth."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from conversations.models import Delivery, Reconciliation, Sender, WorkerHeartbeat
from handoffflow import health
from tests.builders import make_held, make_operator, make_sender


def beat(*, seconds_ago: int) -> None:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    WorkerHeartbeat.objects.create(name="worker", started_at=at, beat_at=at)


class TestHealthz:
    def test_asks_nothing_of_the_database(self, client: Client) -> None:
        """Without the ``db`` fixture a query would raise."""
        response = client.get("/healthz")

        assert response.status_code == 200
        assert response.json() == {"status": "ok"}

    def test_answers_whoever_calls_by_an_address(self, client: Client) -> None:
        assert client.get("/healthz", headers={"Host": "10.0.0.5:8000"}).status_code == 200
        assert client.get("/accounts/login/", headers={"Host": "10.0.0.5:8000"}).status_code == 400

    def test_is_read_only(self, client: Client) -> None:
        assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
class TestReadyz:
    def test_is_ready_with_a_worker_that_beats(self, client: Client) -> None:
        beat(seconds_ago=5)

        response = client.get("/readyz")

        assert response.status_code == 200
        assert response.json() == {
            "status": "ok", "database": "ok", "migrations": "ok", "worker": "ok", "oldest_due_seconds": 0,
            "twilio_list": "ok",
        }  # fmt: skip

    def test_is_ready_while_twilio_is_away_and_says_so(self, client: Client) -> None:
        beat(seconds_ago=5)
        Reconciliation.objects.create(sender=make_sender(), failing_since=timezone.now(), cause="busy")

        response = client.get("/readyz")

        assert response.status_code == 200
        assert response.json()["twilio_list"] == "failing"

    def test_is_not_ready_with_a_silent_worker(self, client: Client) -> None:
        beat(seconds_ago=31)

        response = client.get("/readyz")

        assert response.status_code == 503
        assert response.json()["worker"] == "silent"

    def test_asks_for_no_worker_where_none_is_expected(self, client: Client, settings: Any) -> None:
        settings.WORKER_EXPECTED = False

        assert client.get("/readyz").status_code == 200

    def test_is_not_ready_before_the_migrations(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "unapplied", lambda: ["conversations.0001_initial"])

        response = client.get("/readyz")

        assert response.status_code == 503
        assert response.json()["migrations"] == "missing"

    def test_is_not_ready_without_a_database(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(now: Any) -> dict[str, Any]:
            raise DatabaseError("secret host")

        monkeypatch.setattr(health, "inspect", refuse)

        response = client.get("/readyz")

        assert response.status_code == 503
        assert response.json() == {"status": "failed", "database": "failed"}


@pytest.mark.django_db
def test_what_waits_for_a_paused_number_is_not_late() -> None:
    held = make_held(make_operator("ana"))
    waiting = Delivery.objects.filter(conversation=held)
    waiting.update(due_at=timezone.now() - timedelta(hours=3))
    assert health._oldest_due(timezone.now()) >= 3 * 3600

    Sender.objects.update(paused="number_locked")

    assert health._oldest_due(timezone.now()) < 3600
