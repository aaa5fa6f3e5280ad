"""Gaps: messages that Twilio received for us and whose webhook never came. Twilio gives up after fifteen seconds.

The worker compares with Twilio's list when it begins and every few minutes after that. What is missing goes through
the door of the webhooks, at the time Twilio received it; the unique SID decides between the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from conversations import clock, flow_lines, intake, leases, settling, wakeup, work
from conversations.models import BotEngineName, InboundWebhook, Message, Reconciliation, Sender, WebhookSource
from conversations.twilio import reading
from conversations.twilio.client import Account
from conversations.twilio.payloads import Media
from conversations.twilio.reading import CannotRead, Received

EVERY = timedelta(minutes=5)
SOON = timedelta(seconds=45)
"""A message as young as this may still be on its way to us, with more in it than the list tells."""
OVERLAP = timedelta(minutes=15)
"""Clocks differ, and a list may show a message later than its own date."""
FIRST = timedelta(days=1)
GATHER = timedelta(seconds=3)
GATED_SOON = timedelta(seconds=10)
LOOK_EVERY = timedelta(seconds=1)
LEASE = timedelta(seconds=60)
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 600.0
CHUNK = 100
FILES_AT_ONCE = 8

Missing = list[tuple[Received, bool]]
"""Each with whether its customer has said more since."""


class LostLease(Exception):
    """Somebody else compares this sender by now."""


@work.begins
def begin(now: datetime) -> None:
    """Every sender is compared at once: whoever was away has missed what came meanwhile."""
    for sender in Sender.objects.filter(demo=False, reconciliation=None):
        Reconciliation.objects.get_or_create(sender=sender)
    _hasten(Reconciliation.objects.all(), now)


def soon(sender: Sender, *, now: datetime) -> None:
    """A new sender, or new credentials: compare at once."""
    if sender.demo:
        return
    Reconciliation.objects.get_or_create(sender=sender)
    _hasten(Reconciliation.objects.filter(sender=sender), now)
    transaction.on_commit(wakeup.ring)


def heard(account_sid: str, address: str, *, now: datetime) -> None:
    """A message of ours that somebody else sent was reported: compare in a moment, together with what follows it."""
    rows = Reconciliation.objects.filter(sender__account_sid=account_sid, sender__address=address)
    flowing = rows.filter(sender__bot_engine=BotEngineName.STUDIO, due_at__gt=now + GATHER)
    free = Q(leased_until=None) | Q(leased_until__lte=Now())
    flowing.filter(free).update(due_at=now + GATHER, leased_until=None, lease_number=F("lease_number") + 1)


def _hasten(rows: QuerySet[Reconciliation], now: datetime) -> None:
    free = Q(leased_until=None) | Q(leased_until__lte=Now())
    rows.filter(free).update(due_at=now, leased_until=None, lease_number=F("lease_number") + 1)


def with_sender(_now: datetime) -> QuerySet[Reconciliation]:
    return Reconciliation.objects.select_related("sender")


@work.handles(
    Reconciliation, name="reconcile", candidates=with_sender, at_once=2, lease=LEASE, look_every=LOOK_EVERY
)
async def run(row: Reconciliation, now: datetime) -> None:
    """One pass over one sender. What it brought in stays, even if it cannot come to its end."""
    account = settling.account(row.sender)
    try:
        missing = await work.in_thread(_missing, await _listed(account, row, now))
        settled = [one for one in missing if one[0].at <= now - _soon(row.sender)]
        spoken = await _spoken(account, row, now) if row.sender.flow else []
        young = {one.from_ for one, _overtaken in missing[len(settled) :]}
        waits = not await _take_in(account, row, settled, spoken, young, now)
    except CannotRead as problem:
        await work.in_thread(_failed, row, problem, now)
    except LostLease:
        return
    else:
        again = _soon(row.sender) if young or waits else EVERY
        await work.in_thread(_done, row, now, len(settled), again)


async def _listed(account: Account, row: Reconciliation, now: datetime) -> list[Received]:
    """What customers wrote since the last pass."""
    pages = reading.received(account, to=row.sender.address, since=_start(row, now))
    return await _oldest_first(pages, row)


async def _spoken(account: Account, row: Reconciliation, now: datetime) -> list[flow_lines.Line]:
    """What a flow has said since then."""
    pages = reading.sent(account, from_=row.sender.address, since=_start(row, now))
    return await work.in_thread(flow_lines.foreign, row.sender, await _oldest_first(pages, row))


async def _take_in(
    account: Account,
    row: Reconciliation,
    missing: Missing,
    spoken: list[flow_lines.Line],
    young: set[str],
    now: datetime,
) -> bool:
    """Both in the order of their times, so that an answer stands behind what it answers. False if some has to wait."""
    done, waiting = 0, set(young)
    for line in spoken:
        said = line[0]
        before = sum(one.at <= said.at for one, _overtaken in missing[done:])
        await _fill(account, row, missing[done : done + before])
        done += before
        if said.to in waiting or not await work.in_thread(flow_lines.take_in, row.sender, line, now=now):
            waiting.add(said.to)
    await _fill(account, row, missing[done:])
    return waiting == young


def _soon(sender: Sender) -> timedelta:
    """Of what a flow was told and we were not, no webhook is on its way."""
    return GATED_SOON if sender.gated else SOON


def _start(row: Reconciliation, now: datetime) -> datetime:
    return row.read_until - OVERLAP if row.read_until else max(now - FIRST, row.sender.created_at)


async def _oldest_first(listed: AsyncIterator[list[Received]], row: Reconciliation) -> list[Received]:
    """Turned round, a stable sort keeps the order within one second."""
    pages: list[Received] = []
    async for page in listed:
        pages.extend(page)
        await work.in_thread(_hold, row)
    # A message that came in between two pages can shift one onto the next.
    once = {one.sid: one for one in pages}
    oldest_first = list(once.values())[::-1]
    return sorted(oldest_first, key=lambda one: one.at)


async def _fill(account: Account, row: Reconciliation, missing: Missing) -> None:
    for start in range(0, len(missing), CHUNK):
        chunk = missing[start : start + CHUNK]
        files = await _files(account, [one for one, _overtaken in chunk if one.files])
        await work.in_thread(_bring_in, row, account, chunk, files)


async def _files(account: Account, messages: list[Received]) -> dict[str, list[Media]]:
    places = asyncio.Semaphore(FILES_AT_ONCE)

    async def of(message: Received) -> tuple[str, list[Media]]:
        async with places:
            return message.sid, await reading.media(account, message.sid)

    return dict(await asyncio.gather(*map(of, messages)))


def _missing(listed: list[Received]) -> Missing:
    """Those we know nothing of. The one place that decides what is not to come back: people and messages that were
    erased have to be left out here."""
    known: set[str] = set()
    sids = [one.sid for one in listed]
    for start in range(0, len(sids), CHUNK):
        some = sids[start : start + CHUNK]
        said = Message.objects.filter(provider_sid__in=some)
        known.update(str(sid) for sid in said.values_list("provider_sid", flat=True))
        # Ignored or still to be tried again: a raw row is enough.
        raw = InboundWebhook.objects.filter(provider_sid__in=some)
        known.update(raw.values_list("provider_sid", flat=True))
    newest = {one.from_: one.sid for one in listed}
    return [(one, newest[one.from_] != one.sid) for one in listed if one.sid not in known]


def _bring_in(row: Reconciliation, account: Account, chunk: Missing, files: dict[str, list[Media]]) -> None:
    _hold(row)
    for message, overtaken in chunk:
        intake.receive(
            reading.form(account, message, files.get(message.sid, [])),
            sender=row.sender,
            now=clock.now(),
            at=message.at,
            source=WebhookSource.LIST,
            overtaken=overtaken,
        )


def _hold(row: Reconciliation) -> None:
    if not leases.keep(row, leased_until=Now() + LEASE):
        raise LostLease


def _done(row: Reconciliation, now: datetime, found: int, again: timedelta) -> None:
    news = {"found": found, "found_at": now} if found else {}
    leases.finish(
        row,
        due_at=now + again,
        read_until=now,
        done_at=clock.now(),
        failing_since=None,
        cause="",
        **news,
    )


def _failed(row: Reconciliation, problem: CannotRead, now: datetime) -> None:
    pause = leases.back_off(
        row.attempts, retry_after=problem.retry_after, first=FIRST_PAUSE, longest=LONGEST_PAUSE
    )
    leases.reschedule(row, now + pause, cause=problem.cause, failing_since=row.failing_since or now)
