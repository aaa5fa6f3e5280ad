"""What waits for a supervisor's decision: messages that were not sent or may not have been, and broken webhooks.

Nothing here is what somebody wrote: who it is about, why, and for how long is enough to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import delivery
from conversations.models import (
    Author,
    Conversation,
    Delivery,
    DeliveryState,
    InboundWebhook,
    Message,
    Organization,
    Status,
)
from conversations.twilio import client
from operators.views import failures, wording
from operators.views.work import moments, tiles
from operators.views.work.moments import Moment

LISTED = 20
FAILED_FOR = timedelta(hours=24)
"""Older failures stay in their threads: by then the window has closed, and no attempt can change anything."""
BUSY = {"OperationalError", "InterfaceError", "DeadlockDetected", "SerializationFailure"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A message. ``attempt`` says which attempt of it is shown: a decision is about that one only."""

    id: str
    attempt: str
    conversation: str
    name: str
    unconfirmed: bool
    retryable: bool
    text: str
    code: int | None
    step: str
    link: str
    by: str
    time: Moment
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    id: str
    name: str
    conversation: str
    text: str
    reason: str
    received: str
    attempts: int
    next: Moment | None
    sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """The first of them, and how many there are: unconfirmed ones hold the line, so they come first."""

    sends: list[Job]
    sends_count: int
    webhooks: list[Webhook]
    webhooks_count: int

    @property
    def sends_shown(self) -> str:
        return tiles.shown(self.sends_count)

    @property
    def webhooks_shown(self) -> str:
        return tiles.shown(self.webhooks_count)

    @property
    def more_sends(self) -> bool:
        return self.sends_count > len(self.sends)

    @property
    def more_webhooks(self) -> bool:
        return self.webhooks_count > len(self.webhooks)


def jobs(organization: Organization, senders: Sequence[int], now: datetime, webhooks_count: int) -> Jobs:
    doubtful, broken = in_doubt(senders, now), failed(senders, now)
    sends = [_job(message, now) for message in _with_all(doubtful.order_by("delivery__unknown_since"))]
    sends += [_job(message, now) for message in _with_all(broken.order_by("-failed_at"))]
    full = len(sends) > LISTED
    return Jobs(
        sends=sends[:LISTED],
        sends_count=_count(doubtful) + _count(broken) if full else len(sends),
        webhooks=_webhooks(organization, now) if webhooks_count else [],
        webhooks_count=webhooks_count,
    )


def in_doubt(senders: Sequence[int], now: datetime) -> QuerySet[Message]:
    """Those whose outcome nobody could find out for so long that a person should look."""
    unknown = Message.objects.filter(
        delivery__due_at__gte=tiles.EVER,
        delivery__state=DeliveryState.UNKNOWN,
        delivery__unknown_since__lt=now - delivery.DOUBT,
        status=Status.UNKNOWN,
    )
    return tiles.among(unknown, "delivery__sender_id", senders)


def failed(senders: Sequence[int], now: datetime) -> QuerySet[Message]:
    """Without those that are sent once more by themselves."""
    recent = Message.objects.filter(
        failed_at__gt=now - FAILED_FOR, status=Status.FAILED, delivery__due_at=None
    )
    return tiles.among(recent, "delivery__sender_id", senders)


def _count(messages: QuerySet[Message]) -> int:
    return messages[: tiles.MOST + 1].count()


def _with_all(messages: QuerySet[Message]) -> QuerySet[Message]:
    behind = Delivery.objects.filter(
        conversation=OuterRef("conversation"), state=DeliveryState.QUEUED, seq__gt=OuterRef("seq")
    )
    counted = behind.order_by().values("conversation").annotate(count=Count("pk")).values("count")
    parties = messages.select_related("delivery", "operator", "conversation__contact")
    return parties.annotate(behind=Subquery(counted))[: LISTED + 1]


def _job(message: Any, now: datetime) -> Job:
    failure = failures.of(message, now) or failures.Failure("", None, retryable=False)
    row: Delivery = message.delivery
    since = row.unknown_since if failure.unconfirmed else message.failed_at
    return Job(
        id=str(message.public_id),
        attempt=str(row.public_id),
        conversation=str(message.conversation.public_id),
        name=wording.contact_name(message.conversation),
        unconfirmed=failure.unconfirmed,
        retryable=failure.retryable and _may_be_sent(message.conversation, now),
        text=_in_time(row) if failure.unconfirmed else failure.text,
        code=failure.code,
        step=failure.step,
        link=failure.link,
        by=_by(message),
        time=moments.ago(since or message.occurred_at, now),
        behind=message.behind or 0,
    )


def _in_time(row: Delivery) -> str:
    if row.cause != "timeout":
        return _("Twilio did not confirm it. The message may have arrived: check before repeating.")
    said = _("Twilio did not answer within %(n)s s. The message may have arrived: check before repeating.")
    return said % {"n": int(client.DEADLINE_SECONDS)}


def _may_be_sent(conversation: Conversation, now: datetime) -> bool:
    return conversation.window_open(now) and not conversation.contact.opted_out_at


def _by(message: Message) -> str:
    if message.author == Author.BOT:
        return _("Text by the bot")
    if message.author == Author.OPERATOR and message.operator:
        return _("Text by %(name)s") % {"name": wording.first_name(message.operator.shown_name)}
    return _("Automatic notice")


def _webhooks(organization: Organization, now: datetime) -> list[Webhook]:
    # The next in turn, by the index that finds them; among these the oldest first.
    rows = sorted(tiles.failed_webhooks(organization).order_by("due_at")[:LISTED], key=_received)
    threads = _threads(organization, rows)
    return [_webhook(row, threads.get((row.sender_id, _from(row)), ""), now) for row in rows]


def _webhook(row: InboundWebhook, conversation: str, now: datetime) -> Webhook:
    return Webhook(
        id=str(row.public_id),
        name=str(row.params.get("ProfileName") or "") or wording.address(_from(row)),
        conversation=conversation,
        text=_broken(row.reason),
        reason=row.reason,
        received=timezone.localtime(row.received_at).strftime("%H:%M:%S"),
        attempts=row.attempts + 1,
        next=moments.until(row.due_at, now) if row.due_at and row.due_at > now else None,
        sid=f"{row.provider_sid[:2]}…{row.provider_sid[-4:]}" if row.provider_sid else "",
    )


def _broken(reason: str) -> str:
    if reason in BUSY:
        return _("The database was busy. It usually goes in at the next attempt.")
    return _("Kept whole, but it did not get into the chat: the product could not apply it.")


def _received(row: InboundWebhook) -> datetime:
    return row.received_at


def _from(row: InboundWebhook) -> str:
    return str(row.params.get("From") or "")


def _threads(organization: Organization, rows: Sequence[InboundWebhook]) -> dict[tuple[int | None, str], str]:
    """The conversations in which these would stand, where there is one already."""
    found = Conversation.objects.for_organization(organization).filter(
        contact__addresses__sender__in={row.sender_id for row in rows},
        contact__addresses__value__in={_from(row) for row in rows},
    )
    known = found.values_list("sender", "contact__addresses__value", "public_id")
    return {(sender, address): str(public_id) for sender, address, public_id in known[: LISTED * 10]}
