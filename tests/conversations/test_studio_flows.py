"""The two flows that come with the product: importable as they are printed, and with nothing loose in them."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import jsonschema_rs
import pytest
from django.core.management import CommandError, call_command

from conversations import flowfiles
from handoffflow.simulator.standin import StandIn
from tests.builders import make_sender
from tests.conftest import ROOT
from tests.conversations.outbox import twilio as twilio

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


@pytest.mark.django_db
def test_can_be_made_at_twilio(twilio: StandIn) -> None:
    sender, out = make_sender(), io.StringIO()

    call_command("studio_flow", "behind", "--publish", sender.address, stdout=out)

    rows = twilio.ledger.all("SELECT * FROM flows")
    assert [row["sid"] for row in rows] == [out.getvalue().strip()]
    assert json.loads(rows[0]["definition"]) == flowfiles.document("behind")


@pytest.mark.django_db
def test_is_made_for_a_number_that_there_is(twilio: StandIn, settings: Any) -> None:
    with pytest.raises(CommandError, match="no sender"):
        call_command("studio_flow", "behind", "--publish", "whatsapp:+1")
    settings.TWILIO_API_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="did not take it"):
        call_command("studio_flow", "behind", "--publish", make_sender().address)


def test_only_two_ways_are_known() -> None:
    with pytest.raises(KeyError):
        flowfiles.text("above")
