"""Making a subscription, stopping it, letting it go on, and telling something again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet

from conversations import audit, events, wakeup
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import Organization
from handoffflow.subscriptions import (
    TEST,
    Notice,
    NoticeState,
    Pause,
    Subscription,
    SubscriptionQuerySet,
    new_secret,
)

logger = logging.getLogger(__name__)

MOST = 50
"""Subscriptions of one company."""
WORKER = Cause(kind="system", door="worker")


class TooMany(Exception):
    pass


def make(
    organization: Organization, *, name: str, url: str, kinds: Sequence[str], now: datetime, secret: str = ""
) -> Subscription:
    """A subscription that is told of what happens from now on."""
    if Subscription.objects.for_organization(organization).count() >= MOST:
        raise TooMany
    made = Subscription(organization=organization, name=name, url=url, kinds=list(kinds))
    begin(made, now)
    made.secret = secret or new_secret()
    made.save(force_insert=True)
    return made


def begin(subscription: Subscription, now: datetime) -> None:
    """Nothing that has happened is news to it."""
    subscription.cursor = events.since(None, organization=subscription.organization).cursor
    subscription.due_at = now


@atomically
def pause(rows: SubscriptionQuerySet, why: Pause, now: datetime, cause: Cause = WORKER) -> int:
    """Stop those of them that run, and say so where it is read."""
    count = 0
    for row in rows.running():
        if Subscription.objects.running().filter(pk=row.pk).update(paused=why, paused_at=now):
            count += 1
            _tell(row, "subscription.paused", cause, now, why=why.value)
            if why != Pause.BY_HAND:
                logger.warning("webhook %s is paused: %s", row.public_id, why.value)
    return count


@atomically
def resume(row: Subscription, now: datetime, cause: Cause) -> bool:
    """It reads on where it was, and what it was still to be told is due at once. False if it was running."""
    paused = Subscription.objects.filter(pk=row.pk).exclude(paused="")
    again = {"leased_until": None, "attempts": 0, "lease_number": F("lease_number") + 1, "due_at": now}
    if not paused.update(paused="", paused_at=None, failing_since=None, **again):
        return False
    Notice.objects.waiting().filter(subscription=row).update(tries=0, first_tried_at=None, **again)
    _tell(row, "subscription.resumed", cause, now)
    transaction.on_commit(wakeup.ring)
    return True


def replay(row: Notice, now: datetime) -> bool:
    """Tell it once more, under its own id, whatever came of it. False if it is on its way anyhow."""
    return bool(_again(Notice.objects.filter(pk=row.pk), now))


def replay_failed(subscription: Subscription, now: datetime) -> int:
    """Tell everything that was given up; how much that is."""
    return _again(Notice.objects.filter(subscription=subscription, state=NoticeState.FAILED), now)


def try_out(subscription: Subscription, now: datetime) -> Notice:
    """Post something that tells of nothing, so that somebody can see it arrive."""
    made = Notice.objects.create(subscription=subscription, kind=TEST, created_at=now, due_at=now)
    transaction.on_commit(wakeup.ring)
    return made


def _again(rows: QuerySet[Notice], now: datetime) -> int:
    count = rows.filter(~Q(state=NoticeState.WAITING)).update(
        state=NoticeState.WAITING,
        tries=0,
        first_tried_at=None,
        settled_at=None,
        attempts=0,
        leased_until=None,
        lease_number=F("lease_number") + 1,
        due_at=now,
    )
    transaction.on_commit(wakeup.ring)
    return count


def _tell(row: Subscription, action: str, cause: Cause, now: datetime, **data: str) -> None:
    audit.note(action, cause=cause, organization=row.organization_id, subject=row, now=now, **data)
