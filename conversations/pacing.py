"""How fast a number sends, and one conversation. The database decides, so it holds for any number of workers.

A number has a moment before which nothing more goes out: a batch moves it on by as many intervals as it has messages,
in one conditional update, and whoever loses that update takes nothing. A conversation may have a burst; then WhatsApp
takes one message in six seconds. What is not allowed yet waits in line and fails nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, IntegerField, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce

from conversations import leases
from conversations.models import Delivery, DeliveryState, Sender

QUANTUM = timedelta(milliseconds=100)
"""So far ahead of its pace a number may be: what this much time allows goes out in one batch."""
SLACK = timedelta(milliseconds=250)
"""So far behind it, and still make up for it: a look comes that late."""

BURST, SPAN, PAIR_PAUSE = 20, timedelta(minutes=2), timedelta(seconds=6)
"""So many messages within this span go to one customer as fast as they are said, and then one at each pause. It never
comes to the 30 in 30 seconds at which Twilio cuts a conversation off (14107)."""


@dataclass(slots=True)
class Outlook:
    """What the last look of this process found: only a hint of when the next one is worth while."""

    at: datetime | None = None
    ready: bool = True
    """Whether any number may send now."""


@dataclass(frozen=True, slots=True)
class Ready:
    senders: list[int] = field(default_factory=list)
    trials: list[int] = field(default_factory=list)


outlook = Outlook()


def ready(now: datetime) -> Ready:
    """Whose lines may go out now, and the lines with which a paused number is tried."""
    found = Sender.objects.values_list("pk", "paused", "next_send_at", "trial_id")
    free = [(pk, at) for pk, paused, at, _trial in found if not paused]
    later = [at for _pk, at in free if at is not None and at > now]
    senders = [pk for pk, at in free if at is None or at <= now]
    outlook.at, outlook.ready = min(later, default=None), bool(senders)
    return Ready(senders, [trial for _pk, paused, _at, trial in found if paused and trial])


def recently(now: datetime) -> Coalesce:
    """How many messages the conversation of a delivery was sent within the span."""
    started = Delivery.objects.filter(conversation=OuterRef("conversation"), started_at__gt=now - SPAN)
    counted = started.order_by().values("conversation").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def allowed(rows: Sequence[Delivery], now: datetime) -> list[Delivery]:
    """Those that may be claimed now. The others stay in line."""
    paced = [row for row in rows if row.state == DeliveryState.QUEUED and not row.sender.demo]
    late = _put_off([row for row in paced if getattr(row, "recently", 0) >= BURST], now)
    left: set[int] = set()
    for sender in {row.sender_id: row.sender for row in paced}.values():
        mine = [row.pk for row in paced if row.sender_id == sender.pk and row.pk not in late]
        left.update(mine[_granted(sender, len(mine), now) :])
    return [row for row in rows if row.pk not in late and row.pk not in left]


def _put_off(rows: Sequence[Delivery], now: datetime) -> set[int]:
    """These have had their burst: each waits until its pause has passed."""
    if not rows:
        return set()
    since = Delivery.objects.filter(
        conversation__in=[row.conversation_id for row in rows], started_at__gt=now - PAIR_PAUSE
    )
    last = dict(since.order_by().values_list("conversation").annotate(last=Max("started_at")))
    late = [row for row in rows if row.conversation_id in last]
    for row in late:
        leases.postpone(row, last[row.conversation_id] + PAIR_PAUSE)
    return {row.pk for row in late}


def _granted(sender: Sender, wanted: int, now: datetime) -> int:
    """How many of the wanted messages this number may send now."""
    if not wanted or sender.paused:
        return wanted
    interval, before = sender.interval, sender.next_send_at
    if before is not None and before > now:
        return 0
    earliest = now - SLACK if interval < QUANTUM else now
    start = max(before or earliest, earliest)
    number = min(wanted, max(1, int((now + QUANTUM - start) / interval)))
    after = start + number * interval
    if not Sender.objects.filter(pk=sender.pk, next_send_at=before).update(next_send_at=after):
        outlook.at = now  # another process was faster: look again
        return 0
    if number < wanted or after > now:
        outlook.at = min(outlook.at or after, after)
    return number
