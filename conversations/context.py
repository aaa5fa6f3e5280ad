"""What each side must know of the other's part: the person who takes over, and the bot that resumes."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from django.db.models import Max

from conversations.bots import base
from conversations.bots.base import Line, ReleaseContext
from conversations.models import Author, Conversation, Handoff, Message, Status

HISTORY = 30
SINCE = 20
BRIEF = 300


def brief(conversation: Conversation, *, before_seq: int, since: datetime) -> str:
    """What the customer wants now, in their own words: the last two bubbles of text before they asked."""
    settled = Handoff.objects.filter(conversation=conversation).aggregate(upto=Max("released_seq"))["upto"]
    said = (
        Message.objects.filter(conversation=conversation, author=Author.CUSTOMER, occurred_at__gte=since)
        .filter(seq__gt=settled or 0, seq__lt=before_seq)
        .exclude(body="")
        .newest_first()
        .values_list("body", flat=True)[:2]
    )
    return " · ".join(" ".join(body.split())[: BRIEF // 2] for body in reversed(said))


def history(conversation: Conversation, *, upto_seq: int) -> tuple[Line, ...]:
    """At most the last thirty bubbles of this bot session that the customer saw or wrote, oldest first."""
    newest = (
        Message.objects.filter(
            conversation=conversation, seq__gte=conversation.bot_session_seq, seq__lte=upto_seq
        )
        .exclude(status=Status.CANCELLED)
        .newest_first()[:HISTORY]
    )
    return tuple(line(message) for message in reversed(newest))


def line(message: Message) -> Line:
    return Line(
        author=cast(base.Author, message.author),
        text=message.body,
        kind=message.kind,
        at=message.occurred_at,
    )


def end_of_service(handoff: Handoff) -> ReleaseContext:
    """The factual end marker: who served, from when to when, what was settled, what was said."""
    settled = handoff.context_out
    started = handoff.first_handoff_at or handoff.requested_at
    said = (
        Message.objects.filter(
            conversation_id=handoff.conversation_id,
            occurred_at__gte=started,
            seq__lte=handoff.released_seq or 0,
        )
        .exclude(status=Status.CANCELLED)
        .newest_first()[:SINCE]
    )
    return ReleaseContext(
        outcome=handoff.outcome,
        summary=settled.get("summary", ""),
        facts=settled.get("facts", {}),
        promises=tuple(settled.get("promises", ())),
        do_not_repeat=tuple(settled.get("do_not_repeat", ())),
        resume=cast(base.Resume, handoff.resume or "wait"),
        human_started_at=handoff.first_handoff_at,
        human_ended_at=handoff.released_at,
        operator=str(handoff.operator.public_id) if handoff.operator else "",
        messages_since=tuple(line(message) for message in reversed(said)),
    )
