"""What a Studio flow has said by itself: it stands in Twilio's list only, and the thread has to show it.

Our own lines stand there as well. They are told apart by what we know of them: their SID, or a report whose address
names one of ours; and nothing is taken into a thread while it is unknown what became of one of its lines. What Studio
said stands in its own order, and where it was heard: after what came in meanwhile.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from conversations import contacts, messages, statuses
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import (
    UNSETTLED,
    Author,
    ContactAddress,
    Conversation,
    Delivery,
    DeliveryState,
    Kind,
    Message,
    Sender,
    Status,
    StatusReport,
)
from conversations.twilio.reading import Received

AGE = timedelta(minutes=2)
"""Younger ones may be ours, taken by Twilio a moment ago. One that a report without an id of ours tells of is not."""
LATE = timedelta(seconds=30)
UNREAD = {"failed", "canceled"}
CAUSE = Cause(kind="bot", door="worker")
CHUNK = 100


Line = tuple[Received, bool]
"""What somebody else sent from our number, and whether a report says that it is none of ours."""


def foreign(sender: Sender, listed: list[Received]) -> list[Line]:
    """Those that are none of ours, as far as we know, and not in their thread yet."""
    return [
        line for start in range(0, len(listed), CHUNK) for line in _of(sender, listed[start : start + CHUNK])
    ]


def _of(sender: Sender, some: list[Received]) -> list[Line]:
    sids = [one.sid for one in some if one.status not in UNREAD]
    known = set(Message.objects.filter(provider_sid__in=sids).values_list("provider_sid", flat=True))
    reports = StatusReport.objects.filter(provider_sid__in=sids, account_sid=sender.account_sid)
    ours = set(reports.exclude(mid=None).values_list("provider_sid", flat=True))
    told = set(reports.filter(mid=None).values_list("provider_sid", flat=True)) - ours
    return [(one, one.sid in told) for one in some if one.sid in set(sids) - known - ours]


def take_in(sender: Sender, line: Line, *, now: datetime) -> bool:
    """Add it to its thread; False while it has to wait for a moment."""
    said, told = line
    return (told or said.at <= now - AGE) and _append(sender, said, now)


def _append(sender: Sender, line: Received, now: datetime) -> bool:
    """False while one of the thread's own lines could still prove to be this one."""
    address = ContactAddress.objects.filter(sender=sender, value=line.to)
    if not address.exists():
        return True  # somebody who never wrote to us
    try:
        return _appended(sender, line, now)
    except IntegrityError:
        return True  # another pass was faster


@atomically
def _appended(sender: Sender, line: Received, now: datetime) -> bool:
    conversation = contacts.reach(sender, line.to)
    held = Conversation.objects.all().take(conversation.pk, messages.NUMBERS)
    if held is None:
        return False
    if _unsettled(held):
        transaction.set_rollback(True)
        return False
    if _may_be_ours(held, line):
        transaction.set_rollback(True)
        return True
    rank, shown = statuses.LATTICE.get(line.status, (10, Status.SENT))
    messages.adopt(
        held,
        seq=held.seq - 1,
        cause=CAUSE,
        now=now,
        body=line.body,
        kind=Kind.TEXT if line.body or not line.files else Kind.UNSUPPORTED,
        provider_sid=line.sid,
        occurred_at=line.at,
        late=now - line.at > LATE,
        status=Status.SENT if shown == Status.SENDING else shown,
        rank=rank,
    )
    shown_last = messages.preview(body=line.body, author=Author.BOT, kind=Kind.TEXT, now=line.at)
    newest = Q(last_message_at=None) | Q(last_message_at__lte=line.at)
    Conversation.objects.filter(newest, pk=held.pk).update(**shown_last)
    return True


def _unsettled(held: Conversation) -> bool:
    """Held, so nothing is accepted meanwhile; what is settled by now has its SID, if it ever was at Twilio."""
    return Delivery.objects.filter(conversation=held, state__in=UNSETTLED).exists()


def _may_be_ours(held: Conversation, line: Received) -> bool:
    """A line of ours that was given up, or said by a person to have arrived, without anybody knowing its SID."""
    around = (line.at - AGE, line.at + AGE)
    lost = Delivery.objects.filter(
        conversation=held, message__provider_sid=None, started_at__range=around
    ).exclude(state=DeliveryState.QUEUED)
    return line.body.strip() in {body.strip() for body in lost.values_list("body", flat=True)}
