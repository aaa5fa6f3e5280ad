"""Making, replacing and ending keys of the API, each with its line in the audit trail."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from conversations import audit
from conversations.contract import Cause
from conversations.models import Organization, Sender
from handoffflow.models import ApiKey
from operators.models import Operator

HOUR = timedelta(hours=1)
GRACE = timedelta(hours=24)
"""How long a key goes on after it was replaced, so that its bearer can be given the new one without a gap."""


class KeyEnded(ValueError):
    """It is revoked, expired or replaced already, or somebody is just doing that."""


@transaction.atomic
def issue(
    *,
    cause: Cause,
    now: datetime,
    organization: Organization,
    name: str,
    scopes: Iterable[str],
    sender: Sender | None = None,
    expires_at: datetime | None = None,
    created_by: Operator | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its token, which nobody can show a second time. ValueError for scopes that make no sense."""
    key, token = ApiKey.objects.issue(
        organization=organization,
        name=name,
        scopes=scopes,
        sender=sender,
        expires_at=expires_at,
        created_by=created_by,
    )
    _note("issued", key, cause, now, scopes=key.scopes)
    return key, token


@transaction.atomic
def revoke(key: ApiKey, *, cause: Cause, now: datetime) -> bool:
    """From the next request on it opens nothing. False if it was revoked before."""
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        return False
    _note("revoked", key, cause, now)
    return True


@transaction.atomic
def rotate(
    key: ApiKey,
    *,
    cause: Cause,
    now: datetime,
    grace: timedelta = GRACE,
    created_by: Operator | None = None,
) -> tuple[ApiKey, str]:
    """A new key that may what this one may, and lasts as long; this one ends after ``grace``. KeyEnded if it has."""
    if not key.usable(now):
        raise KeyEnded
    ends = min(now + grace, key.expires_at or now + grace)
    # Of two at the same moment the second finds another end than it has read.
    as_read = ApiKey.objects.filter(pk=key.pk, revoked_at=None, expires_at=key.expires_at)
    if not as_read.update(expires_at=ends):
        raise KeyEnded
    fresh, token = ApiKey.objects.issue(
        organization=key.organization,
        name=key.name,
        scopes=key.scopes,
        sender=key.sender,
        expires_at=now + (key.expires_at - key.created_at) if key.expires_at else None,
        created_by=created_by or key.created_by,
    )
    _note("rotated", key, cause, now, replaced_by=str(fresh.public_id), hours=round(grace / HOUR, 2))
    _note("issued", fresh, cause, now, scopes=fresh.scopes)
    return fresh, token


def _note(verb: str, key: ApiKey, cause: Cause, now: datetime, **data: Any) -> None:
    audit.note(f"apikey.{verb}", cause=cause, organization=key.organization_id, subject=key, now=now, **data)
