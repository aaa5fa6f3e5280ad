"""What each side must know of the other's part: the person who takes over, and the bot that resumes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.db.models import Max

from conversations.bots import base
from conversations.bots.base import Line, ReleaseContext
from conversations.contract import Release
from conversations.models import Author, Conversation, Handoff, Message, Status

HISTORY = 30
SINCE = 20
TOGETHER = 9
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


def settled(handoff: Handoff) -> Release:
    """What people settled: in this service, and in those before it that the bot is told of together with it."""
    together = Handoff.objects.filter(
        conversation_id=handoff.conversation_id,
        open_for=None,
        told_at=handoff.told_at,
        number__lt=handoff.number,
    )
    served = list(together.exclude(first_handoff_at=None).order_by("-number")[:TOGETHER])
    outs = [one.context_out for one in (*reversed(served), handoff)]
    return Release(
        outcome=handoff.outcome,
        summary="\n".join(out["summary"] for out in outs if out.get("summary")),
        facts={name: value for out in outs for name, value in out.get("facts", {}).items()},
        promises=_every(outs, "promises"),
        do_not_repeat=_every(outs, "do_not_repeat"),
        resume=handoff.resume or "wait",
    )


def _every(outs: list[dict[str, Any]], member: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for out in outs for text in out.get(member, ())))


def end_of_service(handoff: Handoff) -> ReleaseContext:
    """The factual end marker: who served, from when to when, what was settled, what was said."""
    release = settled(handoff)
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
        outcome=release.outcome,
        summary=release.summary,
        facts=release.facts,
        promises=release.promises,
        do_not_repeat=release.do_not_repeat,
        resume=cast(base.Resume, release.resume),
        human_started_at=handoff.first_handoff_at,
        human_ended_at=handoff.released_at,
        operator=str(handoff.operator.public_id) if handoff.operator else "",
        messages_since=tuple(line(message) for message in reversed(said)),
    )
