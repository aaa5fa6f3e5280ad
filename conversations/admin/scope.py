"""Whose rows: every page of the admin asks here, and nowhere else."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from conversations import audit, clock
from conversations.contract import Cause
from conversations.models import Organization


def company(request: HttpRequest) -> int:
    return int(request.user.organization_id)  # type: ignore[union-attr]


def cause(request: HttpRequest) -> Cause:
    return Cause(kind="supervisor", door="admin", id=str(request.user.public_id))  # type: ignore[union-attr]


def note(request: HttpRequest, action: str, subject: Any, **data: Any) -> None:
    """What this supervisor did or looked at, for the audit trail."""
    audit.note(
        action,
        cause=cause(request),
        organization=company(request),
        subject=subject,
        now=clock.now(),
        **data,
    )


def within(queryset: Any, request: HttpRequest, path: str = "organization") -> Any:
    """The rows of these that belong to the company of whoever asks; ``path`` leads there from the model.

    Over another table as a subquery: joined, a database might begin with all rows of the company and sort them.
    """
    if queryset.model is Organization:
        return queryset.filter(pk=company(request))
    first, _dots, rest = path.partition("__")
    if not rest:
        return queryset.filter(**{path: company(request)})
    parents = queryset.model._meta.get_field(first).related_model._default_manager
    mine = parents.filter(**{"pk": OuterRef(f"{first}_id"), rest: company(request)})
    return queryset.filter(Exists(mine))


def names(public_ids: set[str]) -> dict[str, str]:
    """Who is meant by these ids of operators."""
    if not (wanted := {one for one in public_ids if _ID.fullmatch(one)}):
        return {}
    known: Any = get_user_model()._default_manager.filter(public_id__in=wanted)
    return {str(one.public_id): one.shown_name for one in known}


_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
