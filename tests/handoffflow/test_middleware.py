"""What every answer carries, whatever page it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from time_machine import TimeMachineFixture

from operators.models import Operator


class TestSecurityHeaders:
    def test_allow_nothing_inline_and_nobody_else(self, client: Client) -> None:
        policy = client.get("/healthz")["Content-Security-Policy"]

        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "object-src 'none'" in policy
        assert "base-uri 'none'" in policy

    def test_stand_on_answers_that_find_nothing(self, client: Client) -> None:
        response = client.get("/nowhere")

        assert response.status_code == 404
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"
        assert response["Referrer-Policy"] == "same-origin"
        assert "max-age=31536000" in response["Strict-Transport-Security"]

    @pytest.mark.usefixtures("simulator_enabled")
    def test_let_only_the_simulator_frame_the_console(self, client: Client) -> None:
        response = client.get("/healthz")

        assert "frame-ancestors 'self'" in response["Content-Security-Policy"]
        assert response["X-Frame-Options"] == "SAMEORIGIN"

    def test_say_nothing_of_https_to_a_plain_installation(self, client: Client, settings: Any) -> None:
        settings.SECURE_HSTS_SECONDS = 0

        assert "Strict-Transport-Security" not in client.get("/healthz")

    @pytest.mark.parametrize("path", ["/operator/x", "/admin/x", "/api/x", "/simulator/x"])
    def test_keep_private_pages_out_of_caches(self, client: Client, path: str) -> None:
        assert "no-store" in client.get(path)["Cache-Control"]


class TestNotFoundWithDebug:
    """``make run`` has DEBUG on: whoever tries the product mistypes an address as well."""

    @pytest.mark.parametrize("path", ["/nowhere", "/accounts/first/no-such-token/"])
    def test_is_the_products_own_page(self, client: Client, settings: Any, path: str) -> None:
        settings.DEBUG = True
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "handoffflow.middleware.OwnNotFound"]

        response = client.get(path)

        assert response.status_code == 404
        assert "404.html" in [template.name for template in response.templates]


class TestRequestId:
    def test_is_made_for_each_request(self, client: Client) -> None:
        first, second = client.get("/healthz"), client.get("/healthz")

        assert first["X-Request-Id"] != second["X-Request-Id"]

    def test_keeps_a_tame_one_of_the_proxy(self, client: Client) -> None:
        response = client.get("/healthz", headers={"X-Request-Id": "abcdef-0123456789"})

        assert response["X-Request-Id"] == "abcdef-0123456789"

    @pytest.mark.parametrize("given", ["short", "a" * 65, "forged {json}", "line\tbreak-line"])
    def test_replaces_one_that_could_forge_a_log_line(self, client: Client, given: str) -> None:
        assert client.get("/healthz", headers={"X-Request-Id": given})["X-Request-Id"] != given


@pytest.mark.django_db
class TestASession:
    @pytest.fixture
    def clock(self, time_machine: TimeMachineFixture) -> TimeMachineFixture:
        time_machine.move_to("2026-11-22T08:00:00Z", tick=False)
        return time_machine

    @pytest.fixture
    def ana(self, client: Client, clock: TimeMachineFixture) -> Client:
        client.force_login(Operator.objects.create_user("ana", password="a long enough one"))
        return client

    def signed_in(self, client: Client) -> bool:
        return client.get("/operator/").status_code == 200

    def test_lasts_while_it_is_used(self, ana: Client, clock: TimeMachineFixture) -> None:
        for _hour in range(11):
            clock.shift(3600)

            assert self.signed_in(ana)

    def test_ends_twelve_hours_after_the_login_however_much_it_is_used(
        self, ana: Client, clock: TimeMachineFixture
    ) -> None:
        for _hour in range(12):
            clock.shift(3600)
            ana.get("/operator/")
        clock.shift(1)

        assert not self.signed_in(ana)

    def test_ends_when_nothing_was_asked_of_it_for_two_hours(
        self, ana: Client, clock: TimeMachineFixture
    ) -> None:
        clock.shift(2 * 3600 + 1)

        assert not self.signed_in(ana)

    @pytest.mark.parametrize("poll", ["list", "stream", "c/0ab98d9f-bace-42a6-bf5b-9e5a8b4071ba/thread"])
    def test_is_not_kept_alive_by_a_console_that_nobody_looks_at(
        self, ana: Client, clock: TimeMachineFixture, poll: str
    ) -> None:
        for _quarter in range(8):
            clock.shift(900)
            assert ana.get(f"/operator/{poll}", headers={"HX-Request": "true"}).status_code != 401
        clock.shift(1)

        assert ana.get(f"/operator/{poll}", headers={"HX-Request": "true"}).status_code == 401

    def test_travels_in_a_cookie_that_no_script_and_no_other_host_can_read(
        self, ana: Client, clock: TimeMachineFixture
    ) -> None:
        clock.shift(600)

        cookie = ana.get("/operator/").cookies["__Host-session"]

        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["domain"]


@pytest.mark.django_db
class TestTwiliosDoor:
    def test_opens_no_session_and_reads_no_user(self, client: Client) -> None:
        client.force_login(Operator.objects.create_user("ana", password="a long enough one"))

        with CaptureQueriesContext(connection) as queries:
            response = client.post(
                "/api/twilio/webhook", "From=x", content_type="application/x-www-form-urlencoded"
            )

        assert response.status_code == 403
        assert [query for query in queries if "django_session" in query["sql"]] == []
        assert not response.cookies
        assert "Cookie" not in response.get("Vary", "")
