"""What the team says of people: these two are one, these two are not, and the first was a mistake."""

from __future__ import annotations

from datetime import datetime

from conversations import likeness, merging
from conversations.atomically import atomically
from conversations.contract import Door
from conversations.models import Conversation
from operators import desk
from operators.models import Operator


@atomically
def same(
    shown: Conversation, other: Conversation, *, operator: Operator, door: Door, now: datetime
) -> Conversation:
    """One person: the thread that goes on. It is the one that is looked at, unless others were merged into the other
    one only."""
    merged = Conversation.objects.filter(merged_into__in=[shown, other]).values_list("merged_into", flat=True)
    if set(merged) == {other.pk}:
        shown, other = other, shown
    return merging.merge(shown, other, cause=desk.cause(operator, door), now=now)


def different(shown: Conversation, other: Conversation, *, operator: Operator, now: datetime) -> None:
    likeness.tell_apart(shown.contact, other.contact, by=operator, now=now)


@atomically
def separate(
    shown: Conversation, other: Conversation, *, operator: Operator, door: Door, now: datetime
) -> Conversation:
    """Two people again. They are not asked about any more."""
    left = merging.unmerge(other, cause=desk.cause(operator, door), now=now)
    likeness.tell_apart(shown.contact, other.contact, by=operator, now=now)
    return left
