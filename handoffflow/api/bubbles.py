"""Messages as the wire shows them, a whole list with a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Exists, F, OuterRef, Prefetch, prefetch_related_objects
from django.utils import translation

from conversations import models
from conversations.models import Attachment, Author, Delivery, Message, Status
from conversations.twilio import errors
from handoffflow.api import choices, schemas

_OWNERS = {Author.CUSTOMER: "customer", Author.BOT: "bot", Author.OPERATOR: "agent", Author.SYSTEM: "system"}


def messages(ids: Sequence[int]) -> list[schemas.Message]:
    """In the order given."""
    found = by_id(ids)
    return [found[pk] for pk in ids]


def by_id(ids: Iterable[int]) -> dict[int, schemas.Message]:
    """Files and deliveries are asked for where there are some to show."""
    found: list[Any] = list(
        Message.objects.filter(pk__in=list(ids)).annotate(
            agent_id=F("operator__public_id"),
            answers=F("reply_to__public_id"),
            has_files=Exists(Attachment.objects.filter(message=OuterRef("pk"))),
        )
    )
    prefetch_related_objects([row for row in found if row.has_files], "attachments")
    deliveries = Prefetch("delivery", Delivery.objects.select_related("sender"))
    prefetch_related_objects([row for row in found if _troubled(row)], deliveries)
    return {row.pk: _message(row) for row in found}


def _message(row: Any) -> schemas.Message:
    return schemas.Message.model_construct(
        id=row.public_id,
        seq=row.seq,
        message_owner=_OWNERS[Author(row.author)],
        agent_id=row.agent_id,
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
        reply_to=row.answers,
        status="delivered" if row.status == Status.RECEIVED else row.status,
        error=_error(row),
        epoch=row.epoch,
        occurred_at=row.occurred_at,
        created_at=row.created_at,
    )


def _files(row: Any) -> list[Attachment]:
    return sorted(row.attachments.all(), key=lambda item: item.position) if row.has_files else []


def _template(kept: dict[str, Any] | None) -> choices.UsedTemplate | None:
    if kept is None:
        return None
    known = {name: kept.get(name, "") for name in ("content_sid", "name", "language")}
    return choices.UsedTemplate.model_construct(**known)


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
