"""A line with choices needs a content at Twilio before it can go: the one of its shape, made when there is none."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from conversations import choices, leases, outcomes, settling, threads
from conversations.models import Delivery, DeliveryState, Template
from conversations.twilio import content


def needed(row: Delivery, now: datetime) -> bool:
    """Whether it waits for its content. What cannot be sent now needs none."""
    waits = row.state == DeliveryState.QUEUED and not row.content_sid and "choices" in row.message.extras
    return waits and not row.sender.demo and not row.sender.paused and row.conversation.window_open(now)


async def prepare(row: Delivery, now: datetime) -> None:
    """Give it its content and let it wait for its turn again. Nothing is sent here, so a failure is tried again."""
    shape = await threads.run(_shape, row)
    sid = await threads.run(_known, row, shape["friendly_name"])
    if sid is None:
        try:
            sid = await content.create(settling.account(row.sender), shape)
        except content.SyncFailed as failure:
            await threads.run(_failed, row, failure, now)
            return
        await threads.run(_remember, row, shape, sid, now)
    await threads.run(_ready, row, sid, now)


def _shape(row: Delivery) -> dict[str, Any]:
    offered = choices.read(row.message.extras["choices"])
    shape, _values = choices.content(offered, row.body, row.conversation.contact.language)
    return shape


def _known(row: Delivery, name: str) -> str | None:
    same = Template.objects.filter(account_sid=row.sender.account_sid, name=name, gone=False)
    return same.order_by("pk").values_list("content_sid", flat=True).first()


def _remember(row: Delivery, shape: dict[str, Any], sid: str, now: datetime) -> None:
    """As the sync will find it: unsubmitted, and so offered to nobody."""
    read = content.read({**shape, "sid": sid})
    Template.objects.get_or_create(
        account_sid=row.sender.account_sid,
        content_sid=sid,
        defaults={
            "organization_id": row.sender.organization_id,
            "name": read.name,
            "language": read.language,
            "kind": read.kind,
            "body": read.body,
            "variables": read.variables,
            "buttons": read.buttons,
            "synced_at": now,
        },
    )


def _ready(row: Delivery, sid: str, now: datetime) -> None:
    leases.reschedule(row, now, content_sid=sid, attempts=0)


def _failed(row: Delivery, failure: content.SyncFailed, now: datetime) -> None:
    if failure.cause == "refused":
        outcomes.fail(row, now, code=failure.code, cause="content_refused")
    else:
        leases.reschedule(row, now + leases.back_off(row.attempts), cause=failure.cause)
