"""System checks name what is unsafe before strangers find it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from handoffflow import checks


def ids(found: list[Any]) -> set[str]:
    return {one.id for one in found}


class TestProduction:
    def test_is_content_with_https_and_an_account(self) -> None:
        assert checks.production(None) == []

    @pytest.mark.parametrize("address", ["http://desk.example.com", "http://10.0.0.5:8000"])
    def test_refuses_a_public_address_without_https(self, settings: Any, address: str) -> None:
        settings.APP_URL = address

        assert ids(checks.production(None)) == {"handoffflow.E001"}

    def test_lets_a_machine_of_its_own_be(self, settings: Any) -> None:
        settings.APP_URL = "http://localhost:8000"

        assert checks.production(None) == []

    def test_warns_of_the_simulator_and_of_no_account(self, settings: Any) -> None:
        settings.SIMULATOR_ENABLED, settings.TWILIO_SID = True, ""

        assert ids(checks.production(None)) == {"handoffflow.W002", "handoffflow.W003"}


class TestCollation:
    @pytest.mark.parametrize(
        ("collations", "expected"),
        [
            (("utf8mb4_nopad_bin", "utf8mb4_nopad_bin"), set()),
            (("utf8mb4_0900_bin", "utf8mb4_0900_bin"), set()),
            (("utf8mb4_general_ci", "utf8mb4_nopad_bin"), {"handoffflow.E004"}),
            (("utf8mb4_nopad_bin", "utf8mb4_uca1400_ai_ci"), {"handoffflow.E004"}),
            (("utf8mb4_bin", "utf8mb4_bin"), {"handoffflow.E004"}),
        ],
    )
    def test_of_mariadb_keeps_people_apart(
        self, monkeypatch: pytest.MonkeyPatch, collations: tuple[str, str], expected: set[str]
    ) -> None:
        cursor = MagicMock()
        cursor.__enter__.return_value.fetchone.return_value = collations
        mariadb = SimpleNamespace(vendor="mysql", cursor=lambda: cursor)
        monkeypatch.setattr(checks, "connections", {"default": mariadb})

        assert ids(checks.collation(None, databases=["default"])) == expected

    def test_is_nobody_elses_matter(self) -> None:
        assert checks.collation(None, databases=["default"]) == []
