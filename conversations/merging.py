"""Two threads of one person become one, and can be taken apart again. No row moves: the loser's points at the winner's.

The loser keeps what was said in it, and its addresses. Whatever comes from one of them goes into the winner's thread
(``contacts.resolve``). An address is never rewritten: who is written to is whoever wrote last.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F

from conversations import arrival, errors, events, handoffs
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.handoffs import common
from conversations.models import Contact, ContactAddress, Conversation, InboundWebhook, WebhookOutcome

NUMBERS = 1


@atomically
def merge(winner: Conversation, loser: Conversation, *, cause: Cause, now: datetime) -> Conversation:
    """The winner's thread as it goes on: in the stronger mode of the two, and with what the loser waited for.

    One that others were merged into is no loser (CannotMerge): taking it apart again would not say whose they are.
    """
    if winner.pk == loser.pk:
        raise errors.CannotMerge(reason="itself")
    winner, loser = _in_hand(winner, loser)
    if winner.sender_id != loser.sender_id:
        raise errors.CannotMerge(reason="other_sender")
    if winner.merged_into_id or loser.merged_into_id:
        raise errors.CannotMerge(reason="merged")
    if Conversation.objects.filter(merged_into=loser).exists():
        raise errors.CannotMerge(reason="has_merged")
    _reach(winner, loser)
    _keep_silence(winner, loser)
    taken = handoffs.merge(winner, loser, cause=cause, now=now)
    Contact.objects.filter(pk=loser.contact_id).update(merged_into=winner.contact)
    return Conversation.objects.with_parties().get(pk=taken.pk)


@atomically
def unmerge(loser: Conversation, *, cause: Cause, now: datetime) -> Conversation:
    """Two people again: the loser is with the bot, which starts afresh. What was said meanwhile stays where it is."""
    into = Conversation.objects.filter(merged=loser).first()
    if into is None:
        raise errors.NotMerged
    winner, loser = _in_hand(into, loser)
    if loser.merged_into_id != winner.pk:
        raise errors.NotMerged
    left = Conversation.objects.all().take(
        loser.pk, NUMBERS, merged=True, merged_into=None, **common.new_session(NUMBERS)
    )
    taken = Conversation.objects.all().take(winner.pk, NUMBERS)
    if left is None or taken is None:
        raise Conversation.DoesNotExist
    Contact.objects.filter(pk=loser.contact_id).update(merged_into=None)
    for one in (left, taken):
        _reach_alone(one, thread=winner, now=now)
    events.record(
        left, "handoff.separated", cause=cause, seq=left.seq, now=now, merged_into=str(winner.public_id)
    )
    events.record(taken, "handoff.parted", cause=cause, seq=taken.seq, now=now, merged=str(loser.public_id))
    return Conversation.objects.with_parties().get(pk=left.pk)


def _in_hand(*conversations: Conversation) -> list[Conversation]:
    """Both rows as they are, held in the order of their ids: two merges at once take turns."""
    pks = [one.pk for one in conversations]
    for pk in sorted(pks):
        Conversation.objects.filter(pk=pk).update(seq=F("seq"))
    held = Conversation.objects.with_parties().select_related("offered_to").in_bulk(pks)
    return [held[pk] for pk in pks]


def _reach(winner: Conversation, loser: Conversation) -> None:
    """Who is written to is whoever wrote last, as long as WhatsApp takes it from there."""
    if _before(winner.last_inbound_at, loser.last_inbound_at):
        Conversation.objects.filter(pk=winner.pk).update(
            reply_address=loser.reply_address,
            last_inbound_at=loser.last_inbound_at,
            window_expires_at=loser.window_expires_at,
        )


def _keep_silence(winner: Conversation, loser: Conversation) -> None:
    """Somebody who asked for silence on one number, and has not written on the other since, wants it on both."""
    silent = loser.contact.opted_out_at
    if silent and _before(winner.last_inbound_at, silent):
        Contact.objects.filter(pk=winner.contact_id, opted_out_at=None).update(opted_out_at=silent)


def _before(one: datetime | None, other: datetime | None) -> bool:
    return other is not None and (one is None or one < other)


def _reach_alone(conversation: Conversation, *, thread: Conversation, now: datetime) -> None:
    """By an address of its own again, and within the time since that one wrote: nobody is answered on a stranger's
    phone. What came while they were one stands in the winner's thread."""
    own = ContactAddress.objects.filter(contact=conversation.contact_id, sender=conversation.sender_id)
    values = list(own.order_by("-pk").values_list("value", flat=True))
    came = InboundWebhook.objects.filter(
        message__conversation=thread, outcome=WebhookOutcome.APPLIED, received_at__gt=now - arrival.WINDOW
    ).order_by("-received_at", "-pk")
    last = next((one for one in came.iterator() if one.params.get("From") in values), None)
    changes: dict[str, Any] = {}
    if last is not None and (
        conversation.pk == thread.pk or _before(conversation.last_inbound_at, last.received_at)
    ):
        changes = {
            "reply_address": last.params["From"],
            "last_inbound_at": last.received_at,
            "window_expires_at": last.received_at + arrival.WINDOW,
        }
    elif last is None and conversation.reply_address not in values:
        changes = {"reply_address": values[0], "window_expires_at": None}
    if changes:
        Conversation.objects.filter(pk=conversation.pk).update(**changes)
