"""Giving up what was uploaded and never sent."""

from __future__ import annotations

from datetime import datetime

from django.core.files.storage import default_storage

from conversations import work
from conversations.models import UnsentFile


@work.handles(UnsentFile, name="unsent")
def remove(row: UnsentFile, _now: datetime) -> None:
    """First the file, then its row: whoever dies in between is followed by an attempt that finds less to do.

    No message can take it any more: this row was claimed, and what is sent is a row that nobody has claimed.
    """
    default_storage.delete(str(row.file))
    UnsentFile.objects.filter(pk=row.pk, lease_number=row.lease_number).delete()
