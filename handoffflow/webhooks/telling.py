"""Posting notices: at least once, and in each conversation of a subscription in order.

Only the oldest unsettled notice of a conversation is posted; one that is not taken comes again, further each time, and
is given up after a day. Other conversations go on meanwhile. A subscription of which nothing was taken for a day is
paused, and so is one that answers 410; what it was still to be told waits until somebody lets it go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from conversations import clock, failpoints, leases, outward, work
from conversations.atomically import atomically
from handoffflow.subscriptions import Notice, NoticeState, Pause, Subscription
from handoffflow.webhooks import keeping, payload

SECONDS = 10.0
LEASE = timedelta(seconds=30)
LOOK_EVERY = timedelta(milliseconds=250)
AT_ONCE = 24
EACH, EACH_FAILING = 8, 2
"""Posts under way to one subscription; fewer to one that fails, so that it keeps no places from the others."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
GIVE_UP = timedelta(hours=24)
LONGEST_ANSWER = 64 * 1024


def waiting(now: datetime) -> QuerySet[Notice]:
    """Of each conversation of a running subscription the oldest; none where enough is under way."""
    before = Notice.objects.waiting().filter(
        subscription=OuterRef("subscription"),
        conversation=OuterRef("conversation"),
        seq__lt=OuterRef("seq"),
    )
    under_way = _under_way(now).values("subscription").annotate(posts=Count("pk"))
    full = under_way.filter(
        Q(posts__gte=EACH) | Q(posts__gte=EACH_FAILING, subscription__failing_since__isnull=False)
    )
    rows = Notice.objects.waiting().filter(~Exists(before), subscription__paused="")
    return rows.exclude(subscription__in=full.values("subscription")).select_related(
        "subscription", "event__conversation"
    )


def claim(rows: list[Notice], lease: timedelta, now: datetime) -> list[Notice]:
    """Not more of one subscription than may be under way."""
    held = Counter(
        _under_way(now)
        .filter(subscription__in={row.subscription_id for row in rows})
        .values_list("subscription", flat=True)
    )
    chosen = []
    for row in rows:
        if held[row.subscription_id] < (EACH_FAILING if row.subscription.failing_since else EACH):
            held[row.subscription_id] += 1
            chosen.append(row)
    return leases.claim_some(chosen, lease, now)


def _under_way(now: datetime) -> QuerySet[Notice]:
    """By the index of what is due: what is settled, a week of it, is not looked at."""
    return Notice.objects.waiting().filter(due_at__lte=now, leased_until__gt=Now())


@work.handles(
    Notice,
    name="notice",
    candidates=waiting,
    at_once=AT_ONCE,
    lease=LEASE,
    look_every=LOOK_EVERY,
    claim=claim,
)
async def run(row: Notice, now: datetime) -> None:
    answer = await _post(await work.in_thread(payload.letter, row, now))
    failpoints.reached("notice.told")
    await work.in_thread(_settle, row, answer, clock.now())


async def _post(letter: payload.Letter | None) -> outward.Answer:
    if letter is None:
        return outward.Answer(trouble="secret: no key opens it")
    return await outward.post(letter.url, letter.body, letter.headers, seconds=SECONDS, most=LONGEST_ANSWER)


@atomically
def _settle(row: Notice, answer: outward.Answer, now: datetime) -> None:
    """What came of it. A row that was taken from us meanwhile is theirs to settle."""
    known = {"status": answer.status or None, "trouble": answer.trouble[:80], "tries": F("tries") + 1}
    if not answer.taken:
        _refused(row, answer, now, known)
    elif leases.finish(row, state=NoticeState.DELIVERED, settled_at=now, **known):
        Subscription.objects.filter(pk=row.subscription_id).exclude(failing_since=None).update(
            failing_since=None
        )


def _refused(row: Notice, answer: outward.Answer, now: datetime, known: Mapping[str, Any]) -> None:
    first = row.first_tried_at or now
    paused = _fails(row.subscription_id, answer, now)
    if now - first >= GIVE_UP and not paused:
        leases.finish(row, state=NoticeState.FAILED, settled_at=now, first_tried_at=first, **known)
        return
    pause = leases.back_off(
        row.tries + 1, retry_after=answer.retry_after, first=FIRST_PAUSE, longest=LONGEST_PAUSE
    )
    leases.reschedule(row, now + pause, first_tried_at=first, **known)


def _fails(subscription: int, answer: outward.Answer, now: datetime) -> bool:
    """Note that it does; whether it is paused because of that, or was already."""
    failing = Subscription.objects.filter(pk=subscription)
    failing.filter(failing_since=None).update(failing_since=now)
    if answer.status == HTTPStatus.GONE:
        keeping.pause(failing, Pause.GONE, now)
    else:
        keeping.pause(failing.filter(failing_since__lte=now - GIVE_UP), Pause.FAILING, now)
    return failing.exclude(paused="").exists()
