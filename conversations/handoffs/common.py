"""What the transitions share."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import F

from conversations import events, messages
from conversations.contract import Cause
from conversations.models import BotTurn, Conversation, Handoff, Mode, StudioCall

if TYPE_CHECKING:
    from conversations.models.conversation import ConversationQuerySet


def at(conversations: ConversationQuerySet, epoch: int | None) -> ConversationQuerySet:
    """Those of the epoch that the caller saw; None for whoever has seen none."""
    return conversations if epoch is None else conversations.filter(epoch=epoch)


def back_to_bot() -> dict[str, Any]:
    return {
        "mode": Mode.BOT,
        "epoch": F("epoch") + 1,
        "operator": None,
        "offered_to": None,
        "queue": None,
        "priority": 0,
        "waiting_since": None,
    }


def new_session(numbers: int) -> dict[str, Any]:
    """The bot starts afresh after the ``numbers`` seqs that this transition takes."""
    return {
        "bot_session": F("bot_session") + 1,
        "bot_session_seq": F("seq") + numbers + 1,
        "bot_state": {},
    }


def silence_bot(taken: Conversation, now: datetime) -> None:
    messages.cancel_waiting_bot_lines(taken)
    BotTurn.objects.close(taken)
    StudioCall.objects.owe(taken, now=now)


def record(
    taken: Conversation,
    kind: str,
    handoff: Handoff,
    *,
    cause: Cause,
    seq: int,
    now: datetime,
    moved: bool = True,
    **data: Any,
) -> None:
    """The event of a transition; ``moved`` when it began a new epoch."""
    before = taken.epoch - moved
    events.record(taken, kind, cause=cause, seq=seq, now=now, before=before, handoff=handoff.number, **data)
