"""A thread as it is drawn: bubbles, day pills, event lines, the folded talk with the bot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations.models import Author, Event, Kind, Message, Status
from operators.views import attachments, cards, failures, markup, wording
from operators.views.attachments import File
from operators.views.cards import Card
from operators.views.drawn import Drawn, ours
from operators.views.failures import Failure

GROUP = timedelta(minutes=5)
FOLD_FROM = 5
FOLD_LEAVES = 2
USUAL, BIG = ours("tx"), ours("tx big")
SIDES = {Author.CUSTOMER: "in", Author.BOT: "botm", Author.OPERATOR: "out", Author.SYSTEM: "sysm"}


@dataclass(slots=True)
class Quote:
    """What is answered, and where it stands."""

    id: str
    seq: int
    who: str
    text: str


@dataclass(slots=True)
class Bubble(Drawn):
    """What a bubble shows. What nobody typed is marked as ``ours``: looking through it costs as much as the rest."""

    id: str
    seq: int
    side: str
    text: str
    time: str
    stamp: str
    who: str = ""
    by: str = ""
    by_icon: str = ""
    gap: bool = False
    size: str = USUAL
    forwarded: str = ""
    struck: bool = False
    tick: tuple[str, str, str] | None = None
    quote: Quote | None = None
    cards: list[Card] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    failure: Failure | None = None
    aside: str = ""
    """That it came late, or waits to leave."""
    template: dict[str, Any] | None = None
    pin: str = ""
    """Of a note: "pin" or "unpin", where that can be done."""
    kind: str = "bubble"
    author: str = ""
    day: str = ""
    at: datetime | None = None

    @property
    def look(self) -> str:
        """Its classes."""
        trouble = "" if self.failure is None else " doubt" if self.failure.unconfirmed else " err"
        return ours(f"m {self.side}{' gap' * self.gap}{' cut' * self.struck}{trouble}")

    @property
    def rich(self) -> bool:
        """Whether there is more to it than text: a template asks once for what most bubbles do not have."""
        return bool(self.forwarded or self.quote or self.files or self.cards or self.template)


@dataclass(slots=True)
class Line(Drawn):
    """A day pill, an event, the divider above what is new, or an earlier chat (``id``) that was merged into this."""

    kind: str
    text: str
    icon: str = ""
    seq: int = 0
    handoff: str = ""
    episode: int = 0
    """The number of the service that begins here."""
    time: str = ""
    stamp: str = ""
    id: str = ""


@dataclass(slots=True)
class Talk:
    """The talk with the bot before a person was asked for, folded."""

    id: str
    label: str
    items: list[Bubble | Line]
    kind: str = "talk"


Item = Bubble | Line | Talk


def thread(
    messages: Sequence[Message],
    lines: Sequence[Line | Bubble],
    *,
    contact: str,
    now: datetime,
    new_after: int | None,
) -> list[Item]:
    """Bubbles, notes and event lines in order, with days, groups, the divider and the folds put in."""
    bubbles: list[Bubble | Line] = [_bubble(message, contact, now) for message in messages]
    story = sorted([*bubbles, *lines], key=lambda item: item.seq)
    _group(story)
    return _with_days(_fold(_with_divider(story, new_after)))


def one(message: Message, *, contact: str, now: datetime) -> Bubble:
    return _bubble(message, contact, now)


def _bubble(message: Message, contact: str, now: datetime) -> Bubble:
    found = cards.of(message)
    return Bubble(
        id=ours(message.public_id),
        seq=message.seq,
        side=SIDES[Author(message.author)],
        text="" if _said_elsewhere(message, found) else markup.html(message.body),
        time=ours(wording.clock(message.occurred_at)),
        stamp=ours(message.occurred_at),
        who=_who(message, contact),
        by=_by(message),
        by_icon="bot" if message.author in {Author.BOT, Author.SYSTEM} else "",
        size=BIG if message.kind == Kind.TEXT and _only_emoji(message.body) else USUAL,
        forwarded=_forwarded(message),
        struck=message.status == Status.CANCELLED,
        tick=wording.tick(message.status),
        quote=_quote(message.reply_to, contact),
        cards=found,
        files=attachments.of(message),
        failure=failures.of(message, now),
        aside=_aside(message),
        template=message.extras.get("template") or message.extras.get("choices"),
        author=f"{message.author}{message.operator_id or ''}",
        day=wording.day(message.occurred_at, now),
        at=message.occurred_at,
    )


def _said_elsewhere(message: Message, found: list[Card]) -> bool:
    """Whether a card or a file of the bubble says what its text would repeat."""
    if found and message.kind in cards.SAID_BY_CARD:
        return True
    return any(file.name and file.name == message.body.strip() for file in attachments.held(message))


def _aside(message: Message) -> str:
    if message.late:
        return _("arrived late")
    if message.status == Status.UNKNOWN:
        return _("Confirming")
    return _("Waits: the number is paused") if failures.is_held(message) else ""


def _by(message: Message) -> str:
    if message.author == Author.BOT:
        return _("Bot")
    return _("Automatic message") if message.author == Author.SYSTEM else ""


def _who(message: Message, contact: str) -> str:
    """Who speaks, for those who hear the thread and do not see its colours."""
    if message.author == Author.CUSTOMER:
        return contact
    return message.operator.shown_name if message.operator else _by(message)


def _quote(quoted: Message | None, contact: str) -> Quote | None:
    if quoted is None:
        return None
    who = contact if quoted.author == Author.CUSTOMER else _by(quoted) or _("The team")
    return Quote(str(quoted.public_id), quoted.seq, who, quoted.body[:160] or cards.label(quoted.kind))


def _forwarded(message: Message) -> str:
    if message.extras.get("frequently_forwarded"):
        return _("Forwarded many times")
    return _("Forwarded") if message.extras.get("forwarded") else ""


def _only_emoji(text: str) -> bool:
    bare = text.strip()
    return 0 < len(bare) <= 8 and all(ord(char) > 0x2190 and not char.isalnum() for char in bare)


def _group(story: list[Bubble | Line]) -> None:
    """Bubbles of one author within five minutes hang together; the name stands on the first."""
    for before, after in pairwise(story):
        if not isinstance(after, Bubble):
            continue
        apart = (
            not isinstance(before, Bubble)
            or before.author != after.author
            or (before.at is not None and after.at is not None and after.at - before.at > GROUP)
        )
        after.gap = apart
        if not apart and after.side != "in":
            after.by = after.by_icon = ""


def _with_divider(story: list[Bubble | Line], new_after: int | None) -> list[Bubble | Line]:
    if new_after is None:
        return story
    new = [item for item in story if isinstance(item, Bubble) and item.side == "in" and item.seq > new_after]
    if not new:
        return story
    label = ngettext("%(count)d new message", "%(count)d new messages", len(new)) % {"count": len(new)}
    at = story.index(new[0])
    return [*story[:at], Line("new", label, seq=new[0].seq), *story[at:]]


def _fold(story: list[Bubble | Line]) -> list[Item]:
    """What customer and bot said before a person was asked for shrinks to a line; its last words stay."""
    folded: list[Item] = []
    talk: list[Bubble | Line] = []
    for item in story:
        if isinstance(item, Bubble) and item.side in {"in", "botm"}:
            talk.append(item)
            continue
        if isinstance(item, Line) and item.handoff in {"requested", "claimed"}:
            talk = _shrink(talk, folded)
        folded += [*talk, item]
        talk = []
    return [*folded, *talk]


def _shrink(talk: list[Bubble | Line], folded: list[Item]) -> list[Bubble | Line]:
    """Move all but the last words of a long talk into a fold; what stays outside."""
    inside = talk[:-FOLD_LEAVES]
    said = [item for item in inside if isinstance(item, Bubble)]
    if len(said) < FOLD_FROM or not any(bubble.side == "botm" for bubble in said):
        return talk
    label = ngettext("%(count)d message with the bot", "%(count)d messages with the bot", len(said))
    folded += _days([Talk(f"talk-{said[0].seq}", label % {"count": len(said)}, inside)], said[0])
    return talk[-FOLD_LEAVES:]


def _days(items: list[Item], first: Bubble) -> list[Item]:
    return [Line("day", first.day), *items]


def _with_days(items: list[Item]) -> list[Item]:
    shown: list[Item] = []
    day = ""
    for item in items:
        if isinstance(item, Line) and item.kind == "day":
            if item.text == day:
                continue
            day = item.text
        elif isinstance(item, Bubble) and item.day != day:
            day = item.day
            _before_divider(shown, Line("day", day))
        shown.append(item)
    return shown


def _before_divider(shown: list[Item], pill: Line) -> None:
    last: Any = shown[-1] if shown else None
    place = len(shown) - 1 if isinstance(last, Line) and last.kind == "new" else len(shown)
    shown.insert(place, pill)


def event_line(event: Event, *, text: str, icon: str = "") -> Line:
    kind = event.kind.removeprefix("handoff.")
    return Line(
        "event",
        text,
        icon=icon,
        seq=event.seq,
        handoff=kind,
        episode=event.data.get("handoff", 0) if kind == "requested" else 0,
        time=wording.clock(event.created_at),
        stamp=event.created_at.isoformat(),
    )
