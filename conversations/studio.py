"""What a Studio flow asks us, and what Twilio is answered where Studio is the bot.

In front of Studio, our answer to a message's webhook hands it on. Behind it, the flow asks at its beginning whose the
customer is (``gate``), and tells us when it wants a person (``request``). Whatever stands in such a call was filled in
by a flow, and partly by a customer: it is a wish, never a fact about other rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from conversations import contacts, context, handoffs, intake, questions
from conversations.atomically import atomically
from conversations.bots.base import BOT_ASKED, HandoffRequest
from conversations.contract import Cause
from conversations.models import (
    ADDRESS_LENGTH,
    BotTurn,
    Conversation,
    Handoff,
    InboundWebhook,
    Message,
    Mode,
    Sender,
    StudioCall,
    WebhookOutcome,
)
from conversations.twilio import payloads, studio

CAUSE = Cause(kind="bot", door="webhook")
TRIES = timedelta(seconds=20)
"""Longer than Twilio goes on trying one webhook: until then another copy means that our answer was lost."""
RETURNS = timedelta(seconds=5)
"""How long a flow that waits for our answer is left running, so that it finds its way back."""
MOST_SLOTS, LONGEST_NAME, LONGEST_SLOT, LONGEST_TEXT = 30, 64, 500, 4096
LONGEST_RETURNED = 500
_MESSAGE = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")
_FLOW = re.compile(r"FW[0-9a-fA-F]{32}")
_OURS = {
    *("step", "event", "customer", "sender", "execution_sid", "flow_sid", "message_sid", "last_message"),
    *("reason", "summary", "intent", "slots", "confidence", "priority", "queue", "suggested_reply"),
    *("bodySHA256", "FlowEvent"),
}


class Refused(Exception):
    """Nobody whom this could be about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call of a flow. ``form`` is the message whose answer is to lead back into it; empty for an HTTP request."""

    sender: Sender
    given: Mapping[str, Any]
    form: Mapping[str, str]

    @property
    def customer(self) -> str:
        """The address as Twilio spells it; Refused for what is none of a customer's."""
        address = _text(self.form.get("From") or self.given.get("customer") or self.given.get("From"))
        usable = address.startswith("whatsapp:") and len(address) <= ADDRESS_LENGTH
        if not usable or address == self.sender.address:
            raise Refused
        return address


def redirect(raw: InboundWebhook, sender: Sender, *, now: datetime) -> str:
    """Where Twilio is to take the message of this webhook; "" when it is not the flow's."""
    if not sender.flow:
        return ""
    taken = raw.outcome == WebhookOutcome.APPLIED and raw.reason == InboundWebhook.TO_STUDIO
    if taken or (raw.outcome == WebhookOutcome.DUPLICATE and _answer_was_lost(raw, sender, now)):
        return studio.flow_url(sender.account_sid, sender.flow)
    return ""


def _answer_was_lost(raw: InboundWebhook, sender: Sender, now: datetime) -> bool:
    """Twilio posts a message again when it has no answer: this one counts, if the message is still the last word."""
    before = InboundWebhook.objects.select_related("message__conversation").filter(
        sender=sender,
        provider_sid=raw.provider_sid,
        outcome=WebhookOutcome.APPLIED,
        reason=InboundWebhook.TO_STUDIO,
        received_at__gte=now - TRIES,
    )
    message = next((one.message for one in before), None)
    if message is None:
        return False
    conversation = message.conversation
    return conversation.mode == Mode.BOT and conversation.last_inbound_seq == message.seq


def twiml(url: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Redirect method="POST">'
        f"{escape(url)}</Redirect></Response>"
    )


# What a flow asks ----------------------------------------------------------------------------------------


@atomically
def gate(asked: Asked, *, now: datetime) -> dict[str, str]:
    """The customer has written to Studio: keep it, and say whether the flow is to answer (``owner``).

    After a service the values tell how it ended, in place of a start of their own.
    """
    address = asked.customer
    Sender.objects.gated(asked.sender, now=now)
    intake.receive(asked.form, sender=asked.sender, now=now)
    conversation = contacts.reach(asked.sender, address)
    held = Conversation.objects.filter(mode=Mode.BOT).take(conversation.pk, 0)
    if held is None or not held.sender.flow or held.contact.opted_out_at:
        return {"owner": "human"}
    message = Message.objects.filter(provider_sid=_sid(asked.form)).first()
    ended = questions.to_tell(held) or _told_with(held, message)
    BotTurn.objects.close(held)
    if ended is None:
        return {"owner": "bot"}
    told = Handoff.objects.filter(conversation=held, open_for=None, told_at=None)
    told.update(told_at=message.occurred_at if message else now)
    return {"owner": "bot", **returned(ended)}


