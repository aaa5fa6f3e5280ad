"""The trail of what has no conversation to tell it, and of who looked: written here only, and never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from conversations.contract import Cause
from conversations.models import AuditEntry


def note(
    action: str,
    *,
    cause: Cause,
    organization: int | None,
    now: datetime,
    subject: models.Model | None = None,
    **data: Any,
) -> AuditEntry:
    """Append one entry: a dotted past-tense ``action`` and the row it was about, by its public id where it has one.

    ``data`` holds names of fields, ids, enums and numbers, never a text that somebody wrote. Call it in the
    transaction of what it tells.
    """
    return AuditEntry.objects.create(
        organization_id=organization,
        at=now,
        actor_kind=cause.kind,
        actor_id=cause.id,
        action=action,
        subject_kind=subject._meta.model_name or "" if subject else "",
        subject_id=str(getattr(subject, "public_id", None) or subject.pk) if subject else "",
        data={"door": cause.door, **data},
    )
