"""The only way into a thread: a message of a customer, from the form Twilio posted."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F

from conversations import (
    arrival,
    contacts,
    context,
    errors,
    failpoints,
    handoffs,
    leases,
    messages,
    positions,
    questions,
    wakeup,
    words,
)
from conversations.atomically import atomically, passing
from conversations.bots.base import HandoffRequest
from conversations.contract import Cause
from conversations.models import (
    ADDRESS_LENGTH,
    Attachment,
    Author,
    BotEngineName,
    BotTurn,
    Conversation,
    Handoff,
    InboundWebhook,
    Message,
    Mode,
    Reasons,
    Sender,
    StudioCall,
    TurnKind,
    WebhookOutcome,
    WebhookSource,
)
from conversations.twilio import payloads
from conversations.twilio.payloads import InboundMessage

logger = logging.getLogger(__name__)

TRY_AGAIN = timedelta(minutes=1)
LATE = timedelta(seconds=30)
"""Applied this long after it came, a message is shown as late and may be overtaken by newer ones."""


class Ignored(Exception):
    """Nothing to store in any thread; the reason it says goes into the raw row."""


def receive(
    params: Mapping[str, str],
    *,
    sender: Sender,
    now: datetime,
    at: datetime | None = None,
    source: WebhookSource = WebhookSource.WEBHOOK,
    overtaken: bool = False,
) -> InboundWebhook:
    """Store the raw form and apply it, in one transaction; what became of it is in the row's ``outcome``.

    If it cannot be applied, that transaction leaves nothing, and another keeps the raw row alone: as ``failed`` it is
    tried again by the worker. Until one of the two is committed Twilio has no answer, so nothing is lost between them.

    What comes later than it was sent is told when that was (``at``), and whether the same customer is known to have
    said more since (``overtaken``).
    """
    form = payloads.readable(params)
    raw = InboundWebhook(
        organization_id=sender.organization_id,
        sender=sender,
        provider_sid=payloads.parse_inbound(form).sid,
        params=form,
        source=source,
        received_at=at or now,
    )
    try:
        _apply_and_keep(raw, sender, now, overtaken)
    except Exception as error:  # the raw form must stay, whatever went wrong with it
        if _lost(error):
            raise
        _note(raw, error, now)
        _keep(raw)
    return raw


@atomically
def _apply_and_keep(raw: InboundWebhook, sender: Sender, now: datetime, overtaken: bool) -> None:
    _apply(raw, sender, now, overtaken)
    _keep(raw)


def _apply(raw: InboundWebhook, sender: Sender, now: datetime, overtaken: bool = False) -> None:
    inbound = payloads.parse_inbound(raw.params)
    raw.message = apply(inbound, sender=sender, at=raw.received_at, now=now, overtaken=overtaken)
    raw.outcome, raw.reason = WebhookOutcome.APPLIED, raw.TO_STUDIO if raw.message.to_studio else ""


@atomically
def _keep(raw: InboundWebhook) -> None:
    raw.pk = None  # an attempt that was rolled back has left its number here
    raw.save(force_insert=True)
    failpoints.reached("webhook.recorded")


@atomically
def receive_again(raw: InboundWebhook, *, now: datetime) -> bool:
    """Apply a leased raw row that had failed, through the same door, at the time it came."""
    failpoints.reached("retry.leased")
    if raw.sender is None:
        return leases.finish(raw)
    _settle(raw, raw.sender, now=now)
    failpoints.reached("retry.applied")
    if raw.outcome == WebhookOutcome.FAILED:
        raw.due_at = now + leases.back_off(raw.attempts, first=60, longest=3600)
    return leases.finish_or_undo(
        raw,
        outcome=raw.outcome,
        reason=raw.reason,
        message=raw.message,
        due_at=raw.due_at,
        attempts=F("attempts"),
    )


def _settle(raw: InboundWebhook, sender: Sender, *, now: datetime) -> None:
    raw.due_at, raw.reason = None, ""
    try:
        with transaction.atomic():
            _apply(raw, sender, now)
    except Exception as error:
        if _lost(error):
            raise
        _note(raw, error, now)


def _lost(error: Exception) -> bool:
    """The whole transaction is: ``atomically`` has begun it again, and now somebody else must."""
    return isinstance(error, OperationalError) and passing(error)


def _note(raw: InboundWebhook, error: Exception, now: datetime) -> None:
    """Why nothing of this form is in a thread. Asked when what was tried has been rolled back."""
    raw.message = None
    if isinstance(error, Ignored):
        raw.outcome, raw.reason = WebhookOutcome.IGNORED, str(error)
    elif isinstance(error, IntegrityError) and Message.objects.filter(provider_sid=raw.provider_sid).exists():
        raw.outcome = WebhookOutcome.DUPLICATE
    else:
        logger.error("webhook could not be applied: %s", type(error).__name__)
        raw.outcome, raw.reason = WebhookOutcome.FAILED, type(error).__name__[:60]
        raw.due_at = now + TRY_AGAIN


def apply(
    inbound: InboundMessage, *, sender: Sender, at: datetime, now: datetime, overtaken: bool = False
) -> Message:
    """The bubble in its thread, and what follows from it: a handoff, its end, or the bot's duty to answer.

    One that came ``at`` an earlier time keeps that time.
    """
    _acceptable(inbound, sender)
    late = now - at > LATE
    taken = arrival.take(sender, inbound, at, late=late)
    failpoints.reached("intake.locked")
    message = _append(taken, inbound, at, now, late=late)
    failpoints.reached("intake.appended")
    if not late or _still_counts(taken, message, overtaken):
        _follow(taken, message, now)
    failpoints.reached("intake.followed")
    return message


def _acceptable(inbound: InboundMessage, sender: Sender) -> None:
    if not (inbound.sid and inbound.from_):
        raise Ignored("incomplete")
    if inbound.from_ == sender.address:
        raise Ignored("own_echo")  # the bot would answer itself, for ever
    if len(inbound.from_) > ADDRESS_LENGTH:
        raise Ignored("address_too_long")
    if words.joins_sandbox(inbound.body):
        raise Ignored("sandbox_join")


def _append(
    taken: Conversation, inbound: InboundMessage, at: datetime, now: datetime, *, late: bool
) -> Message:
    message = messages.receive(
        taken,
        seq=taken.last_inbound_seq,
        cause=Cause(kind="customer", door="webhook"),
        now=at,
        kind=inbound.kind,
        body=inbound.body,
        extras=inbound.extras,
        provider_sid=inbound.sid,
        occurred_at=at,
        late=late,
        reply_to=_replied(taken, inbound.replied_sid),
    )
    if inbound.media:
        Attachment.objects.bulk_create(
            Attachment(
                message=message,
                position=position,
                source_url=media.url,
                content_type=media.content_type,
                due_at=now,
            )
            for position, media in enumerate(inbound.media)
        )
        transaction.on_commit(wakeup.ring)
    return message


def _replied(taken: Conversation, sid: str) -> Message | None:
    return Message.objects.filter(conversation=taken, provider_sid=sid).first() if sid else None


def _still_counts(taken: Conversation, late: Message, overtaken: bool) -> bool:
    """Once something newer was said a late message needs no answer, but it may still be obeyed: a request for
    a person until one was called, a request for silence until the customer writes on."""
    newer = Message.objects.filter(conversation=taken, occurred_at__gt=late.occurred_at)
    if not overtaken and not newer.exists():
        return True
    if words.opts_out(late.body):
        return not overtaken and not newer.filter(author=Author.CUSTOMER).exists()
    called = Handoff.objects.filter(conversation=taken, requested_at__gt=late.occurred_at)
    return words.asks_for_person(late.body) and not called.exists()


def _follow(taken: Conversation, message: Message, now: datetime) -> None:
    cause = Cause(kind="customer", door="webhook", message_id=message.pk)
    if words.opts_out(message.body):
        return _fall_silent(taken, cause, now)
    if taken.contact.opted_out_at:
        # Writing again, or asking back in, ends the silence they asked for; the asking itself needs no answer.
        contacts.opt_in(taken.contact)
        taken.contact.opted_out_at = None
        if words.opts_in(message.body):
            return None
    if words.cancels_wait(message.body) and _cancelled(taken, cause, now):
        return None
    if taken.mode == Mode.QUEUED and words.asks_position(message.body):
        positions.tell(taken, cause=cause, now=now)
        return None
    if words.asks_for_person(message.body):
        return _ask(taken, message, Reasons.CUSTOMER_ASKED, cause, now)
    if taken.mode == Mode.BOT:
        _to_the_bot(taken, message, cause, now)
    return None


def _fall_silent(taken: Conversation, cause: Cause, now: datetime) -> None:
    """Whoever asks for silence waits for nobody any more: no one could write to them."""
    contacts.opt_out(taken.contact, now=now)
    taken.contact.opted_out_at = now
    if not _cancelled(taken, cause, now):
        messages.cancel_waiting_bot_lines(taken)
        BotTurn.objects.close(taken)
        StudioCall.objects.owe(taken, now=now)


def _cancelled(taken: Conversation, cause: Cause, now: datetime) -> bool:
    try:
        handoffs.cancel(taken, cause=cause, now=now)
    except errors.NotWaiting:
        return False
    return True


def _ask(taken: Conversation, message: Message, reason: Reasons, cause: Cause, now: datetime) -> None:
    summary = context.brief(taken, before_seq=message.seq, since=message.occurred_at - arrival.SESSION)
    request = HandoffRequest(reason=reason, summary=summary)
    handoffs.request(taken, cause=cause, request=request, now=now)


def _to_the_bot(taken: Conversation, message: Message, cause: Cause, now: datetime) -> None:
    if taken.sender.bot_engine == BotEngineName.NONE:
        return _ask(taken, message, Reasons.RULE, cause, now)
    if taken.sender.bot_engine == BotEngineName.STUDIO and not taken.sender.flow:
        return _ask(taken, message, Reasons.BOT_FAILURE, cause, now)
    message.to_studio = not message.late and questions.flow_takes(taken)
    if message.to_studio or (message.late and taken.sender.gated):
        return None
    BotTurn.objects.owe(taken, kind=TurnKind.MESSAGE, cause_seq=message.seq, now=now)
    transaction.on_commit(wakeup.ring)
    return None