def _told_with(conversation: Conversation, message: Message | None) -> Handoff | None:
    """The same call again has the same answer."""
    if message is None:
        return None
    told = Handoff.objects.filter(conversation=conversation, open_for=None, told_at=message.occurred_at)
    return told.exclude(first_handoff_at=None).order_by("-number").first()


def returned(ended: Handoff) -> dict[str, str]:
    """How a service ended, as a flow can be told in an address: plain values, and short ones."""
    settled = context.settled(ended)
    return {
        "released": "true",
        "outcome": settled.outcome,
        "resume": ended.resume,
        "summary": settled.summary[:LONGEST_RETURNED],
        "promises": "; ".join(settled.promises)[:LONGEST_RETURNED],
        "human_ended_at": ended.released_at.isoformat() if ended.released_at else "",
    }


@atomically
def request(asked: Asked, *, now: datetime) -> tuple[Handoff, bool]:
    """The flow wants a person for this customer, who may be new to us; True when this call opened the handoff."""
    address = asked.customer
    waits = bool(asked.form)
    if form := _message(asked, address):
        intake.receive(form, sender=asked.sender, now=now)
    conversation = contacts.reach(asked.sender, address)
    wanted = wish(asked.given)
    handoff, opened = handoffs.request(conversation, cause=CAUSE, request=wanted, now=now)
    if not opened and handoff.requested_at == now:
        _explain(handoff, wanted)  # its word was one that calls a person: the flow knows more of why
    if waits:
        StudioCall.objects.wait(handoff.conversation, until=now + RETURNS)
    return handoff, opened


def _message(asked: Asked, address: str) -> dict[str, str] | None:
    """The message that led here, if we may not know it: the flow names it, or it is what Twilio posts."""
    if asked.form:
        return dict(asked.form)
    sid = _text(asked.given.get("message_sid"))
    if not _MESSAGE.fullmatch(sid) or Message.objects.filter(provider_sid=sid).exists():
        return None
    return {
        "MessageSid": sid,
        "AccountSid": asked.sender.account_sid,
        "From": address,
        "To": asked.sender.address,
        "Body": _text(asked.given.get("last_message")),
    }


def _explain(handoff: Handoff, wanted: HandoffRequest) -> None:
    more: dict[str, Any] = {
        "summary": wanted.summary,
        "intent": wanted.intent,
        "slots": dict(wanted.slots),
        "suggested_reply": wanted.suggested_reply,
    }
    known = {name: value for name, value in more.items() if value}
    if known:
        Handoff.objects.filter(pk=handoff.pk).update(**known)


def way_back(asked: Asked, values: Mapping[str, str]) -> str:
    """The address at which the flow goes on with these values; "" where it cannot be told."""
    named = _text(asked.given.get("flow_sid"))
    flow = named if _FLOW.fullmatch(named) else asked.sender.flow
    return studio.flow_url(asked.sender.account_sid, flow, **values) if flow else ""


# Its words ------------------------------------------------------------------------------------------------


def wish(given: Mapping[str, Any]) -> HandoffRequest:
    """The contract's members as far as they can be read; what else the flow says is what it knows (``slots``)."""
    return HandoffRequest(
        reason=_text(given.get("reason"))[:40].strip() or BOT_ASKED,
        summary=_text(given.get("summary"))[:LONGEST_TEXT],
        intent=_text(given.get("intent"))[:120],
        slots=_slots(given),
        confidence=_confidence(given.get("confidence")),
        priority=_priority(given.get("priority")),
        queue=_text(given.get("queue"))[:80] or None,
        suggested_reply=_text(given.get("suggested_reply"))[:LONGEST_TEXT],
    )


def _slots(given: Mapping[str, Any]) -> dict[str, str]:
    named = given.get("slots")
    more = {name: value for name, value in given.items() if name not in _OURS}
    every = (named if isinstance(named, dict) else {}) | more
    known = {_text(name)[:LONGEST_NAME]: _text(value)[:LONGEST_SLOT] for name, value in every.items()}
    return dict([one for one in known.items() if all(one)][:MOST_SLOTS])


def _priority(value: Any) -> int:
    text = _text(value)
    return int(text) if text in {"0", "1", "2", "3"} else 0


def _confidence(value: Any) -> float | None:
    try:
        found = float(_text(value))
    except ValueError:
        return None
    return found if 0 <= found <= 1 else None


def _sid(form: Mapping[str, str]) -> str:
    return payloads.parse_inbound(form).sid


def _text(value: Any) -> str:
    return payloads.storable(value).strip()
