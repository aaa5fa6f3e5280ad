"""What Twilio keeps as templates, copied every now and then: their words, their gaps, and whether they may be sent.

One row per account is due when a worker starts, every fifteen minutes, and when somebody asks. A list that could
not be read changes nothing but what supervisors are told.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.db.models import F

from conversations import leases, wakeup, work
from conversations.atomically import atomically
from conversations.models import Organization, Sender, Template, TemplateSync
from conversations.twilio import client, content

logger = logging.getLogger(__name__)

EVERY = timedelta(minutes=15)
LEASE = timedelta(seconds=content.DEADLINE_SECONDS + 30)
LOOK_EVERY = timedelta(seconds=1)
FIRST_PAUSE, LONGEST_PAUSE = 30.0, EVERY.total_seconds()


@work.handles(TemplateSync, name="templates", at_once=2, lease=LEASE, look_every=LOOK_EVERY)
async def run(row: TemplateSync, now: datetime) -> None:
    account = await work.in_thread(_account, row)
    try:
        found = await content.templates(account)
    except content.SyncFailed as failure:
        logger.warning("templates of an account could not be read: %s", failure.cause)
        await work.in_thread(_failed, row, failure.cause, now)
        return
    await work.in_thread(store, row, found, now)


@work.begins
@atomically
def watch(now: datetime) -> None:
    """Read every account's list now, and from here on by the clock."""
    _know_accounts()
    _now(TemplateSync.objects.all(), now)


@atomically
def ask(organization: Organization, *, now: datetime) -> None:
    """Somebody wants the lists of their company's accounts read at once."""
    _know_accounts()
    _now(TemplateSync.objects.filter(organization=organization), now)


def _know_accounts() -> None:
    for sender in Sender.objects.filter(demo=False).order_by("-pk"):
        TemplateSync.objects.get_or_create(
            account_sid=sender.account_sid, defaults={"organization_id": sender.organization_id}
        )


def _now(rows: models.QuerySet[TemplateSync], now: datetime) -> None:
    # A new number: whoever reads an older list at this moment must not put this off by fifteen minutes.
    rows.update(due_at=now, leased_until=None, lease_number=F("lease_number") + 1, attempts=0)
    transaction.on_commit(wakeup.ring)


def _account(row: TemplateSync) -> client.Account:
    sender = Sender.objects.filter(account_sid=row.account_sid, demo=False).order_by("pk").first()
    return client.Account(row.account_sid, sender.auth_token if sender else "", settings.TWILIO_API_URL)


@atomically
def store(row: TemplateSync, found: list[content.Content], now: datetime) -> None:
    """The list as it is now; what it no longer holds is kept, and not offered."""
    known = {template.content_sid: template for template in _of(row)}
    for one in found:
        _store_one(row, known.get(one.sid), one, now)
    here = [one.sid for one in found]
    _of(row).exclude(content_sid__in=here).update(gone=True)
    leases.finish_or_undo(
        row, due_at=now + EVERY, synced_at=now, found=len(here), last_error="", last_error_at=None
    )


def _of(row: TemplateSync) -> models.QuerySet[Template]:
    return Template.objects.filter(account_sid=row.account_sid)


def _store_one(row: TemplateSync, known: Template | None, one: content.Content, now: datetime) -> None:
    template = known or Template(account_sid=row.account_sid, content_sid=one.sid)
    for name, value in asdict(one).items():
        if name != "sid":
            setattr(template, name, value)
    template.organization_id, template.synced_at, template.gone = row.organization_id, now, False
    template.save()


@atomically
def _failed(row: TemplateSync, cause: str, now: datetime) -> None:
    pause = leases.back_off(row.attempts, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
    leases.reschedule(row, now + pause, last_error=cause, last_error_at=now)
