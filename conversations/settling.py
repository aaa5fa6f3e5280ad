"""Deliveries of which nobody knows whether Twilio took them: never sent again, but looked up in Twilio's list."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from conversations import failpoints, leases, statuses, threads
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import Delivery, DeliveryState, Message, Sender, Status, StatusReport
from conversations.twilio import client

CAUSE = Cause(kind="system", door="worker")

LOOK_AFTER = tuple(timedelta(seconds=seconds) for seconds in (15, 30, 60, 120, 300, 600, 905))
GIVE_UP_AFTER = timedelta(minutes=15)
LOOK_AGAIN = timedelta(seconds=61)
"""Two listings without the message prove something only if they are a minute apart."""
BEFORE, AFTER = timedelta(seconds=5), timedelta(seconds=120)
"""When Twilio may have created it, seen from the start of our call: clocks differ, and queues are slow."""


def account(sender: Sender) -> client.Account:
    token, _spare = sender.calling_tokens
    key = (sender.api_key_sid, sender.api_key_secret)
    return client.Account(sender.account_sid, token, settings.TWILIO_API_URL, *key)


def spare_account(sender: Sender) -> client.Account | None:
    """The other credentials, while a token is rotated: Twilio may have stopped taking the first ones."""
    _token, spare = sender.calling_tokens
    if not spare or sender.api_key_sid:
        return None
    return client.Account(sender.account_sid, spare, settings.TWILIO_API_URL)


async def settle(row: Delivery, now: datetime) -> None:
    """Look one unknown delivery up. The status callback usually gets there first."""
    since = (row.started_at or row.created_at) - BEFORE
    try:
        found = await client.listing(
            account(row.sender),
            to=row.recipient,
            from_=row.sender.address,
            since=since,
            messaging_service_sid=row.sender.messaging_service_sid,
        )
    except client.ListingFailed:
        await threads.run(_look_again, row, now, 0)
        return
    failpoints.reached("settling.listed")
    await threads.run(_decide, row, found, now)


@atomically
def _decide(row: Delivery, found: list[client.Listed], now: datetime) -> None:
    match = _match(row, found)
    if match is not None:
        statuses.learn(row, sid=match.sid, status=match.status, code=match.error_code, cause=CAUSE, now=now)
    elif row.listings_without and _age(row, now) > GIVE_UP_AFTER:
        statuses.change(
            row.message, Status.FAILED, when=Q(status=Status.UNKNOWN), cause=CAUSE, now=now, error_code=None
        )
        leases.finish_or_undo(row, state=DeliveryState.FAILED, cause="not_sent", unknown_since=None)
    else:
        _look_again(row, now, 1)
    failpoints.reached("settling.deciding")


def _match(row: Delivery, found: list[client.Listed]) -> client.Listed | None:
    """Ours among Twilio's messages. Of several with the same text the first unknown delivery takes the first."""
    latest = (row.started_at or row.created_at) + AFTER
    in_time = [one for one in found if one.created_at <= latest]
    alike = [one for one in in_time if one.body.strip() == row.body.strip()]
    if row.content_sid and not alike:
        # How Twilio words a filled-in content is its own affair: any that no other line of ours can be.
        said = set(_said_besides(row))
        alike = [one for one in in_time if one.body.strip() not in said]
    sids = [one.sid for one in alike]
    taken = set(Message.objects.filter(provider_sid__in=sids).values_list("provider_sid", flat=True))
    # A report with another id in its address tells of another delivery, or of an earlier attempt of this one.
    foreign = StatusReport.objects.filter(provider_sid__in=sids).exclude(mid=None).exclude(mid=row.public_id)
    taken.update(foreign.values_list("provider_sid", flat=True))
    free = [one for one in alike if one.sid not in taken]
    earlier = _twins_before(row)
    return free[earlier] if earlier < len(free) else None


def _said_besides(row: Delivery) -> list[str]:
    """What our other lines of about that time say."""
    around = (row.started_at or row.created_at) - AFTER
    others = Delivery.objects.filter(conversation=row.conversation_id, created_at__gt=around)
    return [body.strip() for body in others.exclude(pk=row.pk).values_list("body", flat=True)]


def _twins_before(row: Delivery) -> int:
    """Earlier ones with this text that have no SID: unknown, or said by a person to have arrived."""
    return Delivery.objects.filter(
        conversation=row.conversation_id,
        state__in=(DeliveryState.UNKNOWN, DeliveryState.ACCEPTED),
        message__provider_sid=None,
        recipient=row.recipient,
        body=row.body,
        seq__lt=row.seq,
        started_at__gt=(row.started_at or row.created_at) - AFTER,
    ).count()


def _look_again(row: Delivery, now: datetime, without: int) -> None:
    age = _age(row, now)
    next_look = next((after for after in LOOK_AFTER if after > age), age + LOOK_AGAIN)
    leases.reschedule(
        row,
        now + (next_look - age),
        state=DeliveryState.UNKNOWN,
        listings_without=row.listings_without + without,
    )


def first_look(now: datetime) -> datetime:
    return now + LOOK_AFTER[0]


def _age(row: Delivery, now: datetime) -> timedelta:
    return now - (row.unknown_since or row.created_at)
