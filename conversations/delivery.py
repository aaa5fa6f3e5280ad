"""Sending: one outbox row at a time per conversation, in order, and never twice.

The row is committed as ``sending`` before the call. What the call proves decides the rest; what proves nothing
becomes ``unknown`` and is settled by the status callback, by Twilio's list or by a person, not by sending again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from conversations import (
    clock,
    failpoints,
    leases,
    outcomes,
    pacing,
    preparing,
    settling,
    statuses,
    together,
    uploads,
    work,
)
from conversations.atomically import atomically
from conversations.models import (
    ContactAddress,
    Conversation,
    Delivery,
    DeliveryState,
    Message,
    Mode,
    Status,
)
from conversations.statuses import QUIET, apply_report
from conversations.twilio import client
from conversations.twilio import errors as codes
from conversations.verdicts import DOUBT, AlreadySettled, NotRetryable, arrived, discard, in_doubt, retry

__all__ = [
    "DOUBT",
    "AlreadySettled",
    "NotRetryable",
    "apply_report",
    "arrived",
    "discard",
    "in_doubt",
    "retry",
    "run",
    "waiting",
]

AT_ONCE = 100
"""Calls under way. Twilio answers 429 to more than an account may make, and those lines wait for a moment."""
LEASE = timedelta(seconds=30)
"""Longer than one call can take; then whoever held the row is dead, and what it did is unknown."""
HOLD = timedelta(seconds=20)
"""How long an unknown delivery keeps the next ones of its conversation waiting."""
CAUSE = settling.CAUSE

End = tuple[Delivery, client.Outcome, datetime]


def waiting(now: datetime) -> QuerySet[Delivery]:
    """The first unsettled delivery of each conversation, if its number may send now; those whose outcome has to be
    found out, and those to be sent once more."""
    ready = pacing.ready(now)
    # One under way holds those before it, too: a line that is sent again is older than what is being sent.
    under_way = Q(state=DeliveryState.SENDING) | Q(state=DeliveryState.UNKNOWN, unknown_since__gt=now - HOLD)
    before = Q(state=DeliveryState.QUEUED, seq__lt=OuterRef("seq"))
    holding = Delivery.objects.filter(under_way | before, conversation=OuterRef("conversation"))
    free = Q(sender__in=ready.senders) | Q(pk__in=ready.trials)
    first = Q(state=DeliveryState.QUEUED) & free & ~Exists(holding)
    begun = Q(state__in=(DeliveryState.SENDING, DeliveryState.UNKNOWN, DeliveryState.ACCEPTED))
    return (
        Delivery.objects.filter(first | begun)
        .select_related("message", "conversation", "sender")
        .annotate(recently=pacing.recently(now), stopped=_stopping())
    )


def _stopping() -> Subquery:
    """The code with which Twilio stopped what goes to the recipient."""
    stopped = ContactAddress.objects.filter(sender=OuterRef("sender"), value=OuterRef("recipient"))
    return Subquery(stopped.values("unreachable_code")[:1])


def claim(rows: list[Delivery], lease: timedelta, now: datetime) -> list[Delivery]:
    """Claim them. Those that nothing speaks against and no fence holds are begun in the same commit, and last: what
    was begun must come to its call, whatever happens to the others."""
    rows = pacing.allowed(rows, now)
    plain = [row for row in rows if _is_plain(row, now)]
    taken = leases.claim_some([row for row in rows if row not in plain], lease, now)
    if not plain:
        return taken
    if not _begin_all(plain, lease, now):
        return taken + leases.claim_some(plain, lease, now)
    for row in plain:
        row.message.status, row.state = Status.SENDING, DeliveryState.SENDING
        row.started_at, row.begun = now, True
    failpoints.reached("batch.sending")
    return plain + taken


@work.handles(
    Delivery,
    name="delivery",
    candidates=waiting,
    at_once=AT_ONCE,
    lease=LEASE,
    claim=claim,
    outlook=pacing.outlook,
)
async def run(row: Delivery, now: datetime) -> None:
    if row.begun:
        await _send(row, now)
    elif preparing.needed(row, now):
        await preparing.prepare(row, now)
    elif row.state == DeliveryState.UNKNOWN:
        await settling.settle(row, now)
    elif row.state == DeliveryState.SENDING:
        await work.in_thread(outcomes.unknown, row, now, "interrupted")
    elif row.state == DeliveryState.ACCEPTED:
        await work.in_thread(outcomes.send_again, row, now)
    elif await work.in_thread(_start, row, now):
        await _send(row, now)


async def _send(row: Delivery, now: datetime) -> None:
    if not leases.ours(row):
        # Stopped since the claim: whoever looked meanwhile took it for one whose outcome is unknown.
        await work.in_thread(outcomes.put_back, row, clock.now())
        return
    began = time.monotonic()
    outcome = await _call(row, settling.account(row.sender))
    spare = settling.spare_account(row.sender) if outcome.cause == "credentials" else None
    if spare and row.ours_until - time.monotonic() > client.DEADLINE_SECONDS:
        outcome = await _call(row, spare)
    await ending.do((row, outcome, now + timedelta(seconds=time.monotonic() - began)))


async def _call(row: Delivery, account: client.Account) -> client.Outcome:
    here = settings.APP_URL.rstrip("/")
    return await client.send(
        account,
        to=row.recipient,
        from_=row.sender.address,
        body=row.body,
        media_url=f"{here}/api/twilio/media/{uploads.token(row.media)}" if row.media else "",
        content_sid=row.content_sid,
        content_variables=row.content_variables,
        status_callback=f"{here}/api/twilio/status?mid={row.public_id}",
        messaging_service_sid=row.sender.messaging_service_sid,
        deadline=client.DEADLINE_SECONDS,
    )


# Before the call ----------------------------------------------------------------------------------


def _start(row: Delivery, now: datetime) -> bool:
    """Whether to make the call: the row is then committed as ``sending``."""
    failpoints.reached("delivery.leased")
    if _paused(row):
        leases.reschedule(row, now + outcomes.PAUSED, attempts=0)
        return False
    if stopped := _stopped(row):
        outcomes.fail(row, now, code=stopped, cause="stopped")
        return False
    if not _may_go(row, now):
        outcomes.fail(row, now, code=codes.WINDOW_CLOSED, cause="window_closed")
        return False
    if not _begin(row, now):
        return False
    if row.sender.demo:
        _deliver_here(row, now)
        return False
    failpoints.reached("delivery.sending")
    return True


def _is_plain(row: Delivery, now: datetime) -> bool:
    apart = row.fenced or row.sender.demo or _stopped(row) or _paused(row) or preparing.needed(row, now)
    return row.state == DeliveryState.QUEUED and not apart and _may_go(row, now)


def _may_go(row: Delivery, now: datetime) -> bool:
    """Free text only within the 24 hours; what WhatsApp has approved at any time."""
    return row.outside_window or row.conversation.window_open(now)


def _paused(row: Delivery) -> bool:
    return bool(row.sender.paused) and row.sender.trial_id != row.pk


def _stopped(row: Delivery) -> int | None:
    """As it was read: nothing goes to this recipient until they write."""
    return getattr(row, "stopped", None)


def _begin_all(rows: list[Delivery], lease: timedelta, now: datetime) -> bool:
    """All of them, or none: then each is claimed and begun by itself."""
    # Read, and not yet taken: between being leased and being begun there is nothing here.
    failpoints.reached("batch.leased")
    return _begin_in_one(rows, lease, now)


@atomically
def _begin_in_one(rows: list[Delivery], lease: timedelta, now: datetime) -> bool:
    messages = Message.objects.filter(pk__in=[row.message_id for row in rows], status=Status.QUEUED)
    if messages.update(status=Status.SENDING) == len(rows) and leases.claim_all(
        rows, lease, state=DeliveryState.SENDING, started_at=now
    ):
        failpoints.reached("batch.beginning")
        return True
    transaction.set_rollback(True)
    return False


@atomically
def _begin(row: Delivery, now: datetime) -> bool:
    if row.fenced and not _still_with_bot(row):
        _cancel(row, now)
        return False
    begun = Message.objects.filter(pk=row.message_id, status=Status.QUEUED).update(status=Status.SENDING)
    if begun and leases.keep(row, state=DeliveryState.SENDING, started_at=now):
        failpoints.reached("delivery.beginning")
        row.message.status, row.started_at = Status.SENDING, now
        return True
    transaction.set_rollback(True)
    return False


def _still_with_bot(row: Delivery) -> bool:
    """The fence: takes the conversation's row, so no handoff can happen between this look and our commit."""
    with_bot = Conversation.objects.filter(pk=row.conversation_id, mode=Mode.BOT, epoch=row.message.epoch)
    return with_bot.update(seq=F("seq")) == 1


