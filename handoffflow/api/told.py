"""Events as the wire tells them: what is listed here, and no number of ours.

Inside, an event names rows by the numbers they have in the database. Outside each has its public id, and what nobody
has listed stays inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model
from pydantic import BaseModel, Field

from conversations import models
from handoffflow.api import schemas

_ROWS: dict[str, tuple[str, type[Model]]] = {
    "message": ("message_id", models.Message),
    "attachment": ("media_id", models.Attachment),
    "note": ("note_id", models.Note),
}
"""Named by their number inside, by their public id on the wire."""
_SAME = (
    *("door", "mode", "message_seq", "status", "error_code", "state", "note_kind", "fields"),
    *("handoff", "reason", "outcome", "offered_to", "why", "step", "into", "merged", "merged_into"),
)
_NAMES = {name: name for name in _SAME} | {"operator": "agent_id", "queue": "queue_id", "tag": "tag_id"}


class Event(BaseModel):
    """One fact of a conversation's story. It may come twice: tell it by (conversation_id, seq)."""

    type: str
    conversation_id: UUID
    seq: int
    epoch_before: int
    epoch_after: int
    actor: schemas.Actor
    at: datetime
    data: dict[str, Any] = Field(
        description="Ids, codes and numbers, never text; which of them depends on type."
    )


def events(rows: Sequence[models.Event]) -> list[Event]:
    """In the order given, with a fixed number of queries. Each row needs its conversation selected."""
    ids = {
        name: _public_ids(model, (row.data.get(name) for row in rows)) for name, (_as, model) in _ROWS.items()
    }
    return [_event(row, ids) for row in rows]


def _event(row: models.Event, ids: dict[str, dict[int, UUID]]) -> Event:
    return Event.model_construct(
        type=row.kind,
        conversation_id=row.conversation.public_id,
        seq=row.seq,
        epoch_before=row.epoch_before,
        epoch_after=row.epoch_after,
        actor=schemas.Actor.of(kind=row.actor_kind, id=row.actor_id),
        at=row.created_at,
        data=_data(row.data, ids),
    )


def _data(kept: dict[str, Any], ids: dict[str, dict[int, UUID]]) -> dict[str, Any]:
    shown = {
        _NAMES[name]: value for name, value in kept.items() if name in _NAMES and value not in ("", None)
    }
    for name, (told_as, _model) in _ROWS.items():
        found = ids[name].get(kept.get(name, 0))
        if found is not None:
            shown[told_as] = str(found)
    return shown


def _public_ids(model: type[Model], numbers: Iterable[Any]) -> dict[int, UUID]:
    wanted = {number for number in numbers if isinstance(number, int)}
    if not wanted:
        return {}
    return dict(model._default_manager.filter(pk__in=wanted).values_list("pk", "public_id"))
