"""Conversations as the wire shows them, a whole list with a fixed number of queries.

Columns, not rows with their relations: a queue of fifty would be four hundred model instances otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import F, FilteredRelation, OuterRef, Q, QuerySet, Subquery

from conversations import models
from conversations.compiled import Compiled
from conversations.models import Conversation, Event, Message, Mode
from handoffflow.api import bubbles, schemas
from operators.models import Operator

_ITSELF = (
    *("pk", "public_id", "mode", "epoch", "seq", "priority", "waiting_since", "window_expires_at", "unread"),
    *("created_at", "reply_address", "operator_id", "offered_to_id", "queue_id", "bubble", "moved_at"),
)
_AROUND = (
    *("sender__address", "sender__organization_id", "sender__organization__public_id"),
    *("contact__public_id", "contact__name", "queue__public_id", "merged_into__public_id"),
)
_EPISODE = (
    *("public_id", "number", "reason", "summary", "intent", "slots", "confidence", "suggested_reply"),
    *("requested_by_kind", "requested_by_id", "requested_at", "handoff_at", "first_reply_at", "released_at"),
    "outcome",
)


def conversation(pk: int) -> schemas.Conversation:
    return conversations([pk])[0]


def conversations(ids: Sequence[int]) -> list[schemas.Conversation]:
    """In the order given, as they are now."""
    rows = {row.pk: row for row in _rows(ids)}
    newest = bubbles.by_id(row.bubble for row in rows.values() if row.bubble)
    people = _people(rows.values())
    places = _places(rows.values())
    return [
        _conversation(rows[pk], people, place=places.get(pk), last=newest.get(rows[pk].bubble)) for pk in ids
    ]


@Compiled
def _rows(ids: Sequence[int]) -> QuerySet[Conversation, Any]:
    """With the latest episode of each, its newest bubble, and when the newest fact about it was written."""
    mine = Q(conversation=OuterRef("pk"))
    latest = Q(handoffs__number=F("handoff_count"))
    return (
        Conversation.objects.filter(pk__in=ids)
        .annotate(
            bubble=Subquery(Message.objects.filter(mine).order_by("-seq").values("pk")[:1]),
            moved_at=Subquery(Event.objects.filter(mine).order_by("-seq").values("created_at")[:1]),
            episode=FilteredRelation("handoffs", condition=latest),
        )
        .values_list(*_ITSELF, *_AROUND, *(f"episode__{name}" for name in _EPISODE), named=True)
    )


def _people(rows: Iterable[Any]) -> dict[int | None, Operator]:
    ids = {pk for row in rows for pk in (row.operator_id, row.offered_to_id) if pk}
    return {**Operator.objects.in_bulk(ids)} if ids else {}


def _conversation(
    row: Any, people: dict[int | None, Operator], *, place: int | None, last: schemas.Message | None
) -> schemas.Conversation:
    agent, offered_to = people.get(row.operator_id), people.get(row.offered_to_id)
    moments = [row.created_at, row.moved_at, last.created_at if last else None]
    return schemas.Conversation.of(
        id=row.public_id,
        owner_id=row.sender__organization__public_id,
        status="PROGRESS" if row.mode == Mode.BOT else "HUMAN_HANDOFF",
        mode=row.mode,
        epoch=row.epoch,
        seq=row.seq,
        contact=schemas.Contact.of(
            id=row.contact__public_id, name=row.contact__name, address=row.reply_address
        ),
        sender=row.sender__address,
        queue_id=row.queue__public_id,
        priority=row.priority,
        agent_id=agent.public_id if agent else None,
        agent_name=agent.shown_name if agent else "",
        offered_to=offered_to.public_id if offered_to else None,
        handoff=_handoff(row, place) if row.episode__public_id else None,
        handoff_at=row.episode__handoff_at if row.mode == Mode.HUMAN else None,
        waiting_since=row.waiting_since,
        window_expires_at=row.window_expires_at,
        unread=row.unread,
        last_message=last,
        merged_into=row.merged_into__public_id,
        updated_at=max(moment for moment in moments if moment),
    )


def _handoff(row: Any, place: int | None) -> schemas.Handoff:
    return schemas.Handoff.of(
        id=row.episode__public_id,
        number=row.episode__number,
        reason=row.episode__reason,
        summary=row.episode__summary,
        intent=row.episode__intent,
        slots=row.episode__slots,
        confidence=row.episode__confidence,
        suggested_reply=row.episode__suggested_reply,
        requested_by=schemas.Actor.of(kind=row.episode__requested_by_kind, id=row.episode__requested_by_id),
        requested_at=row.episode__requested_at,
        handoff_at=row.episode__handoff_at,
        first_reply_at=row.episode__first_reply_at,
        released_at=row.episode__released_at,
        outcome=row.episode__outcome or None,
        position=place,
        estimate_s=None,
    )


def _places(rows: Iterable[Any]) -> dict[int, int]:
    """In line, of those that wait: priority first, then who has waited longest."""
    waiting = [row for row in rows if row.mode == Mode.QUEUED]
    if not waiting:
        return {}
    organization = waiting[0].sender__organization_id
    if len(waiting) == 1:
        return {waiting[0].pk: _ahead_of(waiting[0], _line(organization)).count() + 1}
    counts: dict[int | None, int] = {}
    places = {}
    for pk, queue in _in_turn(organization):
        counts[queue] = counts.get(queue, 0) + 1
        places[pk] = counts[queue]
    return places


def _line(organization: int) -> models.conversation.ConversationQuerySet:
    return Conversation.objects.queued().filter(sender__organization=organization, merged_into=None)


@Compiled
def _in_turn(organization: int) -> QuerySet[Conversation, Any]:
    return _line(organization).in_turn().values_list("pk", "queue_id")


def _ahead_of(
    row: Any, line: models.conversation.ConversationQuerySet
) -> models.conversation.ConversationQuerySet:
    earlier = Q(waiting_since__lt=row.waiting_since) | Q(waiting_since=row.waiting_since, pk__lt=row.pk)
    return line.filter(Q(priority__gt=row.priority) | Q(priority=row.priority) & earlier, queue=row.queue_id)
