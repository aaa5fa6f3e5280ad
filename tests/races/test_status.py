"""Delivery reports in every order, doubled, and at the same moment as Twilio's own answer: one result."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import permutations

import pytest

from conversations import clock, delivery, leases, outcomes
from conversations.models import Conversation, Delivery, DeliveryState, Event, Status, StatusReport
from conversations.twilio.client import Outcome
from tests.builders import make_held, make_operator
from tests.conversations.outbox import operator_says, reload, report
from tests.races.sound import sound
from tests.races.together import ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

Reported = tuple[str, int | None]
ARRIVES: list[Reported] = [("sent", None), ("undelivered", 63024), ("delivered", None), ("read", None)]
FAILS: list[Reported] = [("queued", None), ("sent", None), ("failed", 63016), ("undelivered", 63024)]
ENDS: dict[Status, tuple[list[Reported], int | None]] = {
    Status.READ: (ARRIVES, None),
    Status.FAILED: (FAILS, 63024),
}
UP: list[str] = [Status.SENDING, Status.SENT, Status.FAILED, Status.DELIVERED, Status.READ]
THREADS = 3


@pytest.mark.parametrize("end", ENDS)
def test_reports_in_any_order_end_the_same(end: Status, race: Race) -> None:
    """Three threads bring the same reports, each in an order of its own, while the call to Twilio is answered."""
    ana = make_operator("ana", capacity=ROUNDS)
    reported, code = ENDS[end]
    orders = list(permutations(reported))
    with together(THREADS + 1, race) as at_once:
        for number in range(ROUNDS):
            conversation = make_held(ana, address=f"whatsapp:+55101{number:08d}")
            row = _under_way(operator_says(conversation, ana))
            sid = f"SMffff{number:028x}"
            turns = [orders[(THREADS * number + thread) % len(orders)] for thread in range(THREADS)]

            results = at_once.run(
                [
                    partial(outcomes.settle, row, Outcome("accepted", sid=sid, status="queued"), clock.now()),
                    *(partial(_report, row, sid, turn) for turn in turns),
                ]
            )

            assert results == [None] * (THREADS + 1)
            now = reload(row)
            assert (now.state, now.message.provider_sid) == (DeliveryState.ACCEPTED, sid)
            assert (now.message.status, now.message.error_code) == (end, code)
            told = _told(conversation, row)
            assert (told[-1], len(set(told))) == ((end, code), len(told)), told
            assert told == sorted(told, key=lambda one: (UP.index(one[0]), one[1] or 0))
            assert not StatusReport.objects.filter(provider_sid=sid, applied_at=None).exists()
            sound(conversation)
            race.saw(reports=THREADS * len(reported), **{f"ended_as_{end.value}": 1})


def test_of_two_sids_for_one_send_the_first_stays(race: Race) -> None:
    """Twilio gives each message one; a report that names another is not about this one."""
    ana = make_operator("ana", capacity=ROUNDS)
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            conversation = make_held(ana, address=f"whatsapp:+55122{number:08d}")
            row = _under_way(operator_says(conversation, ana))
            rows = [reload(row), reload(row)]
            sids = [f"SM{letter}{number:031x}" for letter in "de"]

            results = at_once.run(
                [partial(_report, one, sid, [("sent", None)]) for one, sid in zip(rows, sids, strict=True)]
            )

            assert results == [None, None]
            applied = StatusReport.objects.filter(provider_sid__in=sids).exclude(applied_at=None)
            assert list(applied.values_list("provider_sid", flat=True)) == [reload(row).message.provider_sid]
            sound(conversation)
            race.saw(kept=1, left_in_the_books=1)


def _under_way(row: Delivery) -> Delivery:
    """Committed as being sent: its call is made, and not answered yet."""
    Delivery.objects.filter(conversation=row.conversation, seq__lt=row.seq).delete()
    row = reload(row)
    assert leases.claim(row)
    assert delivery._start(row, clock.now())
    return row


def _report(row: Delivery, sid: str, turn: Sequence[Reported]) -> None:
    for status, code in turn:
        report(row, status, sid=sid, code=code)


def _told(conversation: Conversation, row: Delivery) -> list[tuple[str, int | None]]:
    """Each change that the thread tells of, in order."""
    events = Event.objects.filter(conversation=conversation, kind="message.status").order_by("seq")
    data = [event.data for event in events if event.data["message"] == row.message_id]
    return [(one["status"], one["error_code"]) for one in data]
