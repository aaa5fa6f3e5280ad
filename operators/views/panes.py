"""The open conversation: its header, its thread, who may speak, and what is known about the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

from django.db.models import prefetch_related_objects
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language

from conversations.models import Conversation, Handoff, Message, Mode, Outcomes, Reasons
from conversations.models.message import MessageQuerySet
from operators import drafts
from operators.models import Draft, Operator, Reason
from operators.views import attachments, bubbles, details, offers, persons, rows, side, story, timers, wording
from operators.views.bubbles import Item
from operators.views.offers import Offer
from operators.views.timers import ReplyBy, Timer

PAGE = 50
LONGEST_THREAD = 200
CLOSING, LAST_HOUR = timedelta(hours=2), timedelta(hours=1)
STORIES = 20
_OWN_DOING = {Reasons.TAKEOVER, Reasons.OUTBOUND}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    level: str
    left: str
    until: str
    closing: bool = False
    """It is in its last hour: time for what has to be said freely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """One conversation for one operator at one moment. ``dock`` says who may speak and what stands at the foot."""

    id: str
    name: str
    first_name: str
    initials: str
    hue: str
    address: str
    epoch: int
    seq: int
    dock: str
    card: str
    mine: bool
    team: bool
    can_whisper: bool
    window: Window | None
    items: list[Item]
    after: int
    older: int
    new_after: int | None
    context: dict[str, Any] | None
    side: dict[str, Any]
    offer: Offer | None
    holder: dict[str, str] | None
    last_wrote: str
    reply_by: ReplyBy | None
    answer: Timer | None
    client_key: str
    drafts: Mapping[str, Draft]
    """What they have begun to write, by kind; asked for where it is shown."""


def dock_of(conversation: Conversation, operator: Operator, now: datetime) -> str:
    if conversation.mode == Mode.BOT:
        return "bot"
    if conversation.mode == Mode.QUEUED:
        if conversation.offered_to_id is None:
            return "waiting"
        return "offer" if conversation.offered_to_id == operator.pk else "offered"
    if conversation.operator_id != operator.pk:
        return "other"
    if _stopped(conversation):
        return "stopped"
    return "compose" if conversation.window_open(now) else "closed"


def _stopped(conversation: Conversation) -> bool:
    """They told us that they want no more messages, or they told Twilio."""
    return conversation.contact.opted_out_at is not None or getattr(conversation, "stopped", False)


def card_of(conversation: Conversation, operator: Operator, now: datetime) -> str:
    """What stands at the foot, by which a page knows whether it shows another: it may name somebody."""
    dock, holder = dock_of(conversation, operator, now), conversation.operator or conversation.offered_to
    return f"{dock} {holder.public_id}" if holder and dock in {"other", "offered"} else dock


def pane(
    conversation: Conversation,
    operator: Operator,
    now: datetime,
    *,
    after: int | None,
    new_after: int | None,
    alone: bool | None = None,
) -> Pane:
    """``after`` is the seq before the first bubble shown (None: the newest ones), ``new_after`` the divider's."""
    handoffs = list(_handoffs(conversation))
    shown, older = _messages(conversation, after)
    first = after if after is not None else (shown[0].seq - 1 if older else 0)
    labels = _labels(operator, handoffs)
    name = wording.contact_name(conversation)
    person = persons.of(conversation, operator)
    begins = first if older else 0
    notes = story.notes(conversation, operator, after=begins, pinned_in=[conversation, *person.merged])
    lines = story.lines(conversation, operator, handoffs, labels, now, notes=notes, after=begins)
    lines += persons.blocks(person.merged, shown, older=older, end=conversation.seq + 1)
    known = side.of(conversation, handoffs, labels, now, stopped=_stopped(conversation))
    known |= persons.side(person, operator)
    dock = dock_of(conversation, operator, now)
    current = next((handoff for handoff in handoffs if handoff.open_for_id), None)
    mine = conversation.mode == Mode.HUMAN and conversation.operator_id == operator.pk
    return Pane(
        **_whom(conversation, name),
        epoch=conversation.epoch,
        seq=conversation.seq,
        dock=dock,
        card=card_of(conversation, operator, now),
        mine=mine,
        can_whisper=operator.is_staff and dock == "other",
        team=not (Operator.objects.alone(operator) if alone is None else alone),
        window=window(conversation, now),
        items=bubbles.thread(shown, lines, contact=name, now=now, new_after=new_after),
        after=first,
        older=shown[0].seq if older and shown else 0,
        new_after=new_after,
        context=_context(conversation, handoffs, operator),
        side=details.of(conversation, operator, notes, known),
        offer=offers.of([conversation], now)[conversation.pk] if dock == "offer" else None,
        holder=_holder(conversation, handoffs, now),
        last_wrote=wording.when(conversation.last_inbound_at, now) if conversation.last_inbound_at else "",
        reply_by=timers.reply_by(current, now) if mine else None,
        answer=timers.answer(conversation, current, now) if mine else None,
        client_key=str(uuid4()),
        drafts=cast(dict[str, Draft], SimpleLazyObject(lambda: drafts.of(conversation, operator))),
    )


