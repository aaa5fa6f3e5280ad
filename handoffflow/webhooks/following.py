"""Reading the events on for each subscription, and noting what it is to be told.

The notes and the new cursor are one commit, which holds only for whoever has the row: two workers note nothing twice,
and one that dies has noted nothing and moved nothing.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from conversations import events, failpoints, leases, wakeup, work
from conversations.atomically import atomically
from conversations.models import Event
from handoffflow.subscriptions import KEPT, Notice, Subscription

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(milliseconds=250)
ENOUGH = 1000
GAP = timedelta(seconds=1)
"""How often it looks for an event whose id was given out and which is not there yet."""


def behind(_now: datetime) -> QuerySet[Subscription]:
    running = Subscription.objects.running()
    found = [row.pk for row in running if not _has_enough(row) and events.behind(row.cursor)]
    return running.filter(pk__in=found)


def _has_enough(row: Subscription) -> bool:
    """While it fails the events wait in the feed, rather than as notices that are looked through again and again."""
    if row.failing_since is None:
        return False
    waiting = Notice.objects.waiting().filter(subscription=row, due_at__isnull=False)
    return waiting[:ENOUGH].count() >= ENOUGH


@work.handles(Subscription, name="subscription", candidates=behind, look_every=LOOK_EVERY)
def follow(row: Subscription, now: datetime) -> None:
    _read(row, now)


@atomically
def _read(row: Subscription, now: datetime) -> None:
    feed = events.since(row.cursor, organization=row.organization)
    _note(row, feed.events, now)
    failpoints.reached("subscription.noted")
    changes: dict[str, datetime] = {}
    if feed.expired:
        logger.warning("subscription %s missed events that are not kept any more", row.public_id)
        changes["lost_at"] = now
    again = now if feed.events or feed.more else now + GAP
    leases.finish_or_undo(row, cursor=feed.cursor, due_at=again, **changes)


def _note(row: Subscription, found: list[Event], now: datetime) -> None:
    wanted = [event for event in found if row.wants(event.kind)]
    if not wanted:
        return
    # An event may come twice.
    noted = Notice.objects.filter(subscription=row, event__in=wanted)
    known = set(noted.values_list("event_id", flat=True))
    Notice.objects.bulk_create(
        Notice(
            subscription=row,
            event=event,
            conversation_id=event.conversation_id,
            seq=event.seq,
            kind=event.kind,
            created_at=now,
            due_at=now,
        )
        for event in wanted
        if event.pk not in known
    )
    Notice.objects.filter(subscription=row, settled_at__lt=now - KEPT).delete()
    transaction.on_commit(wakeup.ring)
