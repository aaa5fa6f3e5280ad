"""Of whose events somebody is told: in one look, without asking the database for each of them.

Whoever stays connected is looked up again every few seconds (``still``): a key that was revoked ends its stream.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from conversations.models import Event
from handoffflow.api.auth import Caller, scopes_of
from handoffflow.api.errors import Refused
from handoffflow.models import ApiKey, Scope
from operators import grants
from operators.models import Operator


class Reach(Protocol):
    def cover(self, event: Event) -> bool: ...


@dataclass(frozen=True, slots=True)
class OfKey:
    """What a key may know of: a company, or one of its numbers."""

    organization_id: int
    sender_id: int | None

    def cover(self, event: Event) -> bool:
        mine = self.sender_id in (None, event.conversation.sender_id)
        return event.organization_id == self.organization_id and mine


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """How a key came in: by this row, which has to stay usable."""

    key_id: int


def of(caller: Caller) -> Reach:
    if caller.key is not None:
        return _of_key(caller.key)
    return grants.enter(_operator(caller), "", "")[1]


def enter(caller: Caller, session_key: str) -> tuple[Any, Reach]:
    """Whom to look up again, and what they reach now."""
    if caller.key is not None:
        return KeyEntry(caller.key.pk), _of_key(caller.key)
    return grants.enter(_operator(caller), session_key, "")


def still(entries: Collection[KeyEntry], now: datetime) -> dict[KeyEntry, OfKey]:
    """Of those keys that may still read, what they reach: one query for all of them."""
    keys = ApiKey.objects.select_related("created_by").in_bulk({entry.key_id for entry in entries})
    return {
        entry: _of_key(key)
        for entry in entries
        if (key := keys.get(entry.key_id)) and key.usable(now) and Scope.READ in scopes_of(key)
    }


def _of_key(key: ApiKey) -> OfKey:
    return OfKey(key.organization_id, key.sender_id)


def _operator(caller: Caller) -> Operator:
    if caller.operator is None:
        raise Refused("unauthenticated")
    return caller.operator
