"""Saying what WhatsApp has approved: the one way out of a thread that works outside the 24 hours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import F

from conversations import episodes, errors, filling, messages, refusals, replies
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.models import (
    Approval,
    Author,
    Conversation,
    Kind,
    Message,
    Sender,
    Template,
)

if TYPE_CHECKING:
    from operators.models import Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A template as one customer gets it."""

    template: Template
    values: dict[str, str]
    body: str
    extras: dict[str, Any]

    @property
    def approved(self) -> bool:
        return self.template.approval == Approval.APPROVED

    def frozen(self) -> dict[str, Any]:
        """What the outbox row keeps: nothing that is changed at Twilio meanwhile is sent instead."""
        variables = json.dumps(self.values, ensure_ascii=False) if self.values else ""
        return {
            "content_sid": self.template.content_sid,
            "content_variables": variables,
            "outside_window": self.approved,
        }


@atomically
def send(
    conversation: Conversation,
    *,
    cause: Cause,
    author: Author,
    template: Template,
    values: Mapping[str, str],
    now: datetime,
    epoch: int,
    operator: Operator | None = None,
    client_key: str | None = None,
) -> Message:
    """Accept a template with its variables, to be sent in order whatever happens after.

    Fenced as ``replies.say`` is. With the window closed it has to be approved. A repeated ``client_key``
    returns the first row.
    """
    content = fill(template, values)
    repeated = _already_sent(conversation, client_key, content)
    if repeated:
        return repeated
    _may_get(conversation, template)
    may_speak = replies.speakers(author, operator).filter(epoch=epoch).wanted()
    if not content.approved:
        may_speak = may_speak.filter(window_expires_at__gt=now)
    try:
        with transaction.atomic():
            taken = may_speak.take(conversation.pk, messages.NUMBERS, **_last_words(content, author, now))
            if taken is None:
                raise refusals.of_saying(conversation, author, operator, epoch)
            sent = _append(taken, content, cause, author, operator, now, client_key)
            if author == Author.OPERATOR:
                episodes.replied(taken, now)
    except IntegrityError:
        # The same key at the same moment: whoever committed first has sent it.
        first = _already_sent(conversation, client_key, content)
        if first is None:
            raise
        return first
    return sent


def fill(template: Template, values: Mapping[str, str]) -> Filled:
    """The template with every gap filled, or TemplateVariables."""
    given = {messages.storable(name): messages.storable(value) for name, value in values.items()}
    known = filling.check(template.names, given, template.body)
    header, body, footer = (
        filling.filled(text, known) for text in (template.header, template.body, template.footer)
    )
    shown = {
        "name": template.name,
        "language": template.language,
        "category": template.category,
        "content_sid": template.content_sid,
        "header": header,
        "footer": footer,
        "media": len(template.media),
        "buttons": [
            button | {"title": filling.filled(button["title"], known)} for button in template.buttons
        ],
    }
    kept = {name: value for name, value in shown.items() if value}
    return Filled(template=template, values=known, body=body, extras={"template": kept})


def named(sender: Sender, *, name: str, language: str = "") -> Template:
    """The template of that name, in that language if one is wanted: the approved one before the others."""
    found = Template.objects.of(sender).offered().filter(name=name).order_by("-pk")
    if language:
        found = found.filter(language=language)
    rows = sorted(found, key=lambda row: row.approval != Approval.APPROVED)
    if not rows:
        raise errors.UnknownTemplate
    return rows[0]


def _may_get(conversation: Conversation, template: Template) -> None:
    sender = conversation.sender
    if not Template.objects.of(sender).offered().filter(pk=template.pk).exists():
        raise errors.UnknownTemplate
    if conversation.contact.opted_out_at:
        raise errors.OptedOut
    reason = template.barred(conversation.contact)
    if reason == "no_consent":
        raise errors.TemplateRefused(reason=reason)
    if reason == "not_approved" and not _in_session(template):
        raise errors.TemplateRefused(reason=reason)


def _in_session(template: Template) -> bool:
    """What nobody has turned down may be said while the window is open: the fence looks at that."""
    return template.approval in {Approval.RECEIVED, Approval.PENDING}


def _last_words(content: Filled, author: Author, now: datetime) -> dict[str, Any]:
    shown = messages.preview(body=content.body, author=author, kind=Kind.TEMPLATE, now=now)
    answered = {"answered_seq": F("seq") + messages.NUMBERS} if author == Author.OPERATOR else {}
    return answered | shown


def _append(
    taken: Conversation,
    content: Filled,
    cause: Cause,
    author: Author,
    operator: Operator | None,
    now: datetime,
    client_key: str | None,
) -> Message:
    return messages.send(
        taken,
        seq=taken.seq - messages.NUMBERS + 1,
        author=author,
        operator=operator,
        body=content.body,
        cause=cause,
        now=now,
        fenced=author == Author.BOT,
        frozen=content.frozen(),
        kind=Kind.TEMPLATE,
        extras=content.extras,
        client_key=client_key,
    )


def _already_sent(conversation: Conversation, client_key: str | None, content: Filled) -> Message | None:
    if client_key is None:
        return None
    first = Message.objects.filter(conversation=conversation, client_key=client_key).order_by("part").first()
    if first is None:
        return None
    same = first.extras.get("template", {}).get("content_sid") == content.template.content_sid
    if not same or first.body != content.body:
        raise errors.KeyReused
    return first
