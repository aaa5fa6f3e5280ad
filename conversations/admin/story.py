"""The story of one conversation as its page shows it: a page of the thread, its notes, its episodes, its events,
and who spoke when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from conversations import replay
from conversations.admin import scope, wording
from conversations.models import Conversation, Event, Kind, Mode

PAGE = 50
EVENTS = 200
MODE_CHIPS = {Mode.BOT: "bot", Mode.QUEUED: "warn", Mode.HUMAN: "ok"}


@dataclass(frozen=True, slots=True)
class Line:
    """A bubble or a note, where it stands in the thread."""

    seq: int
    at: datetime
    who: str
    body: str
    kind: str = ""
    status: str = ""
    note: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to the next (None: now) this one alone could speak. Operators and queues by public id."""

    since: datetime
    until: datetime | None
    epoch: int
    mode: str
    operator: str = ""
    queue: str = ""
    offered_to: str = ""
    merged_into: str = ""
    """It goes on in another: here nobody speaks."""


@dataclass(frozen=True, slots=True)
class Control:
    spans: list[Span]
    impossible: str = ""
    """Where and why the story contradicts itself; what is told ends there."""


def control(events: Iterable[Event], *, begun: datetime | None) -> Control:
    """Who had the word, second by second: ``events`` in order, from the beginning (``begun``) or from later on."""
    story = iter(events)
    spans, queue = _beginning(story, begun)
    state = _state(spans[-1]) if spans else replay.State()
    try:
        for event, after in replay.steps(story, state=state):
            queue = event.data.get("queue") or queue
            if spans and after != _state(spans[-1]):
                spans[-1] = replace(spans[-1], until=event.created_at)
                spans.append(_span(event.created_at, after, queue))
    except replay.ImpossibleStory as error:
        return Control(spans, str(error))
    return Control(spans)


def _beginning(story: Iterator[Event], begun: datetime | None) -> tuple[list[Span], str]:
    """With the bot; or, where only the later part of the story is told, with the first that a move gave it to."""
    if begun is not None:
        return [_span(begun, replay.State(), "")], ""
    for event in story:
        if event.epoch_after == event.epoch_before:
            continue
        data = event.data
        held = data.get("operator") if data.get("mode") == Mode.HUMAN else None
        offered_to = data.get("offered_to") or None
        into = data.get("into") if event.kind == "handoff.merged" else None
        state = replay.State(data.get("mode", ""), event.epoch_after, held, offered_to, into)
        return [_span(event.created_at, state, data.get("queue", ""))], data.get("queue", "")
    return [], ""


def _state(span: Span) -> replay.State:
    return replay.State(
        span.mode,
        span.epoch,
        span.operator or None,
        span.offered_to or None,
        span.merged_into or None,
    )


def _span(since: datetime, state: replay.State, queue: str) -> Span:
    return Span(
        since=since,
        until=None,
        epoch=state.epoch,
        mode=state.mode,
        operator=state.operator or "",
        queue=queue if state.mode == Mode.QUEUED else "",
        offered_to=state.offered_to or "",
        merged_into=state.merged_into or "",
    )


def of(conversation: Conversation, before: str, handoffs: Sequence[Any]) -> dict[str, Any]:
    """The newest of everything, or what stands before a number of the thread: never a count."""
    border = int(before) if before.isdecimal() and len(before) < 10 else conversation.seq + 1
    messages = conversation.messages.select_related("operator").filter(seq__lt=border).newest_first()
    shown = list(messages[: PAGE + 1])
    more = len(shown) > PAGE
    shown = shown[:PAGE]
    lowest = shown[-1].seq if more else 0
    notes = conversation.notes.select_related("author").filter(seq__lt=border, seq__gte=lowest)
    events = list(
        conversation.events.filter(seq__lt=border)
        .exclude(kind__startswith="message.")
        .order_by("-seq")[: EVENTS + 1]
    )
    # The first message may be a moment older than the row that was made for it.
    begun = min([conversation.created_at, *(event.created_at for event in events[-1:])])
    whole = len(events) <= EVENTS
    events = events[:EVENTS]
    told = control(reversed(events), begun=begun if whole else None)
    written = list(notes[:PAGE])
    known = [conversation.operator, conversation.offered_to, *(handoff.operator for handoff in handoffs)]
    known += [*(message.operator for message in shown), *(note.author for note in written)]
    queues = [conversation.queue, *(handoff.queue for handoff in handoffs)]
    named = _named(events, known, queues)
    lines = [_bubble(message) for message in shown] + [_note(note) for note in written]
    return {
        "thread_lines": sorted(lines, key=lambda line: -line.seq),
        "thread_spans": [(span, mode_chip(span.mode), _holder(span, named)) for span in reversed(told.spans)],
        "thread_impossible": told.impossible,
        "thread_events": [_told(event, named) for event in events[:PAGE]],
        "older_than": lowest or None,
        "newest": border > conversation.seq,
    }


def mode_chip(mode: str) -> str:
    return wording.chip(Mode(mode).label, MODE_CHIPS[Mode(mode)]) if mode in Mode.values else mode


def _bubble(message: Any) -> Line:
    kind = "" if message.kind == Kind.TEXT else message.get_kind_display()
    code = f" · {message.error_code}" if message.error_code else ""
    return Line(
        seq=message.seq,
        at=message.occurred_at,
        who=message.operator.shown_name if message.operator else message.get_author_display(),
        body=message.body,
        kind=kind,
        status=f"{message.get_status_display()}{code}",
    )


def _note(note: Any) -> Line:
    return Line(
        seq=note.seq,
        at=note.created_at,
        who=note.author.shown_name if note.author else _("an integration"),
        body=note.body,
        kind=note.get_kind_display(),
        note=True,
    )


def _named(events: list[Event], people: list[Any], queues: list[Any]) -> dict[str, str]:
    """Names for the ids that the events tell of; asked for only where nobody else on the page has them."""
    named = {str(queue.public_id): queue.name for queue in queues if queue}
    named |= {str(person.public_id): person.shown_name for person in people if person}
    meant = {str(event.data.get(name) or "") for event in events for name in ("operator", "offered_to")}
    meant |= {event.actor_id for event in events if event.actor_kind in {"operator", "supervisor"}}
    return named | scope.names(meant - named.keys())


def _holder(span: Span, named: dict[str, str]) -> str:
    if span.merged_into:
        return _("merged")
    if span.mode == Mode.HUMAN:
        return named.get(span.operator, span.operator)
    if span.offered_to:
        return _("offered to %(name)s") % {"name": named.get(span.offered_to, span.offered_to)}
    return named.get(span.queue, "")


def _told(event: Event, named: dict[str, str]) -> dict[str, Any]:
    """``door`` and ``mode`` are told in columns of their own."""
    rest = {name: value for name, value in event.data.items() if name not in {"door", "mode"} and value != ""}
    return {
        "at": event.created_at,
        "kind": event.kind,
        "who": named.get(event.actor_id) or event.actor_kind,
        "door": event.data.get("door", ""),
        "details": [(name, named.get(str(value), value)) for name, value in rest.items()],
    }
