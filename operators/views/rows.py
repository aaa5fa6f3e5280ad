"""The list beside the conversations: one list, no tabs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Substr

from conversations.models import PREVIEW_LENGTH, Conversation, Mention, Message, Mode, Reasons
from conversations.models.conversation import ConversationQuerySet
from operators import drafts, mentions, tags
from operators.models import Operator
from operators.views import kinds, marks, markup, offers, timers, wording
from operators.views.drawn import Drawn
from operators.views.offers import Offer
from operators.views.timers import Timer

MOST = 50
FOLDS, SORTS = ("team", "bot"), ("window",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Drawn):
    """``repr`` is what the fragment's validator is made of: what runs by itself in the browser stays out."""

    id: str
    name: str
    initials: str
    hue: str
    preview: str
    preview_icon: str
    time: str
    stamp: str
    unread: int
    closed: bool
    current: bool
    tick: tuple[str, str, str] | None
    until: str
    left: str = field(repr=False)
    """Until when WhatsApp takes what we write, while it does."""
    marks: marks.Marks
    holder: str = ""
    draft: str = ""
    """What they were about to reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Row):
    timer: Timer
    reason: str
    reason_icon: str
    offer: Offer | None = None
    """It is kept for this operator."""
    kept_for: str = ""
    """It is kept for somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    waiting: list[Waiting]
    mine: list[Row]
    folded: list[Row]
    named: list[Row]
    """Where this operator is mentioned and has not looked yet, unless it stands in the list anyway."""
    named_in: frozenset[int] = field(repr=False)
    show: str
    sort: str
    waiting_count: int
    mine_count: int
    team_count: int
    bot_count: int
    unread_count: int
    capacity: int
    open: str

    @property
    def bot_shown(self) -> str:
        return f"{MOST}+" if self.bot_count > MOST else str(self.bot_count)

    @property
    def more_waiting(self) -> int:
        return self.waiting_count - len(self.waiting)

    @property
    def calls(self) -> int:
        """The number in the title: who waits, and who of mine wrote."""
        return self.waiting_count + self.unread_count


def listing(
    operator: Operator,
    now: datetime,
    *,
    opened: str = "",
    show: str = "",
    sort: str = "",
    alone: bool | None = None,
) -> Listing:
    """Everything the list shows to this operator, in four statements (one more with a fold open, with a team, with
    a tag, with a mention elsewhere, and three with an offer)."""
    visible = Conversation.objects.visible_to(operator)
    show, sort = show if show in FOLDS else "", sort if sort in SORTS else ""
    waiting, mine = _mine_to_act_on(visible, operator, now if sort else None)
    counts = _counts(visible, operator)
    if counts["team_count"] and (Operator.objects.alone(operator) if alone is None else alone):
        counts["team_count"] = 0
    offered = _offered(visible, operator) if counts.pop("offered_count") else []
    known = offers.of(offered, now)
    others = [conversation for conversation in waiting if conversation.offered_to_id != operator.pk]
    folded, named = _folded(visible, operator, show), mentions.unread(operator)
    shown = [*offered, *others, *mine, *folded]
    elsewhere = _named(visible, named - {conversation.pk for conversation in shown})
    marks.put_on([*shown, *elsewhere], named)
    return Listing(
        waiting=[
            _waiting(conversation, now, opened, known.get(conversation.pk))
            for conversation in [*offered, *others][:MOST]
        ],
        mine=[_row(conversation, now, opened) for conversation in mine],
        folded=[_folded_row(conversation, now, opened) for conversation in folded],
        named=[_folded_row(conversation, now, opened) for conversation in elsewhere],
        named_in=frozenset(named),
        show=show,
        sort=sort,
        capacity=operator.capacity,
        open=opened,
        bot_count=visible.filter(mode=Mode.BOT)[: MOST + 1].count(),
        **counts,
    )


def by_id(ids: Collection[int]) -> dict[int, Conversation]:
    """Conversations with all that a row shows, wherever in the list it stands."""
    rows = _with_names_and_ticks(Conversation.objects.all()).select_related("open_handoff")
    named = rows.annotate(names_somebody=Mention.objects.waiting())
    found = drafts.beside(_with_last_words(named)).in_bulk(ids)
    marks.put_on(found.values(), set())
    return found


def one(conversation: Conversation, *, mine: bool, now: datetime) -> tuple[str, Row]:
    """The template of one row, and the row."""
    if conversation.mode == Mode.QUEUED:
        return "operator/_waiting.html", _waiting(conversation, now, "", None)
    return "operator/_row.html", (_row if mine else _folded_row)(conversation, now, "")


def _mine_to_act_on(
    visible: ConversationQuerySet, operator: Operator, closing_after: datetime | None
) -> tuple[list[Conversation], list[Conversation]]:
    """Who waits, in turn, and who is with this operator, latest first: one statement ("human" sorts first).
    Both by whose window closes soonest, if it is to be so.

    The demo's customers stand after the real ones, as they are taken. Sorted here: the statement stops after
    the first rows of its index, which a second order would make it read and sort as a whole.
    """
    mine_or_waiting = visible.filter(Q(mode=Mode.QUEUED) | Q(mode=Mode.HUMAN, operator=operator))
    in_turn = mine_or_waiting.order_by("mode", "-priority", "waiting_since", "pk")
    if closing_after:
        in_turn = mine_or_waiting.closing_first(closing_after)
    rows = _with_names_and_ticks(in_turn).select_related("open_handoff").annotate(demo=F("sender__demo"))
    found = drafts.beside(_with_last_words(rows))[: 2 * MOST]
    mine = [conversation for conversation in found if conversation.mode == Mode.HUMAN]
    if not closing_after:
        mine.sort(key=lambda held: (held.last_message_at or held.created_at, held.pk), reverse=True)
    waiting = [conversation for conversation in found if conversation.mode == Mode.QUEUED]
    return sorted(waiting, key=attrgetter("demo"))[:MOST], mine


