"""The one way out of a thread: what an operator, a bot or an integration says."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from conversations import episodes, errors, failpoints, messages, refusals, uploads
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import Author, Conversation, Handoff, Kind, Message, Mode
from conversations.uploads import CAPTIONED, Upload

if TYPE_CHECKING:
    from conversations.models.conversation import ConversationQuerySet
    from operators.models import Operator

P = ParamSpec("P")
T = TypeVar("T")

LONGEST = 20_000
"""Characters accepted in one go."""


def kept_when_late(say: Callable[P, T]) -> Callable[P, T]:
    """What a bot says after its epoch is not sent, but helps the operator: the error names where it is kept."""

    @functools.wraps(say)
    def run(*args: P.args, **said: P.kwargs) -> T:
        try:
            done = say(*args, **said)
        except errors.StaleEpoch as stale:
            kept = said["author"] == Author.BOT and suggest(cast(Conversation, args[0]), str(said["body"]))
            if kept:
                stale.extras["suggestion_id"] = kept
            raise
        failpoints.reached("reply.accepted")
        return done

    return run


@kept_when_late
@atomically
def say(
    conversation: Conversation,
    *,
    cause: Cause,
    author: Author,
    body: str,
    now: datetime,
    epoch: int,
    operator: Operator | None = None,
    client_key: str | None = None,
    reply_to: Message | None = None,
    upload: Upload | None = None,
) -> list[Message]:
    """Accept what is said, one Message per part, to be sent in order whatever happens after. A file is the first.

    A bot speaks only in mode bot and in the epoch of its turn, an operator only while they hold the
    conversation in the epoch they see. A repeated ``client_key`` returns the first rows.
    """
    parts = _parts(body, upload)
    repeated = _already_said(conversation, client_key, parts)
    if repeated:
        return repeated
    if conversation.contact.opted_out_at:
        raise errors.OptedOut
    may_speak = speakers(author, operator).filter(epoch=epoch, window_expires_at__gt=now).wanted()
    try:
        with transaction.atomic():
            taken = may_speak.take(
                conversation.pk,
                messages.NUMBERS * len(parts),
                **answered(author, len(parts)),
                **messages.preview(body=parts[-1].body, author=author, kind=parts[-1].kind, now=now),
            )
            if taken is None:
                raise refusals.of_saying(conversation, author, operator, epoch)
            said = _append(taken, parts, cause, author, operator, now, client_key, reply_to)
            if author == Author.OPERATOR:
                episodes.replied(taken, now)
            failpoints.reached("reply.appended")
    except IntegrityError:
        # The same key at the same moment: whoever committed first has said it.
        said = _already_said(conversation, client_key, parts)
        if not said:
            raise
        return said
    return said


@dataclass(frozen=True, slots=True)
class _Part:
    body: str
    kind: Kind = Kind.TEXT
    upload: Upload | None = None


def _parts(body: str, upload: Upload | None) -> list[_Part]:
    """What becomes one message each. WhatsApp shows a text with a picture or a video; with other files it follows."""
    texts = messages.split(clean(body)) if body.strip() or upload is None else []
    if upload is None:
        return [_Part(text) for text in texts]
    caption = texts[:1] if upload.kind in CAPTIONED else []
    return [
        _Part("".join(caption), upload.kind, upload),
        *(_Part(text) for text in texts[len(caption) :]),
    ]


def answered(author: Author, parts: int) -> dict[str, Any]:
    """A person has answered all that the customer has said."""
    return {"answered_seq": F("seq") + messages.NUMBERS * parts} if author == Author.OPERATOR else {}


def suggest(conversation: Conversation, text: str) -> UUID | None:
    """Keep ``text`` as the suggestion of the open handoff that has none; that handoff's public id."""
    handoff = Handoff.objects.filter(open_for=conversation).first()
    if handoff is None or not text.strip():
        return None
    kept = Handoff.objects.filter(pk=handoff.pk, suggested_reply="").update(suggested_reply=text[:LONGEST])
    return handoff.public_id if kept else None


def clean(body: str) -> str:
    """The text as it is accepted: EmptyMessage or MessageTooLong where it cannot be."""
    return messages.clean(body, longest=LONGEST)


def speakers(author: Author, operator: Operator | None) -> ConversationQuerySet:
    """The conversations in which they may speak (``operator`` None: whoever holds it)."""
    if author == Author.BOT:
        return Conversation.objects.filter(mode=Mode.BOT)
    if operator is None:
        return Conversation.objects.human()
    return Conversation.objects.held_by(operator)


def _append(
    taken: Conversation,
    parts: list[_Part],
    cause: Cause,
    author: Author,
    operator: Operator | None,
    now: datetime,
    client_key: str | None,
    reply_to: Message | None,
) -> list[Message]:
    first = taken.seq - messages.NUMBERS * len(parts) + 1
    said = [
        messages.send(
            taken,
            seq=first + messages.NUMBERS * number,
            author=author,
            operator=operator,
            body=part.body,
            kind=part.kind,
            cause=cause,
            now=now,
            client_key=client_key,
            part=number,
            reply_to=reply_to,
            fenced=author == Author.BOT,
            frozen={"media": part.upload.public_id} if part.upload else None,
        )
        for number, part in enumerate(parts)
    ]
    for message, part in zip(said, parts, strict=True):
        if part.upload:
            uploads.take_along(part.upload, message)
    return said


def _already_said(conversation: Conversation, client_key: str | None, parts: list[_Part]) -> list[Message]:
    if client_key is None:
        return []
    said = list(Message.objects.filter(conversation=conversation, client_key=client_key).order_by("part"))
    if said and [(message.body, message.kind) for message in said] != [
        (part.body, part.kind) for part in parts
    ]:
        raise errors.KeyReused
    chosen = parts[0].upload
    if said and chosen and chosen.unsent is not None and not _is_file_of(said[0], chosen):
        raise errors.KeyReused
    return said


def _is_file_of(message: Message, upload: Upload) -> bool:
    return message.attachments.filter(public_id=upload.public_id).exists()
