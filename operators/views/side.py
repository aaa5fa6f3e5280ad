"""What is known about the person, beside the thread: who they are, this service, and those before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from conversations.models import Contact, Conversation, Handoff
from operators.views import rows, timers, wording


def of(
    conversation: Conversation,
    handoffs: list[Handoff],
    labels: dict[str, str],
    now: datetime,
    *,
    stopped: bool,
) -> dict[str, Any]:
    current = next((handoff for handoff in handoffs if handoff.open_for_id), None)
    return {
        "since": conversation.created_at.year,
        "stopped": stopped,
        "privacy": _privacy(conversation, handoffs, stopped=stopped),
        "subject": capfirst(current.intent) if current else "",
        "slots": current.slots if current else {},
        "times": _times(current, conversation, now) if current else [],
        "history": [_episode(handoff, labels) for handoff in handoffs if handoff.released_at],
    }


def _privacy(conversation: Conversation, handoffs: list[Handoff], *, stopped: bool) -> dict[str, Any]:
    """What they agreed to, where their data is, and what the bot was told of the last service."""
    contact = conversation.contact
    silent = ""
    if contact.opted_out_at:
        day = wording.short_date(timezone.localdate(contact.opted_out_at))
        silent = _("Asked for no more messages on %(day)s.") % {"day": day}
    elif stopped:
        silent = _("Blocked the number or told WhatsApp to stop. That ends when they write.")
    last = next((handoff for handoff in handoffs if handoff.released_at), None)
    told = last.context_out if last else {}
    facts = dict(told.get("facts") or {})
    for name, key in ((_("Promised"), "promises"), (_("Not to be repeated"), "do_not_repeat")):
        if listed := told.get(key):
            facts[name] = "; ".join(map(str, listed))
    return {
        "agreed": _agreed(contact),
        "silent": silent,
        "since": wording.short_date(timezone.localdate(conversation.created_at)),
        "told": pairs(({_("Summary"): told["summary"]} if told.get("summary") else {}) | facts),
    }


def _agreed(contact: Contact) -> str:
    """Since when they may be written to first, and on whose word."""
    if contact.opted_in_at is None:
        return ""
    name = wording.first_name(contact.opted_in_by.shown_name) if contact.opted_in_by else _("The team")
    day = wording.short_date(timezone.localdate(contact.opted_in_at))
    return _("Agreed to messages on %(day)s (%(name)s)") % {"day": day, "name": name}


@dataclass(frozen=True, slots=True)
class Time:
    """``chip`` says whether it was in time, ``until`` counts down in its place."""

    name: str
    value: str
    chip: str = ""
    level: str = ""
    until: str = ""


def _times(handoff: Handoff, conversation: Conversation, now: datetime) -> list[Time]:
    queue, taken, replied = conversation.queue, handoff.first_handoff_at, handoff.first_reply_at
    waited = (taken or now) - handoff.requested_at
    times = [
        Time(_("Waited"), wording.took(waited), *_in_time(waited, queue.longest_wait if queue else None))
    ]
    if taken and replied:
        took = replied - taken
        times.append(
            Time(_("1st reply"), wording.took(took), *_in_time(took, queue.reply_time if queue else None))
        )
    if taken:
        times.append(Time(_("Taken at"), wording.clock(taken)))
    if due := timers.reply_by(handoff, now):
        times.append(Time(_("Reply by"), due.at, due.left, due.level, due.until))
    return times


def _in_time(took: timedelta, limit: timedelta | None) -> tuple[str, str]:
    if limit is None:
        return "", ""
    return (_("in time"), "ok") if took <= limit else (_("late"), "bad")


def _episode(handoff: Handoff, labels: dict[str, str]) -> dict[str, str]:
    ended = handoff.released_at or handoff.requested_at
    outcome = labels.get(handoff.outcome, handoff.outcome)
    took = wording.took(ended - handoff.first_handoff_at) if handoff.first_handoff_at else ""
    name = wording.first_name(handoff.operator.shown_name) if handoff.operator else ""
    line = _("%(outcome)s by %(name)s in %(time)s") % {"outcome": outcome, "name": name, "time": took}
    return {
        "number": str(handoff.number),
        "title": capfirst(handoff.intent) or rows.reason_label(handoff.reason),
        "date": wording.short_date(ended.date()),
        "stamp": ended.isoformat(),
        "line": line if name and took else outcome,
        "summary": handoff.context_out.get("summary", ""),
    }


def pairs(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (_titled(name.replace("_", " ")), str(value))
        for name, value in values.items()
        if value not in ("", None)
    ]


def _titled(name: str) -> str:
    """With a capital, and the others as they were: CEP stays CEP."""
    return name[:1].upper() + name[1:]