def _offered(visible: ConversationQuerySet, operator: Operator) -> list[Conversation]:
    """What is kept for this operator, whatever has to be answered soonest first."""
    kept = visible.filter(mode=Mode.QUEUED, offered_to=operator).order_by("open_handoff__due_at", "pk")
    rows = _with_names_and_ticks(kept).select_related("open_handoff")
    return list(_with_last_words(rows)[:MOST])


def _folded(visible: ConversationQuerySet, operator: Operator, show: str) -> list[Conversation]:
    if not show:
        return []
    wanted = visible.human().exclude(operator=operator) if show == "team" else visible.filter(mode=Mode.BOT)
    return list(_with_names_and_ticks(wanted).order_by("-last_message_at", "-pk")[:MOST])


def _named(visible: ConversationQuerySet, places: Collection[int]) -> list[Conversation]:
    if not places:
        return []
    return list(
        _with_names_and_ticks(visible.filter(pk__in=places)).order_by("-last_message_at", "-pk")[:MOST]
    )


def _counts(visible: ConversationQuerySet, operator: Operator) -> dict[str, Any]:
    mine = Q(mode=Mode.HUMAN, operator=operator)
    return visible.filter(mode__in=[Mode.QUEUED, Mode.HUMAN]).aggregate(
        waiting_count=Count("pk", filter=Q(mode=Mode.QUEUED)),
        offered_count=Count("pk", filter=Q(mode=Mode.QUEUED, offered_to=operator)),
        mine_count=Count("pk", filter=mine),
        team_count=Count("pk", filter=Q(mode=Mode.HUMAN) & ~Q(operator=operator)),
        unread_count=Count("pk", filter=mine & Q(unread__gt=0)),
    )


def _with_names_and_ticks(conversations: ConversationQuerySet) -> ConversationQuerySet:
    newest = Message.objects.filter(conversation=OuterRef("pk")).order_by("-seq")
    named = conversations.select_related("contact", "queue", "operator", "offered_to")
    return named.annotate(last_status=Subquery(newest.values("status")[:1]), tagged=tags.has_any())


def _with_last_words(conversations: ConversationQuerySet) -> ConversationQuerySet:
    """What the customer said last: who waits is better known by it than by our own notice after it."""
    last = Message.objects.filter(conversation=OuterRef("pk"), seq=OuterRef("last_inbound_seq"))
    return conversations.annotate(
        said=Subquery(last.annotate(start=Substr("body", 1, PREVIEW_LENGTH)).values("start")[:1]),
        said_kind=Subquery(last.values("kind")[:1]),
    )


def _row(conversation: Any, now: datetime, opened: str) -> Row:
    return Row(**_values(conversation, now, opened), draft=" ".join((conversation.draft or "").split()))


def _folded_row(conversation: Conversation, now: datetime, opened: str) -> Row:
    holder = conversation.operator
    name = wording.first_name(holder.shown_name) if holder else ""
    return Row(**_values(conversation, now, opened) | {"holder": name})


def _waiting(conversation: Conversation, now: datetime, opened: str, offer: Offer | None) -> Waiting:
    handoff, kept_for = conversation.handoff, conversation.offered_to
    reason = handoff.reason if handoff else Reasons.CUSTOMER_ASKED
    return Waiting(
        **_values(conversation, now, opened) | _said(conversation) | {"tick": None},
        timer=timers.waiting(conversation, now),
        reason=reason_label(reason),
        reason_icon="hand" if reason == Reasons.CUSTOMER_ASKED else "bot",
        offer=offer,
        kept_for="" if offer or not kept_for else wording.first_name(kept_for.shown_name),
    )


def _said(conversation: Any) -> dict[str, str]:
    kind = conversation.said_kind or ""
    said = markup.plain(" ".join((conversation.said or "").split()))
    return {"preview": said or kinds.label(kind), "preview_icon": kinds.icon(kind)} if kind else {}


def reason_label(code: str) -> str:
    """The product's own words, else a bot's own code made readable."""
    known = dict(Reasons.choices)
    return str(known.get(code) or code.replace("_", " ").capitalize())


def _values(conversation: Any, now: datetime, opened: str) -> dict[str, Any]:
    name = wording.contact_name(conversation)
    public_id = str(conversation.public_id)
    at, until = conversation.last_message_at, conversation.window_expires_at
    return {
        "id": public_id,
        "name": name,
        "initials": wording.initials(name),
        "hue": wording.hue(conversation.contact),
        "preview": markup.plain(conversation.last_preview) or kinds.label(conversation.last_kind),
        "preview_icon": kinds.icon(conversation.last_kind),
        "time": wording.recent(at, now),
        "stamp": at.isoformat() if at else "",
        "unread": conversation.unread,
        "until": until.isoformat() if until and until > now else "",
        "left": wording.left(until - now) if until and until > now else "",
        "closed": conversation.mode == Mode.HUMAN and not conversation.window_open(now),
        "current": public_id == opened,
        "tick": wording.tick(conversation.last_status) if conversation.last_status else None,
        "marks": marks.of(conversation),
    }
