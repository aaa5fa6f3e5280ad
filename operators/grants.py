"""What may be told to whom through a stream: kept in memory, and read again for all streams at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.contrib.sessions.models import Session

from conversations.models import Event
from operators.models import Operator


@dataclass(frozen=True, slots=True)
class Entry:
    """How somebody came in: with this session, under a password that was in force, in this language."""

    session_key: str
    operator_id: int
    fingerprint: str
    language: str


@dataclass(frozen=True, slots=True)
class Audience:
    """Whoever sees the same of a conversation: it is theirs or not, in one language, by one clock."""

    language: str
    zone: str
    mine: bool


@dataclass(frozen=True, slots=True)
class Grants:
    operator_id: int
    organization_id: int
    is_staff: bool
    queues: frozenset[int]
    language: str
    zone: str

    def audience(self, event: Event) -> Audience:
        return Audience(self.language, self.zone, event.conversation.operator_id == self.operator_id)

    def cover(self, event: Event) -> bool:
        """Whether the event's conversation is one of ``Conversation.objects.visible_to(operator)``."""
        conversation = event.conversation
        if event.organization_id != self.organization_id or conversation.merged_into_id is not None:
            return False
        mine = self.operator_id in (conversation.operator_id, conversation.offered_to_id)
        return self.is_staff or mine or conversation.queue_id is None or conversation.queue_id in self.queues


def enter(operator: Operator, session_key: str, language: str) -> tuple[Entry, Grants]:
    queues = frozenset(operator.queues.values_list("pk", flat=True))
    entry = Entry(session_key, operator.pk, operator.get_session_auth_hash(), language)
    return entry, _of(operator, queues, entry)


def still(entries: Collection[Entry], now: datetime) -> dict[Entry, Grants]:
    """The grants of those whose session, account and password are what they were: three queries for everybody."""
    sessions = set(
        Session.objects.filter(
            session_key__in=[entry.session_key for entry in entries], expire_date__gt=now
        ).values_list("session_key", flat=True)
    )
    people = {entry.operator_id for entry in entries}
    operators = Operator.objects.filter(is_active=True).in_bulk(people)
    queues: defaultdict[int, set[int]] = defaultdict(set)
    serving = Operator.queues.through._default_manager.filter(operator_id__in=people)
    for operator_id, queue_id in serving.values_list("operator_id", "queue_id"):
        queues[operator_id].add(queue_id)
    return {
        entry: _of(operator, frozenset(queues[operator.pk]), entry)
        for entry in entries
        if entry.session_key in sessions
        and (operator := operators.get(entry.operator_id))
        and operator.get_session_auth_hash() == entry.fingerprint
    }


def _of(operator: Operator, queues: frozenset[int], entry: Entry) -> Grants:
    return Grants(
        operator_id=operator.pk,
        organization_id=operator.organization_id,
        is_staff=operator.is_staff,
        queues=queues,
        language=operator.reads(entry.language),
        zone=operator.zone,
    )