def _cancel(row: Delivery, now: datetime) -> None:
    statuses.change(row.message, Status.CANCELLED, when=Q(status__in=QUIET), cause=CAUSE, now=now)
    leases.finish(row, state=DeliveryState.CANCELLED, cause="fenced")


@atomically
def _deliver_here(row: Delivery, now: datetime) -> None:
    """A demo customer has no phone: the message is delivered without leaving the process."""
    statuses.observe(row.message, status="delivered", code=None, cause=CAUSE, now=now)
    leases.finish(row, state=DeliveryState.ACCEPTED)


# After the call -----------------------------------------------------------------------------------


def _end_all(items: Sequence[End]) -> dict[int, None]:
    """Together go those that Twilio has taken with the same status, one that changes nothing on the screen."""
    usual = next((outcome.status for _row, outcome, _now in items if outcomes.is_plain(outcome)), "")
    plain = {number: item for number, item in enumerate(items) if outcomes.is_plain(item[1], usual)}
    failpoints.reached("batch.answered")
    rows, answers = [row for row, _, _ in plain.values()], [outcome for _, outcome, _ in plain.values()]
    now = max(now for _row, _outcome, now in items)
    if not plain or not outcomes.accept_all(rows, answers, now):
        return {}
    return dict.fromkeys(plain)


ending = together.Together(_end_all, lambda item: outcomes.settle(*item))
