"""The stand-in's contents: what is listed, what is refused, and what arrives outside the window."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from handoffflow.simulator.seeded import CATALOGUE
from handoffflow.simulator.standin import StandIn
from tests.standin import build, sdk

JOAO = "whatsapp:+5511987654321"
NAMED = next(row for row in CATALOGUE if row["friendly_name"] == "Nota do atendimento")["sid"]
PENDING = next(row for row in CATALOGUE if row["friendly_name"] == "Pesquisa de satisfação")["sid"]


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[StandIn]:
    with build(tmp_path / "simulator.sqlite3", webhook_base="http://127.0.0.1:9") as running:
        yield running


def send(standin: StandIn, sid: str, variables: Any, **more: Any) -> Any:
    given = variables if isinstance(variables, str) else json.dumps(variables)
    return sdk(standin).messages.create(
        to=JOAO, from_=standin.account.number, content_sid=sid, content_variables=given, **more
    )


def test_are_listed_page_by_page_with_their_approval(standin: StandIn) -> None:
    rows = sdk(standin).content.v1.content_and_approvals.list(page_size=7)

    assert [row.sid for row in rows] == [row["sid"] for row in CATALOGUE]
    states = {row.approval_requests["status"] for row in rows}
    assert states == {"approved", "pending", "rejected", "paused", "unsubmitted"}


def test_that_are_approved_arrive_outside_the_window(standin: StandIn) -> None:
    message = send(standin, NAMED, {"atendente": "Ana"})
    standin.settle()

    [sent] = standin.sent()
    assert (sent.sid, sent.status) == (message.sid, "delivered")
    assert sent.body == "Como foi falar com Ana? Responda de 1 a 5."


@pytest.mark.parametrize(
    ("sid", "variables", "code"),
    [
        (PENDING, {"1": "João"}, 63016),
        (NAMED, {"atendente": "a\nb"}, 63013),
        (NAMED, {"atendente": "a     b"}, 63013),
    ],
)
def test_that_whatsapp_turns_away_fail_a_moment_later(
    standin: StandIn, sid: str, variables: Any, code: int
) -> None:
    send(standin, sid, variables)
    standin.settle()

    [sent] = standin.sent()
    assert (sent.status, sent.error) == ("failed", code)


@pytest.mark.parametrize(
    ("sid", "variables", "more", "code"),
    [
        ("HX" + "0" * 32, {}, {}, 21655),
        ("nonsense", {}, {}, 21655),
        (NAMED, {}, {}, 21656),
        (NAMED, "no json", {}, 21656),
        (NAMED, {"atendente": 5}, {}, 21656),
        (NAMED, {"atendente": "Ana"}, {"body": "oi"}, 21619),
    ],
)
def test_that_are_wrong_are_refused_at_once(
    standin: StandIn, sid: str, variables: Any, more: Any, code: int
) -> None:
    with pytest.raises(TwilioRestException) as refused:
        send(standin, sid, variables, **more)

    assert refused.value.code == code
    assert standin.sent() == []
