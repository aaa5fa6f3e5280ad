"""The doctor finds what is broken, says how to mend it, and tells nobody the token."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_httpserver import HTTPServer

from conversations.models import WorkerHeartbeat
from handoffflow import health
from tests.conftest import TWILIO_AUTH_TOKEN, TWILIO_SID

pytestmark = pytest.mark.django_db
ACCOUNT = f"/2010-04-01/Accounts/{TWILIO_SID}.json"


def diagnosis() -> tuple[str, bool]:
    """What it prints, and whether all is well."""
    out = io.StringIO()
    try:
        call_command("doctor", stdout=out, no_color=True)
    except CommandError:
        return out.getvalue(), False
    return out.getvalue(), True


@pytest.fixture(autouse=True)
def worker() -> WorkerHeartbeat:
    now = timezone.now()
    return WorkerHeartbeat.objects.create(name="worker", started_at=now, beat_at=now)


@pytest.fixture(autouse=True)
def twilio(settings: Any, httpserver: HTTPServer) -> HTTPServer:
    settings.TWILIO_API_URL = httpserver.url_for("").rstrip("/")
    return httpserver


class TestDoctor:
    def test_is_content_with_a_sound_installation(self, twilio: HTTPServer) -> None:
        twilio.expect_request(ACCOUNT).respond_with_json({"status": "active"})

        says, well = diagnosis()

        assert well, says
        assert "the account is active" in says

    @pytest.mark.parametrize(
        ("answer", "says_what"),
        [
            ({"status": 401}, "Check TWILIO_SID and TWILIO_AUTH_TOKEN."),
            ({"status": 500}, "answered 500"),
            ({"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, "answered 302"),
            ({"response_data": '{"status": "suspended"}'}, "the account is suspended"),
            ({"response_data": "<html>"}, "no answer"),
        ],
    )
    def test_names_what_is_wrong_with_the_account(
        self, twilio: HTTPServer, answer: dict[str, Any], says_what: str
    ) -> None:
        twilio.expect_request(ACCOUNT).respond_with_data(**answer)

        says, well = diagnosis()

        assert not well
        assert says_what in says
        assert TWILIO_AUTH_TOKEN not in says

    def test_misses_the_worker(self, twilio: HTTPServer, worker: WorkerHeartbeat) -> None:
        twilio.expect_request(ACCOUNT).respond_with_json({"status": "active"})
        WorkerHeartbeat.objects.update(beat_at=worker.beat_at - timedelta(minutes=2))

        says, well = diagnosis()

        assert not well
        assert "manage.py serve" in says

    def test_misses_migrations(self, twilio: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
        twilio.expect_request(ACCOUNT).respond_with_json({"status": "active"})
        monkeypatch.setattr(health, "unapplied", lambda: ["conversations.0001_initial"])

        says, well = diagnosis()

        assert not well
        assert "manage.py migrate" in says

    def test_says_that_twilio_cannot_reach_this_machine(self, twilio: HTTPServer, settings: Any) -> None:
        twilio.expect_request(ACCOUNT).respond_with_json({"status": "active"})
        settings.APP_URL = "http://localhost:8000"

        says, well = diagnosis()

        assert not well
        assert "cannot be reached by Twilio" in says
