"""The two flows that come with the product: importable as they are printed, and with nothing loose in them."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import jsonschema_rs
import pytest
from django.core.management import call_command

from conversations import flowfiles
from tests.conftest import ROOT

SCHEMA = json.loads((ROOT / "tests/payloads/studio/flow_definition.schema.json").read_text())


def printed(way: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("studio_flow", way, stdout=out)
    return dict(json.loads(out.getvalue()))


def problems(flow: dict[str, Any]) -> list[str]:
    return [error.message for error in jsonschema_rs.validator_for(SCHEMA).iter_errors(flow)]


@pytest.mark.parametrize("way", flowfiles.WAYS)
class TestAFlow:
    def test_is_what_studio_imports(self, way: str) -> None:
        assert problems(printed(way)) == []

    def test_calls_this_installation_and_nobody_else(self, way: str, settings: Any) -> None:
        settings.APP_URL = "https://desk.example.org/"
        text = json.dumps(printed(way))

        called = set(re.findall(r'"url": "([^?"]+)', text))
        assert called == {"https://desk.example.org/api/twilio/handoff"}
        assert "DESK_HOST" not in text

    def test_has_no_dead_end_and_no_island(self, way: str) -> None:
        flow = printed(way)
        names = [one["name"] for one in flow["states"]]
        leads = {
            one["name"]: {step["next"] for step in one["transitions"] if "next" in step}
            for one in flow["states"]
        }
        reached, ahead = set(), {flow["initial_state"]}
        while ahead:
            reached |= ahead
            ahead = set().union(*(leads[name] for name in ahead)) - reached

        assert len(names) == len(set(names))
        assert set(names) == reached

    def test_writes_nothing_of_a_customers_into_an_address(self, way: str) -> None:
        """Studio does not encode what Liquid puts there, and an address ends up in logs."""
        for state in printed(way)["states"]:
            filled = set(re.findall(r"{{([^}]+)}}", state["properties"].get("url", "")))
            assert filled <= {"flow.sid", "flow.flow_sid"}

    def test_would_be_refused_with_a_mistake_in_it(self, way: str) -> None:
        flow = printed(way)
        flow["states"][1]["properties"]["tipo"] = "x"

        assert problems(flow)


def test_only_two_ways_are_known() -> None:
    with pytest.raises(KeyError):
        flowfiles.text("above")
