"""Tags of conversations: given and taken off by whoever may see the conversation, and told in its story.

``by`` is whoever asks for it, in an operator's name or in their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q

from conversations import events, refusals
from conversations.atomically import atomically
from conversations.contract import Cause, Door
from conversations.models import Conversation
from operators import desk
from operators.models import Operator, Tag, Tagging


@atomically
def add(
    conversation: Conversation,
    tag: Tag,
    *,
    operator: Operator,
    door: Door,
    now: datetime,
    by: Cause | None = None,
) -> bool:
    """Whether it did not have the tag: the unique key decides between two who give it at once."""
    if of([conversation.pk]).get(conversation.pk, {}).get(tag.pk):
        return False
    try:
        with transaction.atomic():
            Tagging.objects.create(conversation=conversation, tag=tag, by=operator, at=now)
    except IntegrityError:
        return False
    return _told(conversation, "conversation.tagged", tag, cause=by or desk.cause(operator, door), now=now)


@atomically
def remove(conversation: Conversation, tag: Tag, *, by: Cause, now: datetime) -> bool:
    """Whether it had the tag, also from a conversation that was merged into it."""
    threads = Conversation.objects.filter(Q(pk=conversation.pk) | Q(merged_into=conversation))
    taken_off, _each = Tagging.objects.filter(conversation__in=threads.values("pk"), tag=tag).delete()
    if not taken_off:
        return False
    return _told(conversation, "conversation.untagged", tag, cause=by, now=now)


def of(conversations: Collection[int]) -> dict[int, dict[int, Tag]]:
    """The tags of each, in order of their names; those of what was merged into it are its as well."""
    threads = Conversation.objects.filter(Q(pk__in=conversations) | Q(merged_into__in=conversations))
    found: dict[int, dict[int, Tag]] = {}
    taggings = Tagging.objects.filter(conversation__in=threads.values("pk"))
    for one in taggings.select_related("tag", "conversation").order_by("tag__name", "pk"):
        place = one.conversation.merged_into_id or one.conversation_id
        found.setdefault(place, {})[one.tag.pk] = one.tag
    return found


def has_any() -> Any:
    """An annotation of conversations: without a tag nobody asks which."""
    own = Tagging.objects.filter(conversation=OuterRef("pk"))
    inherited = Tagging.objects.filter(conversation__merged_into=OuterRef("pk"))
    return Exists(own) | Exists(inherited)


def offered(conversation: Conversation) -> Iterable[Tag]:
    """What it does not have yet."""
    has = of([conversation.pk]).get(conversation.pk, {})
    company = conversation.sender.organization_id
    return Tag.objects.filter(organization=company, active=True).exclude(pk__in=has).order_by("name")


def _told(conversation: Conversation, kind: str, tag: Tag, *, cause: Cause, now: datetime) -> bool:
    """The number is taken after the row was written: whoever lost has changed nothing and tells nothing."""
    taken = Conversation.objects.all().take(conversation.pk, 1)
    if taken is None:
        raise refusals.of_writing(conversation)
    events.record(taken, kind, cause=cause, seq=taken.seq, now=now, tag=str(tag.public_id))
    return True
