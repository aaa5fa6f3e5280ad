"""Who is there: a row with an expiry that the open panel refreshes. Nothing needs a clean disconnect.

Chosen is available, on break or offline. Whoever chose to be available and has not touched the panel for a while is
away, and so is whoever let an offer pass: nothing is offered to them until they move again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Case, F, Q, Value, When

from conversations import wakeup
from conversations.models import Conversation, Sender
from operators.models import Operator, Presence, PresenceStatus, Viewing

BEAT_SECONDS = 25
"""How often an open panel beats."""
LIFE = timedelta(seconds=60)
AWAY_AFTER = timedelta(minutes=10)
"""Without a key or a click."""
GONE_AFTER = timedelta(minutes=2)
"""So long after the last beat an operator counts as gone."""
TYPING = timedelta(seconds=8)
AWAY = "away"

State = str
"""available, on_break, away or offline."""


def beat(operator: Operator, *, now: datetime, idle: timedelta = timedelta()) -> None:
    """The panel of this operator is open, and was last touched ``idle`` ago."""
    known = Presence.objects.filter(operator=operator).exclude(status=PresenceStatus.OFFLINE)
    changes = {"seen_at": now, "expires_at": now + LIFE, "away_at": _away(now - idle, now), **_watched(now)}
    _write(operator, known, changes, now)


def choose(operator: Operator, status: PresenceStatus, *, now: datetime) -> None:
    """Available, on break or offline, until they choose otherwise."""
    watched = _watched(now)
    if status == PresenceStatus.OFFLINE:
        watched["due_at"] = now + GONE_AFTER
    changes = {"status": status, "seen_at": now, "expires_at": now + LIFE, "away_at": None, **watched}
    _write(operator, Presence.objects.filter(operator=operator), changes, now)


def leave(operator: Operator, *, now: datetime) -> None:
    """Signed out: gone at once, not only when the row expires."""
    left = Presence.objects.filter(operator=operator).update(
        expires_at=now, due_at=now + GONE_AFTER, leased_until=None, lease_number=F("lease_number") + 1
    )
    Viewing.objects.filter(operator=operator).delete()
    if left:
        wakeup.news.ring()


def send_away(operator: Operator, *, now: datetime) -> None:
    """They let an offer pass: nothing more is offered until they touch the panel."""
    if Presence.objects.filter(operator=operator, away_at=None).update(away_at=now):
        transaction.on_commit(wakeup.news.ring)


def chosen(operator: Operator) -> str:
    """What they chose to be; whoever has not chosen is available as soon as their panel beats."""
    row = Presence.objects.filter(operator=operator).values_list("status", flat=True).first()
    return row or PresenceStatus.AVAILABLE.value


def state(operator: Operator, now: datetime) -> State:
    return states([operator.pk], now).get(operator.pk, PresenceStatus.OFFLINE.value)


def states(operators: Iterable[int], now: datetime) -> dict[int, State]:
    """By the id of an operator; whoever is left out is offline."""
    rows = Presence.objects.filter(operator__in=list(operators), expires_at__gt=now)
    return {row.operator_id: shown(row, now) for row in rows}


def shown(row: Presence, now: datetime) -> State:
    if row.expires_at <= now or row.status == PresenceStatus.OFFLINE:
        return PresenceStatus.OFFLINE.value
    if row.status == PresenceStatus.AVAILABLE and row.away_at:
        return AWAY
    return row.status


def available(now: datetime) -> models.QuerySet[Operator]:
    """Those to whom something may be offered, as far as presence goes."""
    there = Q(presence__status=PresenceStatus.AVAILABLE, presence__expires_at__gt=now, presence__away_at=None)
    return Operator.objects.filter(there, is_active=True)


def view(operator: Operator, conversation: Conversation, *, typing: bool, now: datetime) -> None:
    """This operator has it before their eyes, or writes in it."""
    fresh = {"expires_at": now + LIFE, "typing_until": now + TYPING if typing else None}
    mine = Viewing.objects.filter(operator=operator, conversation=conversation)
    if not mine.update(**fresh):
        try:
            with transaction.atomic():
                Viewing.objects.create(operator=operator, conversation=conversation, **fresh)
        except IntegrityError:
            mine.update(**fresh)
    wakeup.news.ring()


def close(operator: Operator, conversation: Conversation) -> None:
    if Viewing.objects.filter(operator=operator, conversation=conversation).delete()[0]:
        wakeup.news.ring()


@dataclass(frozen=True, slots=True)
class Person:
    operator: int
    organization: int
    public_id: str
    state: State


@dataclass(frozen=True, slots=True)
class Viewer:
    operator: int
    conversation: str
    """Its public id."""
    name: str
    typing: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Who is there and who looks at what, at one moment, in every company. Who is left out is offline."""

    people: tuple[Person, ...] = ()
    viewers: tuple[Viewer, ...] = ()
    paused: tuple[tuple[int, str], ...] = ()
    """Of which company a number is paused, and something that changes with why and until when."""

    def told(self, operator: int, organization: int, *, staff: bool = False) -> dict[str, Any]:
        """What the panel of this operator may know: their colleagues, and who else looks at what they look at; of
        paused numbers, which supervisors read about, only that something has changed."""
        mine = {viewer.conversation for viewer in self.viewers if viewer.operator == operator}
        seen: dict[str, list[dict[str, Any]]] = {conversation: [] for conversation in sorted(mine)}
        for viewer in self.viewers:
            if viewer.conversation in mine and viewer.operator != operator:
                seen[viewer.conversation].append({"name": viewer.name, "typing": viewer.typing})
        team = {one.public_id: one.state for one in self.people if one.organization == organization}
        about = {"troubles": [mark for owner, mark in self.paused if owner == organization]} if staff else {}
        return {"team": team, "viewers": seen, **about}


