"""Several workers follow one subscription while customers write: each event is noted once, and told once, in order."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from conversations import clock, outward, work
from conversations.models import Event
from handoffflow.subscriptions import Notice, NoticeState, Subscription
from handoffflow.webhooks import following, keeping, payload, telling
from tests import builders
from tests.races.together import ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]
WORKERS, CUSTOMERS = 4, 2


def subscribe() -> Subscription:
    company = builders.make_sender().organization
    return keeping.make(company, name="CRM", url="https://crm.example.com/", kinds=[], now=clock.now())


def write(number: int, customer: int) -> None:
    builders.says(f"oi {number}", address=f"whatsapp:+55108000000{customer:02}")


def settle() -> None:
    """What is left of the holes in the ids is waited for; a second is as good as passed."""
    Subscription.objects.update(due_at=clock.now())
    builders.time_passes("subscription", clock.now())


def test_each_event_is_noted_once_by_several_workers(race: Race) -> None:
    subscribe()
    look = partial(builders.time_passes, "subscription")
    with together(WORKERS + CUSTOMERS, race) as at_once:
        for number in range(ROUNDS):
            Subscription.objects.update(due_at=clock.now())
            calls: list[Callable[[], Any]] = [
                partial(write, number, customer) for customer in range(CUSTOMERS)
            ]
            came = at_once.run(calls + [partial(look, clock.now()) for _worker in range(WORKERS)])
            assert [one for one in came if isinstance(one, Exception)] == []
        settle()

    noted = list(Notice.objects.values_list("event", flat=True))
    assert sorted(noted) == sorted(Event.objects.values_list("pk", flat=True))
    race.saw(events=len(noted), workers=WORKERS)


def test_of_those_who_read_the_same_one_notes_it(race: Race) -> None:
    """All have read the row as it was: whoever has lost it notes nothing and moves nothing."""
    subscribe()
    with together(WORKERS, race) as at_once:
        for number in range(ROUNDS):
            write(number, 0)
            Subscription.objects.update(due_at=clock.now(), leased_until=None)
            [row], _next = work.claim_due(work.handlers["subscription"], clock.now(), limit=1)
            rows = [row, *(Subscription.objects.get(pk=row.pk) for _other in range(WORKERS - 1))]

            at_once.run([partial(following.follow, one, clock.now()) for one in rows])

            assert Notice.objects.count() == Event.objects.count()
    race.saw(rounds=ROUNDS)


def test_each_notice_is_told_once_and_in_order(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    told: defaultdict[str, list[int]] = defaultdict(list)

    async def post(letter: payload.Letter | None) -> outward.Answer:
        assert letter is not None
        event = json.loads(letter.body)["event"]
        told[event["conversation_id"]].append(event["seq"])
        return outward.Answer(200)

    monkeypatch.setattr(telling, "_post", post)
    subscribe()
    for number in range(ROUNDS):
        for customer in range(CUSTOMERS):
            write(number, customer)
    builders.time_passes("subscription", clock.now())
    with together(WORKERS, race) as at_once:
        while Notice.objects.waiting().exists():
            came = at_once.run(
                [partial(builders.time_passes, "notice", clock.now()) for _worker in range(WORKERS)]
            )
            assert [one for one in came if isinstance(one, Exception)] == []

    assert set(Notice.objects.values_list("state", flat=True)) == {NoticeState.DELIVERED}
    assert len(told) == CUSTOMERS
    assert all(seqs == sorted(set(seqs)) for seqs in told.values())
    assert sum(map(len, told.values())) == Notice.objects.count()
    race.saw(notices=Notice.objects.count(), workers=WORKERS)
