"""What the stream shows of an event: the bubble and the row it changed, drawn once for everybody alike.

Who sees the same gets the same text: one language, one clock, and whether the conversation is theirs. A transition
changes more than that, so of it only the fact is told, and the page asks. Every frame is relative to a seq: a page
that shows less than ``first - 1`` has missed something and asks, too.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string

from conversations.models import Conversation, Event, Message
from operators import http
from operators.grants import Audience
from operators.views import bubbles, panes, rows, story, wording
from operators.views.bubbles import Item, Line

NEW = ("message.received", "message.accepted")
SHOWN = (*NEW, "message.status")


@dataclass(frozen=True, slots=True)
class _Scene:
    """A message with what decides how it hangs together: what stands right before it."""

    message: Message
    before: Message | None
    lines: list[Line]


def draw(wanted: Mapping[Event, Iterable[Audience]], now: datetime) -> dict[tuple[int, Audience], str]:
    """The frame of each event for each audience that wants it. A row is drawn with the last of its events."""
    shown = {event: list(audiences) for event, audiences in wanted.items() if event.kind in SHOWN}
    scenes = _scenes(shown)
    listed = rows.by_id({event.conversation_id for event in shown})
    last = {event.conversation_id: event.pk for event in sorted(shown, key=lambda event: event.seq)}
    frames = {}
    for audience, events in _by_audience(shown).items():
        with http.speaking(audience.language, audience.zone):
            for event in events:
                data = _bubble(event, listed[event.conversation_id], scenes.get(event.pk), audience, now)
                listed_now = listed[event.conversation_id]
                # An offer looks different to the one it is kept for, a mention to whom it names: they ask.
                alike = listed_now.offered_to_id is None and not listed_now.names_somebody  # type: ignore[attr-defined]  # annotated
                if last[event.conversation_id] == event.pk and alike:
                    data["row"] = _row(listed_now, audience, now)
                frames[event.pk, audience] = json.dumps(told(event) | data)
    return frames


def _by_audience(wanted: Mapping[Event, Iterable[Audience]]) -> dict[Audience, list[Event]]:
    found: defaultdict[Audience, list[Event]] = defaultdict(list)
    for event, audiences in wanted.items():
        for audience in audiences:
            found[audience].append(event)
    return found


def _scenes(events: Iterable[Event]) -> dict[int, _Scene]:
    ids = {event.pk: event.data.get("message") for event in events}
    messages = panes.messages().in_bulk({pk for pk in ids.values() if pk})
    found = {pk: _scene(message) for pk, message in messages.items()}
    return {event: found[message] for event, message in ids.items() if message in found}


def _scene(message: Message) -> _Scene:
    thread = panes.messages().filter(conversation=message.conversation_id, seq__lt=message.seq)
    before = thread.newest_first().first()
    lines = story.between(message.conversation_id, before.seq if before else 0, message.seq)
    return _Scene(message, before, lines)


def told(event: Event) -> dict[str, Any]:
    """The fact alone: which conversation, and which of its numbers this event and its message took."""
    first = event.data.get("message_seq") if event.kind in NEW else None
    return {
        "conversation": str(event.conversation.public_id),
        "seq": event.seq,
        "first": first or event.seq,
        "kind": event.kind,
    }


def moves(event: Event) -> bool:
    """Whether the conversation may have left somebody's list with it."""
    return event.kind.startswith("handoff.")


def _bubble(
    event: Event, conversation: Conversation, scene: _Scene | None, audience: Audience, now: datetime
) -> dict[str, Any]:
    if scene is None:
        return {}
    around = [scene.before, scene.message] if scene.before else [scene.message]
    name = wording.contact_name(conversation)
    items = bubbles.thread(around, scene.lines, contact=name, now=now, new_after=None)
    holder = conversation.operator
    context = {
        # A bubble that is shown already stands under its pill.
        "items": _last(items) if event.kind in NEW else items[-1:],
        "id": str(conversation.public_id),
        "can_act": audience.mine,
        "dock": panes.dock_of(conversation, holder, now) if audience.mine and holder else "",
    }
    drawn = {
        "message": str(scene.message.public_id),
        "bubble": render_to_string("operator/_items.html", context),
    }
    if event.kind == "message.received" and conversation.window_expires_at:
        drawn["until"] = conversation.window_expires_at.isoformat()
    return drawn


def _last(items: list[Item]) -> list[Item]:
    """The newest bubble, under the pill of its day if it is the first of that day."""
    bubble, above = items[-1], items[-2:-1]
    pill = [item for item in above if isinstance(item, Line) and item.kind == "day"]
    return [*pill, bubble]


def _row(conversation: Conversation, audience: Audience, now: datetime) -> str:
    template, row = rows.one(conversation, mine=audience.mine, now=now)
    return render_to_string(template, {"row": row})