def snapshot(now: datetime) -> Snapshot:
    rows = Presence.objects.filter(expires_at__gt=now).select_related("operator").order_by("operator")
    looking = Viewing.objects.filter(expires_at__gt=now).select_related("operator", "conversation")
    paused = Sender.objects.exclude(paused="").order_by("pk")
    marks = paused.values_list("organization_id", "public_id", "paused_code", "due_at")
    return Snapshot(
        paused=tuple((owner, f"{number} {code} {due_at}") for owner, number, code, due_at in marks),
        people=tuple(
            Person(
                row.operator_id, row.operator.organization_id, str(row.operator.public_id), shown(row, now)
            )
            for row in rows
        ),
        viewers=tuple(
            Viewer(
                operator=row.operator_id,
                conversation=str(row.conversation.public_id),
                name=row.operator.shown_name,
                typing=bool(row.typing_until and row.typing_until > now),
            )
            for row in looking.order_by("operator", "pk")
        ),
    )


def viewers(conversation: Conversation, *, but: Operator, now: datetime) -> list[tuple[str, bool]]:
    """Names of the others who look at it, and whether they write."""
    rows = Viewing.objects.filter(conversation=conversation, expires_at__gt=now).exclude(operator=but)
    return [
        (row.operator.shown_name, bool(row.typing_until and row.typing_until > now))
        for row in rows.select_related("operator").order_by("pk")
    ]


def _away(touched: datetime, now: datetime) -> Any:
    """Away since the last touch, if that was long ago; else whoever was away before it is back."""
    if now - touched >= AWAY_AFTER:
        return touched
    return Case(
        When(away_at__gte=touched, then=F("away_at")),
        default=Value(None),
        output_field=models.DateTimeField(null=True),
    )


def _watched(now: datetime) -> dict[str, Any]:
    """Look after a while whether they are gone."""
    return {"due_at": now + LIFE + GONE_AFTER, "leased_until": None, "lease_number": F("lease_number") + 1}


def _write(
    operator: Operator, row: models.QuerySet[Presence], changes: dict[str, Any], now: datetime
) -> None:
    before = Presence.objects.filter(operator=operator).first()
    if before is None:
        try:
            with transaction.atomic():
                Presence.objects.create(operator=operator, **{**changes, "lease_number": 0, "away_at": None})
        except IntegrityError:
            row.update(**changes)
    else:
        row.update(**changes)
    after = Presence.objects.get(operator=operator)
    if before is None or shown(before, now) != shown(after, now):
        wakeup.news.ring()
