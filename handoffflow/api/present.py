"""Rows as the wire shows them, a whole list with a fixed number of queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, Subquery, prefetch_related_objects
from django.utils import translation

from conversations import models
from conversations.models import Attachment, Author, Conversation, Event, Handoff, Message, Mode, Status
from conversations.twilio import errors
from handoffflow.api import choices, schemas

_OWNERS = {Author.CUSTOMER: "customer", Author.BOT: "bot", Author.OPERATOR: "agent", Author.SYSTEM: "system"}


def conversation(one: Conversation) -> schemas.Conversation:
    return conversations([one])[0]


def conversations(rows: Sequence[Conversation]) -> list[schemas.Conversation]:
    """Each row needs its parties selected (``parties``); everything else is fetched here for all of them."""
    ids = [row.pk for row in rows]
    handoffs = {item.conversation_id: item for item in _latest_handoffs(ids)}
    newest = {pk: (message_id, moved_at) for pk, message_id, moved_at in _newest(ids)}
    bubbles = _messages(Message.objects.filter(pk__in=[found for found, _at in newest.values() if found]))
    positions = _positions(rows)
    return [
        _conversation(
            row,
            handoff=handoffs.get(row.pk),
            position=positions.get(row.pk),
            last=bubbles.get(newest[row.pk][0]),
            moved_at=newest[row.pk][1],
        )
        for row in rows
    ]


def messages(rows: Iterable[Message]) -> list[schemas.Message]:
    """In the order given."""
    ids = [row.pk for row in rows]
    found = _messages(Message.objects.filter(pk__in=ids))
    return [_message(found[pk]) for pk in ids]


def _message(row: Message) -> schemas.Message:
    return schemas.Message.model_construct(
        id=row.public_id,
        seq=row.seq,
        message_owner=_OWNERS[Author(row.author)],
        agent_id=row.operator.public_id if row.operator else None,
        body=row.body,
        template=_template(row.extras.get("template")),
        media=[
            schemas.Media.model_construct(
                id=item.public_id,
                content_type=item.media_type or item.content_type,
                state=item.state,
                name=item.name,
                size=item.size,
            )
            for item in _files(row)
        ],
        reply_to=row.reply_to.public_id if row.reply_to else None,
        status="delivered" if row.status == Status.RECEIVED else row.status,
        error=_error(row),
        epoch=row.epoch,
        occurred_at=row.occurred_at,
        created_at=row.created_at,
    )


def _files(row: Message) -> list[Attachment]:
    if not getattr(row, "has_files", True):
        return []
    return sorted(row.attachments.all(), key=lambda item: item.position)


def _template(kept: dict[str, Any] | None) -> choices.UsedTemplate | None:
    if kept is None:
        return None
    known = {name: kept.get(name, "") for name in ("content_sid", "name", "language")}
    return choices.UsedTemplate.model_construct(**known)


def facts(extras: dict[str, Any]) -> dict[str, Any]:
    """What an engine's refusal may tell the caller, as JSON; whatever has no place on the wire stays inside."""
    told: dict[str, Any] = {}
    for name, value in extras.items():
        if name in _FACTS:
            told |= _FACTS[name](value)
    return told


def _holder(operator: Any) -> dict[str, Any]:
    return {"agent_id": str(operator.public_id), "name": operator.shown_name} if operator else {}


def _moment(value: Any) -> str | None:
    return value.isoformat().replace("+00:00", "Z") if value else None


_FACTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "operator": _holder,
    "handoff_at": lambda value: {"handoff_at": _moment(value)},
    "messages": lambda rows: {"messages": [item.model_dump(mode="json") for item in messages(rows)]},
    "reason": lambda value: {"reason": value},
    "limit": lambda value: {"limit": value},
    "epoch": lambda value: {"epoch": value},
    "into": lambda value: {"merged_into": str(value.public_id)},
    "suggestion_id": lambda value: {"suggestion_id": str(value)},
}


def parties(rows: models.conversation.ConversationQuerySet) -> models.conversation.ConversationQuerySet:
    return rows.with_parties().select_related(
        "sender", "sender__organization", "contact", "queue", "operator", "offered_to", "merged_into"
    )


def _conversation(
    row: Conversation, *, handoff: Handoff | None, position: int | None, last: Message | None, moved_at: Any
) -> schemas.Conversation:
    moments = [row.created_at, moved_at, last.created_at if last else None]
    return schemas.Conversation.model_construct(
        id=row.public_id,
        owner_id=row.sender.organization.public_id,
        status="PROGRESS" if row.mode == Mode.BOT else "HUMAN_HANDOFF",
        mode=row.mode,
        epoch=row.epoch,
        seq=row.seq,
        contact=schemas.Contact.model_construct(
            id=row.contact.public_id, name=row.contact.name, address=row.reply_address
        ),
        sender=row.sender.address,
        queue_id=row.queue.public_id if row.queue else None,
        priority=row.priority,
        agent_id=row.operator.public_id if row.operator else None,
        agent_name=row.operator.shown_name if row.operator else "",
        offered_to=row.offered_to.public_id if row.offered_to else None,
        handoff=_handoff(handoff, position) if handoff else None,
        handoff_at=handoff.handoff_at if handoff and row.mode == Mode.HUMAN else None,
        waiting_since=row.waiting_since,
        window_expires_at=row.window_expires_at,
        unread=row.unread,
        last_message=_message(last) if last else None,
        merged_into=row.merged_into.public_id if row.merged_into else None,
        updated_at=max(moment for moment in moments if moment),
    )


