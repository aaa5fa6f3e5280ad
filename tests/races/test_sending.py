"""Several workers and one number: it is paused once, and sends no more than its pace allows."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from unittest import mock

import pytest

from conversations import clock, leases, outcomes, pacing, pauses, work
from conversations.models import Delivery, DeliveryState, Sender
from conversations.twilio.client import Outcome
from conversations.twilio.errors import Trouble
from tests.builders import make_held, make_operator, make_sender
from tests.conversations.outbox import operator_says
from tests.races.together import ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

THREADS = 4
LOCKED = Outcome("refused", code=63051, cause="refused")


def test_a_number_whose_sends_fail_at_once_is_paused_once(race: Race) -> None:
    ana = make_operator("ana", capacity=THREADS)
    talks = [make_held(ana, address=f"whatsapp:+551060000000{number}") for number in range(THREADS)]
    pause, paused = pauses.pause, 0
    with together(THREADS, race) as at_once:
        for _round in range(ROUNDS):
            Delivery.objects.all().delete()
            rows = [operator_says(talk, ana) for talk in talks]
            work.load_handlers()
            begun, _next = work.claim_due(work.handlers["delivery"], clock.now(), limit=THREADS)
            assert len(begun) == THREADS
            done: list[bool] = []
            counted = mock.Mock(
                side_effect=lambda *a, done=done, **k: done.append(pause(*a, **k)) or done[-1]
            )
            with mock.patch.object(pauses, "pause", counted):
                results = at_once.run([partial(outcomes.settle, row, LOCKED, clock.now()) for row in begun])

            assert results == [None] * THREADS
            assert done.count(True) == 1
            states = Delivery.objects.filter(pk__in=[row.pk for row in rows]).values_list("state", flat=True)
            assert set(states) == {DeliveryState.QUEUED}
            assert Sender.objects.get().paused == Trouble.LOCKED
            Sender.objects.update(**pauses.RESUMED, next_send_at=None)
            paused += 1
    race.saw(failed=THREADS * ROUNDS, paused=paused)


def test_workers_that_look_at_once_keep_to_one_pace(race: Race) -> None:
    """Each has four lines of its own before it; what a twentieth of a second allows is two."""
    make_sender()
    ana = make_operator("ana", capacity=THREADS)
    talks = [make_held(ana, address=f"whatsapp:+551060000000{number}") for number in range(THREADS)]
    Delivery.objects.all().delete()
    for talk in talks:
        operator_says(talk, ana)
    now = clock.now() + timedelta(seconds=1)
    handler, most, granted = work.handlers["delivery"], 0, 0
    with together(THREADS, race) as at_once:
        for _round in range(ROUNDS):
            now += timedelta(seconds=1)
            Sender.objects.update(next_send_at=now - timedelta(milliseconds=1), per_second=20)
            read = [list(leases.due(handler.candidates(now), now)) for _worker in range(THREADS)]

            taken = at_once.run([partial(pacing.allowed, rows, now) for rows in read])

            count = sum(map(len, taken))
            most, granted = max(most, count), granted + count
            assert count == 2
    race.saw(asked=THREADS * len(talks) * ROUNDS, granted=granted, at_most=most)
