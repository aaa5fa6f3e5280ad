"""Where in a thread a message or a note stands, and which part of the thread shows it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from conversations.models import Conversation, Message, Note
from operators.models import Operator
from operators.views import panes

BEFORE, AFTER = 12, 30
"""Bubbles around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """``after``: the whole thread from this number on shows it. ``before``: it is too far back for that, and stands
    on the older page that ends with this number."""

    id: str
    after: int | None = None
    before: int | None = None


def of(conversation: Conversation, operator: Operator, public_id: UUID | None) -> Spot | None:
    """None for what is not there, or not for this operator to read."""
    seq = _seq(conversation, operator, public_id) if public_id else None
    if seq is None:
        return None
    said = Message.objects.filter(conversation=conversation)
    later = list(said.filter(seq__gt=seq).in_order().values_list("seq", flat=True)[: panes.LONGEST_THREAD])
    if len(later) < panes.PAGE:
        return Spot(id=f"m-{public_id}")
    if len(later) + BEFORE >= panes.LONGEST_THREAD:
        return Spot(id=f"m-{public_id}", before=later[AFTER])
    earlier = said.filter(seq__lt=seq).newest_first().values_list("seq", flat=True)[:BEFORE]
    return Spot(id=f"m-{public_id}", after=min([*earlier, seq]) - 1)


def _seq(conversation: Conversation, operator: Operator, public_id: UUID) -> int | None:
    for rows in (Message.objects.all(), Note.objects.readable_by(operator)):
        found = rows.filter(conversation=conversation, public_id=public_id).values_list("seq", flat=True)
        if (seq := found.first()) is not None:
            return seq
    return None
