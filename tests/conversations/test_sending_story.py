"""Worker, Twilio's stand-in and the doors together: whatever breaks, each line arrives once and its status with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conversations.models import Conversation, Delivery
from conversations.twilio import client
from conversations.worker import Worker
from handoffflow.simulator.standin import StandIn
from operators.models import Operator
from tests.builders import JOAO, make_held
from tests.conversations.outbox import only_deliveries, operator_says, reload
from tests.standin import standin as standin

pytestmark = pytest.mark.django_db(transaction=True)

ACCEPTED_BUT_SILENT = ["empty_201", "not_json_201", "reset_after_accept", "fin_after_accept", "truncated"]
NOT_ACCEPTED = ["429"]
CALLBACKS = ["early", "reordered", "duplicate", "late"]


@pytest.fixture
def held(ana: Operator, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Conversation]:
    only_deliveries(monkeypatch)
    monkeypatch.setattr(client, "DEADLINE_SECONDS", 10.0)
    standin.meet(JOAO)
    conversation = make_held(ana)
    Delivery.objects.all().delete()
    worker = Worker("story")
    worker.start()
    yield conversation
    assert worker.stop()
    standin.settle()


@pytest.mark.parametrize("fault", [*ACCEPTED_BUT_SILENT, *NOT_ACCEPTED, *CALLBACKS])
def test_two_lines_arrive_once_and_in_order(
    held: Conversation, ana: Operator, standin: StandIn, fault: str
) -> None:
    standin.script(fault)

    rows = [operator_says(held, ana, "um"), operator_says(held, ana, "dois")]

    standin.wait_for_sent(2, timeout=30)
    standin.settle(timeout=30)
    assert [sent.body for sent in standin.sent()] == ["um", "dois"]
    shown = [(reload(row).state, reload(row).message.status) for row in rows]
    assert shown == [("accepted", "delivered")] * 2
