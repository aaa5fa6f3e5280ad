"""What the team says of people: these two are one, these two are not, and the first was a mistake.

``operator`` is None where an integration says so; ``by`` tells who then.
"""

from __future__ import annotations

from datetime import datetime

from conversations import likeness, merging
from conversations.atomically import atomically
from conversations.contract import Cause, Door
from conversations.models import Conversation
from operators import desk
from operators.models import Operator


@atomically
def same(
    shown: Conversation,
    other: Conversation,
    *,
    operator: Operator | None,
    door: Door,
    now: datetime,
    by: Cause | None = None,
) -> Conversation:
    """One person: the thread that goes on. It is the one that is looked at, unless others were merged into the other
    one only."""
    merged = Conversation.objects.filter(merged_into__in=[shown, other]).values_list("merged_into", flat=True)
    if set(merged) == {other.pk}:
        shown, other = other, shown
    return merging.merge(shown, other, cause=by or _cause(operator, door), now=now)


def different(shown: Conversation, other: Conversation, *, operator: Operator | None, now: datetime) -> None:
    likeness.tell_apart(shown.contact, other.contact, by=operator, now=now)


@atomically
def separate(
    shown: Conversation,
    other: Conversation,
    *,
    operator: Operator | None,
    door: Door,
    now: datetime,
    by: Cause | None = None,
) -> Conversation:
    """Two people again. They are not asked about any more."""
    left = merging.unmerge(other, cause=by or _cause(operator, door), now=now)
    likeness.tell_apart(shown.contact, other.contact, by=operator, now=now)
    return left


def _cause(operator: Operator | None, door: Door) -> Cause:
    return desk.cause(operator, door) if operator else Cause(kind="api", door=door)
