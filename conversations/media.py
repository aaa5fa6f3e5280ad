"""Fetching what customers send: the bubble stands at once, its file follows, and what goes wrong is said.

A file is written under the name its row has had from the beginning, and only then is the row marked: whoever dies in
between leaves what the next attempt replaces.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from os import SEEK_END
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from conversations import events, failpoints, leases, settling, sniffing, wakeup, work
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import Attachment, AttachmentState, Conversation
from conversations.twilio import downloads

CAUSE = Cause(kind="system", door="worker")
MOST_BYTES = 32 * 1024 * 1024
"""Twice what Twilio takes in the other direction."""
IN_MEMORY = 1024 * 1024
DEADLINE_SECONDS = 90.0
LEASE = timedelta(seconds=120)
AT_ONCE = 4
PAUSES = [timedelta(seconds=seconds) for seconds in (1, 3, 10, 60, 600)]
"""Twilio answers 404 for some seconds after the webhook; the rest is for longer troubles."""
NOT_KEPT = "not_kept"

REASONS = {
    "not_found": _("WhatsApp does not have this file (any more)."),
    "gone": _("WhatsApp has deleted this file."),
    "credentials": _("Twilio refuses our credentials for this file."),
    "refused": _("Twilio could not give us this file."),
    "timeout": _("The file did not come in time."),
    "broken": _("The connection broke while the file was coming."),
    "empty": _("The file came empty."),
    "too_big": _("The file is larger than this desk accepts."),
    "encoded": _("The file came in a form that we do not read."),
    "host": _("The file lies at an address that this desk does not call."),
    "redirects": _("The file's address leads in circles."),
    NOT_KEPT: _("The file came, but could not be stored here."),
}
"""Why there is no file, for people."""


class NotKept(Exception):
    """The storage would not take a file that had come."""


@dataclass(frozen=True, slots=True)
class _Found:
    media_type: str
    name: str
    size: int
    facts: dict[str, Any]


def pending(_now: datetime) -> QuerySet[Attachment]:
    return Attachment.objects.pending().select_related("message__conversation__sender")


@work.handles(Attachment, name="media", candidates=pending, at_once=AT_ONCE, lease=LEASE)
async def run(row: Attachment, now: datetime) -> None:
    failpoints.reached("media.leased")
    account = settling.account(row.message.conversation.sender)
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as into:
        try:
            head = await downloads.fetch(
                row.source_url, account, write=into.write, most=MOST_BYTES, deadline=DEADLINE_SECONDS
            )
            failpoints.reached("media.fetched")
            await work.in_thread(keep, row, into, now=now, head=head)
        except downloads.DownloadFailed as failed:
            await work.in_thread(_failed, row, failed.reason, final=failed.final, now=now)
        except NotKept:
            await work.in_thread(_failed, row, NOT_KEPT, final=False, now=now)


def keep(
    row: Attachment, into: IO[bytes], *, now: datetime, head: downloads.Head = downloads.NOTHING
) -> None:
    """Store the bytes of a pending row, say what they are, and tell the panels."""
    found = _look(row, head, into)
    name = _write(str(row.file), into)
    failpoints.reached("media.stored")
    _settle(
        row,
        now,
        state=AttachmentState.STORED,
        reason="",
        file=name,
        media_type=found.media_type,
        name=found.name,
        size=found.size,
        facts=found.facts,
    )


def _write(place: str, into: IO[bytes]) -> str:
    """Where it lies now. A folder and a bucket fail in ways of their own."""
    into.seek(0)
    try:
        default_storage.delete(place)
        return default_storage.save(place, File(into))
    except Exception as error:
        raise NotKept from error


def _look(row: Attachment, head: downloads.Head, into: IO[bytes]) -> _Found:
    size = into.seek(0, SEEK_END)
    into.seek(0)
    media_type = sniffing.media_type(into.read(sniffing.HEAD), row.content_type or head.content_type)
    into.seek(0)
    name = sniffing.file_name(head.disposition, row.message.body)
    return _Found(media_type, name, size, sniffing.facts(into, media_type))


def _failed(row: Attachment, reason: str, *, final: bool, now: datetime) -> None:
    """Come back a little later, until the pauses are used up; then people are told."""
    if final or row.attempts > len(PAUSES):
        _settle(row, now, state=AttachmentState.FAILED, reason=reason)
    else:
        leases.reschedule(row, now + PAUSES[row.attempts - 1], reason=reason)


@atomically
def _settle(row: Attachment, now: datetime, **changes: Any) -> None:
    _tell(row, CAUSE, now, state=changes["state"])
    failpoints.reached("media.settling")
    leases.finish_or_undo(row, **changes)


def _tell(row: Attachment, cause: Cause, now: datetime, *, state: str) -> None:
    """The fact in the conversation's story: every panel that shows the bubble draws it anew."""
    conversation = Conversation.objects.all().take(row.message.conversation_id, 1, merged=True)
    if conversation is None:
        raise Conversation.DoesNotExist
    events.record(
        conversation,
        "message.media",
        cause=cause,
        seq=conversation.seq,
        now=now,
        message=row.message_id,
        attachment=row.pk,
        state=str(state),
    )


@atomically
def retry(row: Attachment, *, cause: Cause, now: datetime) -> bool:
    """A person wants a file that could not be had to be fetched again, now. False if it had not failed (any more)."""
    _tell(row, cause, now, state=AttachmentState.PENDING)
    failed = Attachment.objects.filter(pk=row.pk, state=AttachmentState.FAILED)
    again = failed.update(
        state=AttachmentState.PENDING, due_at=now, attempts=0, lease_number=F("lease_number") + 1
    )
    if not again:
        transaction.set_rollback(True)
        return False
    transaction.on_commit(wakeup.ring)
    return True
