"""Saying something with choices under it, while the window is open."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from conversations import choices, episodes, errors, messages, refusals, replies
from conversations.atomically import atomically
from conversations.choices import Choices
from conversations.contract import Cause
from conversations.models import Author, Conversation, Kind, Message

if TYPE_CHECKING:
    from operators.models import Operator


@replies.kept_when_late
@atomically
def say(
    conversation: Conversation,
    *,
    cause: Cause,
    author: Author,
    body: str,
    offered: Choices,
    now: datetime,
    epoch: int,
    operator: Operator | None = None,
    client_key: str | None = None,
) -> Message:
    """Accept a text with choices, fenced as ``replies.say`` is. The worker sees to the content at Twilio."""
    text = messages.clean(body, longest=choices.BODY)
    repeated = _already_said(conversation, client_key, text, offered)
    if repeated:
        return repeated
    if conversation.contact.opted_out_at:
        raise errors.OptedOut
    may_speak = replies.speakers(author, operator).filter(epoch=epoch, window_expires_at__gt=now).wanted()
    shown = messages.preview(body=text, author=author, kind=Kind.TEXT, now=now)
    try:
        with transaction.atomic():
            taken = may_speak.take(conversation.pk, messages.NUMBERS, **replies.answered(author, 1), **shown)
            if taken is None:
                raise refusals.of_saying(conversation, author, operator, epoch)
            _row, values = choices.content(offered, text, taken.contact.language)
            said = messages.send(
                taken,
                seq=taken.seq - messages.NUMBERS + 1,
                author=author,
                operator=operator,
                body=text,
                cause=cause,
                now=now,
                fenced=author == Author.BOT,
                frozen={"content_variables": json.dumps(values, ensure_ascii=False)},
                extras={"choices": offered.kept()},
                client_key=client_key,
            )
            if author == Author.OPERATOR:
                episodes.replied(taken, now)
    except IntegrityError:
        # The same key at the same moment: whoever committed first has said it.
        first = _already_said(conversation, client_key, text, offered)
        if first is None:
            raise
        return first
    return said


def _already_said(
    conversation: Conversation, client_key: str | None, text: str, offered: Choices
) -> Message | None:
    if client_key is None:
        return None
    first = Message.objects.filter(conversation=conversation, client_key=client_key).order_by("part").first()
    if first is not None and (first.body, first.extras.get("choices")) != (text, offered.kept()):
        raise errors.KeyReused
    return first