def _handoff(row: Handoff, position: int | None) -> schemas.Handoff:
    return schemas.Handoff.model_construct(
        id=row.public_id,
        number=row.number,
        reason=row.reason,
        summary=row.summary,
        intent=row.intent,
        slots=row.slots,
        confidence=row.confidence,
        suggested_reply=row.suggested_reply,
        requested_by=schemas.Actor.model_construct(kind=row.requested_by_kind, id=row.requested_by_id),
        requested_at=row.requested_at,
        handoff_at=row.handoff_at,
        first_reply_at=row.first_reply_at,
        released_at=row.released_at,
        outcome=row.outcome or None,
        position=position,
        estimate_s=None,
    )


def _troubled(row: Message) -> bool:
    """Whether its delivery may have something to tell: it waits, or it went wrong."""
    return row.status in {Status.QUEUED, Status.FAILED} or row.error_code is not None


def _error(row: Message) -> schemas.DeliveryError | None:
    if not _troubled(row):
        return None
    delivery = getattr(row, "delivery", None)
    if row.status == Status.QUEUED and delivery is not None and delivery.sender.paused:
        return _waits(delivery.sender)
    if row.status == Status.QUEUED and row.error_code is None:
        return None
    reaction = errors.reaction(row.error_code, delivery.cause if delivery else "")
    with translation.override("en"):
        return schemas.DeliveryError.model_construct(code=row.error_code, text=str(reaction.text))


def _waits(sender: models.Sender) -> schemas.DeliveryError:
    """Nothing has failed: its number is paused, and it goes out when that is over."""
    with translation.override("en"):
        why = str(errors.reaction(sender.paused_code).text) if sender.paused_code else ""
    text = f"{why} It waits: the sender is paused.".strip()
    return schemas.DeliveryError.model_construct(code=sender.paused_code, text=text)


def _latest_handoffs(ids: list[int]) -> Iterable[Handoff]:
    return Handoff.objects.filter(conversation__in=ids, number=F("conversation__handoff_count"))


def _newest(ids: list[int]) -> Iterable[tuple[int, int | None, Any]]:
    """Of each conversation: its newest bubble, and when the newest fact about it was written."""
    mine = Q(conversation=OuterRef("pk"))
    bubble = Message.objects.filter(mine).order_by("-seq").values("pk")[:1]
    fact = Event.objects.filter(mine).order_by("-seq").values("created_at")[:1]
    return (
        Conversation.objects.filter(pk__in=ids)
        .annotate(bubble=Subquery(bubble), moved_at=Subquery(fact))
        .values_list("pk", "bubble", "moved_at")
    )


def _messages(rows: models.message.MessageQuerySet) -> dict[int | None, Message]:
    """Files and deliveries are asked for where there are some to show."""
    files = Exists(Attachment.objects.filter(message=OuterRef("pk")))
    found = list(rows.select_related("operator", "reply_to").annotate(has_files=files))
    prefetch_related_objects([row for row in found if getattr(row, "has_files", False)], "attachments")
    prefetch_related_objects([row for row in found if _troubled(row)], "delivery__sender")
    return {row.pk: row for row in found}


def _positions(rows: Sequence[Conversation]) -> dict[int, int]:
    """Places in line of those that wait: priority first, then who has waited longest."""
    waiting = [row for row in rows if row.mode == Mode.QUEUED]
    if not waiting:
        return {}
    line = Conversation.objects.for_organization(waiting[0].sender.organization).queued()
    if len(waiting) == 1:
        return {waiting[0].pk: _ahead_of(waiting[0], line).count() + 1}
    counts: dict[int | None, int] = {}
    places = {}
    for pk, queue in line.in_turn().values_list("pk", "queue_id"):
        counts[queue] = counts.get(queue, 0) + 1
        places[pk] = counts[queue]
    return places


def _ahead_of(
    row: Conversation, line: models.conversation.ConversationQuerySet
) -> models.conversation.ConversationQuerySet:
    earlier = Q(waiting_since__lt=row.waiting_since) | Q(waiting_since=row.waiting_since, pk__lt=row.pk)
    return line.filter(Q(priority__gt=row.priority) | Q(priority=row.priority) & earlier, queue=row.queue)
