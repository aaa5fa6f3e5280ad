"""What every answer carries, whatever page it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client


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