def _whom(conversation: Conversation, name: str) -> dict[str, Any]:
    return {
        "id": str(conversation.public_id),
        "name": name,
        "first_name": wording.first_name(name),
        "initials": wording.initials(name),
        "hue": wording.hue(conversation.contact),
        "address": wording.address(conversation.reply_address),
    }


def older_items(
    conversation: Conversation, operator: Operator, before: int, now: datetime, *, after: int = 0
) -> tuple[list[Item], int]:
    """The page before ``before`` and after ``after``, and where the next one ends (0: there is none)."""
    found = _read(_thread(conversation).filter(seq__gt=after, seq__lt=before), PAGE + 1)
    more = len(found) > PAGE
    page = found[:PAGE][::-1]
    first = page[0].seq if more else 0
    handoffs = list(_handoffs(conversation))
    labels = _labels(operator, handoffs)
    begins = max(after, first - 1)
    notes = story.notes(conversation, operator, after=begins, before=before)
    lines = story.lines(
        conversation, operator, handoffs, labels, now, notes=notes, after=begins, before=before
    )
    merged = persons.merged(conversation)
    end = before - 1 if before > conversation.seq else None
    lines += persons.blocks(merged, page, older=more or after > 0, end=end)
    name = wording.contact_name(conversation)
    return bubbles.thread(page, lines, contact=name, now=now, new_after=None), first


def validator(conversation: Any, operator: Operator, now: datetime) -> tuple[Any, ...]:
    """What the thread's fragment depends on: every event takes a seq, and so does every status that shows."""
    limits = window(conversation, now)
    return (
        conversation.seq,
        conversation.epoch,
        conversation.unread,
        conversation.doubts,
        card_of(conversation, operator, now),
        limits.level if limits else "",
        wording.day(now, now),
        get_language(),
    )


def window(conversation: Conversation, now: datetime) -> Window | None:
    """The 24 hours in which WhatsApp takes free text, for whoever answers or may."""
    until = conversation.window_expires_at
    if conversation.mode == Mode.BOT:
        return None
    if until is None or until <= now:
        return Window(level="bad", left="", until=until.isoformat() if until else "")
    level = "warn" if until - now < CLOSING else "ok"
    closing = until - now < LAST_HOUR
    return Window(level=level, left=wording.left(until - now), until=until.isoformat(), closing=closing)


def outcome_labels(operator: Operator) -> dict[str, str]:
    language = get_language() or "en"
    reasons = Reason.objects.filter(organization_id=operator.organization_id)
    own = {reason.code: reason.label(language) for reason in reasons}
    return {code: str(label) for code, label in Outcomes.choices} | own


def _labels(operator: Operator, handoffs: list[Handoff]) -> dict[str, str]:
    return outcome_labels(operator) if any(handoff.outcome for handoff in handoffs) else {}


def messages() -> MessageQuerySet:
    """Messages with all that a bubble shows, but for the files of those that have any."""
    shown = Message.objects.select_related("reply_to", "delivery__sender", "operator")
    return shown.annotate(has_files=attachments.any_of())


def _thread(conversation: Conversation) -> MessageQuerySet:
    return messages().filter(conversation=conversation)


def _messages(conversation: Conversation, after: int | None) -> tuple[list[Message], bool]:
    """The bubbles to show, oldest first, and whether there are older ones."""
    if after is None:
        found = _read(_thread(conversation), PAGE + 1)
        return found[:PAGE][::-1], len(found) > PAGE
    return _read(_thread(conversation).filter(seq__gt=after), LONGEST_THREAD)[::-1], after > 0


def _read(thread: MessageQuerySet, most: int) -> list[Message]:
    """The newest ones, their files in one statement or in none."""
    found = list(thread.newest_first()[:most])
    prefetch_related_objects([one for one in found if getattr(one, "has_files", False)], "attachments")
    return found


def _handoffs(conversation: Conversation) -> Any:
    return (
        Handoff.objects.filter(conversation=conversation)
        .select_related("operator")
        .order_by("-number")[:STORIES]
    )


def _context(
    conversation: Conversation, handoffs: list[Handoff], operator: Operator
) -> dict[str, Any] | None:
    """What the bot hands over, at the top of the thread while the episode is open."""
    handoff = next((handoff for handoff in handoffs if handoff.open_for_id), None)
    if handoff is None or (handoff.reason in _OWN_DOING and not handoff.summary):
        return None
    return {
        "handoff": handoff,
        "time": wording.clock(handoff.handoff_at or handoff.requested_at),
        "mine": conversation.operator_id == operator.pk and handoff.handoff_at == handoff.first_handoff_at,
        "reason": rows.reason_label(handoff.reason),
        "summary": handoff.summary or rows.reason_label(handoff.reason),
        "slots": side.pairs(handoff.slots),
    }


def _holder(conversation: Conversation, handoffs: list[Handoff], now: datetime) -> dict[str, str] | None:
    """Who else has it, and since when."""
    holder = conversation.operator or conversation.offered_to
    if holder is None:
        return None
    handoff = next((handoff for handoff in handoffs if handoff.open_for_id), None)
    since = handoff.handoff_at if handoff else None
    return {
        "id": str(holder.public_id),
        "name": holder.shown_name,
        "first_name": wording.first_name(holder.shown_name),
        "initials": wording.initials(holder.shown_name),
        "hue": wording.hue(holder),
        "took": wording.took(now - since) if since else "",
    }
