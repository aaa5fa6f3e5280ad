"""Messages as the wire shows them, a whole list with a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import translation

from conversations.compiled import Compiled
from conversations.models import Attachment, Author, Message, Status
from conversations.twilio import errors
from handoffflow.api import choices, schemas

_ITSELF = (
    *("pk", "public_id", "seq", "author", "body", "extras", "status", "error_code", "epoch"),
    *("occurred_at", "created_at"),
)
_AROUND = (
    *("operator__public_id", "reply_to__public_id", "delivery__cause"),
    *("delivery__sender__paused", "delivery__sender__paused_code"),
)
_OWNERS = {Author.CUSTOMER: "customer", Author.BOT: "bot", Author.OPERATOR: "agent", Author.SYSTEM: "system"}


def messages(ids: Sequence[int]) -> list[schemas.Message]:
    """In the order given."""
    found = by_id(ids)
    return [found[pk] for pk in ids]


def by_id(ids: Iterable[int]) -> dict[int, schemas.Message]:
    """By their columns; files are asked for where there are some to show."""
    found = _rows(list(ids))
    files = _files([row.pk for row in found if row.has_files])
    return {row.pk: _message(row, files[row.pk]) for row in found}


@Compiled
def _rows(ids: Sequence[int]) -> QuerySet[Message, Any]:
    return (
        Message.objects.filter(pk__in=ids)
        .annotate(has_files=Exists(Attachment.objects.filter(message=OuterRef("pk"))))
        .values_list(*_ITSELF, *_AROUND, "has_files", named=True)
    )


def _files(ids: list[int]) -> dict[int, list[schemas.Media]]:
    shown: dict[int, list[schemas.Media]] = defaultdict(list)
    for item in Attachment.objects.filter(message__in=ids).order_by("position") if ids else ():
        shown[item.message_id].append(
            schemas.Media.of(
                id=item.public_id,
                content_type=item.media_type or item.content_type,
                state=item.state,
                name=item.name,
                size=item.size,
            )
        )
    return shown


def _message(row: Any, files: list[schemas.Media]) -> schemas.Message:
    return schemas.Message.of(
        id=row.public_id,
        seq=row.seq,
        message_owner=_OWNERS[Author(row.author)],
        agent_id=row.operator__public_id,
        body=row.body,
        template=_template(row.extras.get("template")),
        media=files,
        reply_to=row.reply_to__public_id,
        status="delivered" if row.status == Status.RECEIVED else row.status,
        error=_error(row),
        epoch=row.epoch,
        occurred_at=row.occurred_at,
        created_at=row.created_at,
    )


def _template(kept: dict[str, Any] | None) -> choices.UsedTemplate | None:
    if kept is None:
        return None
    known = {name: kept.get(name, "") for name in ("content_sid", "name", "language")}
    return choices.UsedTemplate.model_construct(**known)


def _error(row: Any) -> schemas.DeliveryError | None:
    """What its delivery has to tell: it waits, or it went wrong."""
    if row.status == Status.QUEUED and row.delivery__sender__paused:
        return _waits(row.delivery__sender__paused_code)
    if row.status != Status.FAILED and row.error_code is None:
        return None
    reaction = errors.reaction(row.error_code, row.delivery__cause or "")
    with translation.override("en"):
        return schemas.DeliveryError.of(code=row.error_code, text=str(reaction.text))


def _waits(code: int | None) -> schemas.DeliveryError:
    """Nothing has failed: its number is paused, and it goes out when that is over."""
    with translation.override("en"):
        why = str(errors.reaction(code).text) if code else ""
    text = f"{why} It waits: the sender is paused.".strip()
    return schemas.DeliveryError.of(code=code, text=text)
