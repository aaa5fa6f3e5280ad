"""What the holder of a chat has read of it. It counts what is unread, and guards nothing."""

from __future__ import annotations

from django.db.models import F, Q

from conversations.models import Conversation
from operators.models import Operator


def mark_seen(conversation: Conversation, *, operator: Operator, seq: int) -> None:
    """The holder has seen everything up to ``seq``."""
    Conversation.objects.held_by(operator).filter(
        Q(seen_seq__lt=seq) | Q(unread__gt=0), pk=conversation.pk
    ).update(seen_seq=seq, unread=0)


def mark_unread(conversation: Conversation, *, operator: Operator) -> bool:
    """The customer's newest message counts as unread again; whether there is one and the chat is this operator's."""
    held = Conversation.objects.held_by(operator).filter(pk=conversation.pk, last_inbound_seq__gt=0)
    held.filter(unread=0).update(seen_seq=F("last_inbound_seq") - 1, unread=1)
    return held.exists()
