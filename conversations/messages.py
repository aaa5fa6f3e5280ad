"""Append a bubble and, where it goes out, its Delivery. Knows no rule: the caller has taken the seq."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F

from conversations import errors, events, wakeup
from conversations.contract import Cause
from conversations.models import (
    PREVIEW_LENGTH,
    Author,
    Conversation,
    Delivery,
    DeliveryState,
    Kind,
    Message,
    Overheard,
    Status,
)

if TYPE_CHECKING:
    from operators.models import Operator

PART = 1500
"""UTF-16 units of one WhatsApp message: Twilio refuses more than 1600 (21617) and may count emoji twice."""
NUMBERS = 2
"""Seqs a bubble takes: its own and its event's."""


def preview(*, body: str, author: Author, kind: Kind, now: datetime) -> dict[str, Any]:
    """The changes to a conversation's row that show this bubble as its last."""
    return {
        "last_preview": " ".join(body[: 2 * PREVIEW_LENGTH].split())[:PREVIEW_LENGTH],
        "last_author": author,
        "last_kind": kind,
        "last_message_at": now,
    }


def receive(conversation: Conversation, *, seq: int, cause: Cause, now: datetime, **fields: Any) -> Message:
    """A customer's bubble at ``seq``, and its event at ``seq + 1``."""
    message = Message.objects.create(
        conversation=conversation,
        seq=seq,
        author=Author.CUSTOMER,
        epoch=conversation.epoch,
        status=Status.RECEIVED,
        **fields,
    )
    events.record(
        conversation,
        "message.received",
        cause=cause,
        seq=seq + 1,
        now=now,
        message=message.pk,
        message_seq=seq,
    )
    return message


def adopt(conversation: Conversation, *, seq: int, cause: Cause, now: datetime, **fields: Any) -> Message:
    """A line that a bot somewhere else has sent by itself, at ``seq``, and its event at ``seq + 1``."""
    message = Message.objects.create(
        conversation=conversation, seq=seq, author=Author.BOT, epoch=conversation.epoch, **fields
    )
    events.record(
        conversation,
        "message.accepted",
        cause=cause,
        seq=seq + 1,
        now=now,
        message=message.pk,
        message_seq=seq,
    )
    return message


def send(
    conversation: Conversation,
    *,
    seq: int,
    author: Author,
    body: str,
    cause: Cause,
    now: datetime,
    operator: Operator | None = None,
    fenced: bool = False,
    frozen: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Message:
    """A bubble that goes out at ``seq``: the row, its outbox row, and its event at ``seq + 1``.

    ``frozen`` is what else its outbox row keeps.
    """
    message = Message.objects.create(
        conversation=conversation,
        seq=seq,
        author=author,
        operator=operator,
        body=body,
        epoch=conversation.epoch,
        occurred_at=now,
        status=Status.QUEUED,
        **fields,
    )
    Delivery.objects.create(
        message=message,
        conversation=conversation,
        sender=conversation.sender,
        recipient=conversation.reply_address,
        body=body,
        seq=seq,
        fenced=fenced,
        due_at=now,
        **(frozen or {}),
    )
    events.record(
        conversation,
        "message.accepted",
        cause=cause,
        seq=seq + 1,
        now=now,
        message=message.pk,
        message_seq=seq,
    )
    _tell(message, now)
    return message


def _tell(message: Message, now: datetime) -> None:
    """The worker, and the bot where it hears what operators say."""
    conversation = message.conversation
    if message.author == Author.OPERATOR and conversation.sender.hears_operators:
        Overheard.objects.create(message=message, conversation=conversation, seq=message.seq, due_at=now)
    transaction.on_commit(wakeup.ring)


def storable(text: str) -> str:
    """Without the two characters that some database refuses: NUL and half a surrogate pair."""
    return text.replace("\x00", "\u2400").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def clean(body: str, *, longest: int) -> str:
    """The text as it is accepted: EmptyMessage or MessageTooLong where it cannot be."""
    body = storable(body).replace("\r\n", "\n").strip()
    if not body:
        raise errors.EmptyMessage
    if len(body) > longest:
        raise errors.MessageTooLong(limit=longest)
    return body


def split(body: str) -> list[str]:
    """Parts of at most PART UTF-16 units, cut at a paragraph, else a line, else a word, else anywhere."""
    parts = []
    while _units(body) > PART:
        head = _head(body)
        cut = _last(head, "\n\n") or _last(head, "\n") or _last(head, " ") or len(head)
        parts.append(body[:cut].rstrip())
        body = body[cut:].lstrip()
    return [*parts, body] if body or not parts else parts


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _head(body: str) -> str:
    """The longest beginning of PART units that does not cut a surrogate pair."""
    return body.encode("utf-16-le")[: 2 * PART].decode("utf-16-le", errors="ignore")


def _last(head: str, border: str) -> int:
    """Where the last ``border`` of the second half stands, or 0: a tiny first part reads worse than a cut line."""
    found = head.rfind(border)
    return found if found > len(head) // 2 else 0


def cancel_waiting_bot_lines(conversation: Conversation) -> int:
    """Bot lines not yet on their way are never sent; they stay in the thread, struck through.

    Messages go first, by what their deliveries still say; the delivery's own UPDATE then decides each race with
    a worker that starts to send: it holds the conversation's row as we do.
    """
    waiting = Delivery.objects.filter(conversation=conversation, state=DeliveryState.QUEUED, fenced=True)
    ids = list(waiting.values_list("pk", "message_id"))
    if not ids:
        return 0
    Message.objects.filter(pk__in=[message for _pk, message in ids]).update(status=Status.CANCELLED)
    return Delivery.objects.filter(pk__in=[pk for pk, _message in ids], state=DeliveryState.QUEUED).update(
        state=DeliveryState.CANCELLED, due_at=None, leased_until=None, lease_number=F("lease_number") + 1
    )
