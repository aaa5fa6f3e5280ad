"""When a paused number may send again. Wrong credentials are tried by asking for the account, which costs nothing;
anything else by letting one line go: the one that has waited longest, and no other until it is known what became of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, QuerySet

from conversations import leases, pauses, settling, wakeup, work
from conversations.models import Delivery, DeliveryState, Sender, Status
from conversations.twilio import client
from conversations.twilio.errors import CREDENTIALS, Trouble

LOOK_EVERY = timedelta(seconds=1)
LOOK_AGAIN = timedelta(seconds=5)
SETTLED_AFTER = timedelta(minutes=1)
"""Taken, and no word of failure for so long: where no reports come, that has to be enough."""
ARRIVED = (Status.SENT, Status.DELIVERED, Status.READ)


def paused(_now: datetime) -> QuerySet[Sender]:
    return Sender.objects.exclude(paused="").select_related("trial__message")


@work.handles(Sender, name="sender", candidates=paused, look_every=LOOK_EVERY)
async def run(row: Sender, now: datetime) -> None:
    if row.paused == Trouble.CREDENTIALS:
        known = await client.answers(settling.account(row))
        await work.in_thread(_answered, row, now, known)
    else:
        await work.in_thread(_look, row, now)


def _answered(row: Sender, now: datetime, known: bool) -> None:
    if known:
        pauses.resume(row, cause=settling.CAUSE, now=now)
        return
    first = pauses.FIRST_LOOK[Trouble.CREDENTIALS].total_seconds()
    pause = leases.back_off(row.trials + 2, first=first, longest=pauses.LONGEST)
    leases.reschedule(row, now + pause, trials=F("trials") + 1, paused_code=CREDENTIALS)


def _look(row: Sender, now: datetime) -> None:
    trial = row.trial
    if trial is None:
        _begin(row, now)
    elif _proves(trial, now):
        pauses.resume(row, cause=settling.CAUSE, now=now)
    elif trial.message.status in (Status.FAILED, Status.CANCELLED):
        leases.reschedule(row, now, trial=None)  # for a reason of its own: another tells more
    else:
        leases.reschedule(row, now + LOOK_AGAIN)


def _proves(trial: Delivery, now: datetime) -> bool:
    if trial.message.status in ARRIVED:
        return True
    taken = trial.state == DeliveryState.ACCEPTED and trial.message.status == Status.SENDING
    return taken and trial.started_at is not None and trial.started_at < now - SETTLED_AFTER


def _begin(row: Sender, now: datetime) -> None:
    """Where nothing waits, whatever is said next is the trial."""
    waiting = Delivery.objects.filter(sender=row, state=DeliveryState.QUEUED)
    oldest = waiting.order_by("due_at", "pk").first()
    trial = oldest and waiting.filter(conversation=oldest.conversation_id).order_by("seq").first()
    if trial is None:
        leases.reschedule(row, now + LOOK_AGAIN)
    elif leases.reschedule(row, now + LOOK_AGAIN, trial=trial):
        leases.postpone(trial, now)
        wakeup.ring()
