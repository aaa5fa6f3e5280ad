"""A subscription whose receiver is a real server on this machine, and the worker's looks at it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from conversations import clock
from handoffflow.subscriptions import Notice, Subscription
from handoffflow.webhooks import keeping
from tests import builders
from tests.conversations.botserver import Bot

SECRET = "a secret of the receiver's own, long enough"


def subscribe(receiver: Bot, *kinds: str, **changes: Any) -> Subscription:
    made = keeping.make(
        builders.make_sender().organization,
        name="CRM",
        url=receiver.url,
        kinds=kinds,
        secret=SECRET,
        now=clock.now(),
    )
    Subscription.objects.filter(pk=made.pk).update(**changes)
    return Subscription.objects.get(pk=made.pk)


def look(after: float = 5) -> int:
    """The worker reads the events on, and posts what is due; how much it has posted."""
    now = clock.now() + timedelta(seconds=after)
    builders.time_passes("subscription", now)
    return post(now)


def post(now: datetime) -> int:
    posted = 0
    for _round in range(100):
        count = builders.time_passes("notice", now)
        posted += count
        if not count:
            return posted
    raise AssertionError("something is posted for ever")


def seqs(receiver: Bot) -> list[int]:
    return [one["event"]["seq"] for one in receiver.asked]


def states() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("state", flat=True))
