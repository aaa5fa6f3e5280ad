"""Two threads of one person: the service of one ends there, and goes on in the other if it is the stronger one.

Both rows are in the caller's hands (``conversations.merging``), so nothing moves between what is read and written.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F

from conversations import episodes, events, failpoints
from conversations.atomically import atomically
from conversations.contract import Cause, Release
from conversations.handoffs import common
from conversations.models import Conversation, Handoff, Mode, Outcomes, Queue

STRENGTH = {Mode.BOT: 0, Mode.QUEUED: 1, Mode.HUMAN: 2}


@atomically
def merge(winner: Conversation, loser: Conversation, *, cause: Cause, now: datetime) -> Conversation:
    """The winner as it goes on. The stronger mode wins; of two people, the winner's keeps it."""
    inherits = STRENGTH[Mode(loser.mode)] > STRENGTH[Mode(winner.mode)]
    waits = (loser if inherits else winner).mode == Mode.QUEUED
    if waits:
        # Before anything refers to the queue (see asking).
        Queue.objects.distribute((loser if inherits else winner).queue, now)
    service = Handoff.objects.select_related("operator").filter(open_for=loser).first()
    _leave(loser, winner, service, cause, now)
    own = Handoff.objects.select_related("operator").filter(open_for=winner).first()
    changes = _stronger(winner, loser) if inherits else {}
    taken = Conversation.objects.all().take(winner.pk, 1, **changes, **_in_common(winner, loser, waits))
    if taken is None:
        raise Conversation.DoesNotExist
    if service is not None:
        own = episodes.join(taken, own, service, inherits=inherits)
    if inherits:
        common.silence_bot(taken, now)
    failpoints.reached("handoff.merging")
    _tell(taken, loser, own, service, inherits, cause, now)
    return taken


def _leave(
    loser: Conversation, winner: Conversation, service: Handoff | None, cause: Cause, now: datetime
) -> None:
    left = Conversation.objects.all().take(loser.pk, 1, merged_into=winner, unread=0, **common.back_to_bot())
    if left is None:
        raise Conversation.DoesNotExist
    common.silence_bot(left, now)
    told: dict[str, Any] = {"into": str(winner.public_id)}
    if service is not None:
        episodes.end(left, Release(outcome=Outcomes.MERGED), seq=left.seq, now=now)
        told |= {"handoff": service.number, "outcome": Outcomes.MERGED.value}
    if loser.operator is not None:
        told["operator"] = str(loser.operator.public_id)
    events.record(left, "handoff.merged", cause=cause, seq=left.seq, now=now, before=left.epoch - 1, **told)


def _stronger(winner: Conversation, loser: Conversation) -> dict[str, Any]:
    opens = {"handoff_count": F("handoff_count") + 1} if winner.mode == Mode.BOT else {}
    return {
        "mode": loser.mode,
        "epoch": F("epoch") + 1,
        "operator": loser.operator,
        "offered_to": loser.offered_to,
        "queue": loser.queue,
        **opens,
    }


def _in_common(winner: Conversation, loser: Conversation, waits: bool) -> dict[str, Any]:
    """What is true of the person: since when they wait, how urgently, and whether they have the last word."""
    if loser.mode == Mode.BOT:
        return {}
    since = [moment for moment in (winner.waiting_since, loser.waiting_since) if moment]
    answered = loser.last_inbound_seq <= loser.answered_seq
    if not answered:
        up_to = min(winner.answered_seq, max(0, winner.last_inbound_seq - 1))
    else:
        up_to = winner.seq if winner.mode == Mode.BOT else winner.answered_seq
    return {
        "priority": max(winner.priority, loser.priority),
        "waiting_since": min(since) if waits and since else None,
        "unread": winner.unread + loser.unread,
        "answered_seq": up_to,
    }


def _tell(
    taken: Conversation,
    loser: Conversation,
    own: Handoff | None,
    service: Handoff | None,
    inherits: bool,
    cause: Cause,
    now: datetime,
) -> None:
    told: dict[str, Any] = {"merged": str(loser.public_id)}
    if own is not None:
        told["handoff"] = own.number
    if service is not None:
        told["reason"] = service.reason
    if inherits:
        told |= {
            "operator": str(taken.operator.public_id) if taken.operator else "",
            "offered_to": str(loser.offered_to.public_id) if loser.offered_to else "",
            "queue": str(taken.queue.public_id) if taken.queue else "",
        }
    kind = "handoff.inherited" if inherits else "handoff.joined"
    before = taken.epoch - inherits
    events.record(taken, kind, cause=cause, seq=taken.seq, now=now, before=before, **told)
