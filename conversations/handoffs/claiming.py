"""To a person: from the queue, from the bot, or by a supervisor's word from another person."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q

from conversations import episodes, errors, failpoints, notices, refusals, texts
from conversations.atomically import atomically
from conversations.bots.base import HandoffRequest
from conversations.contract import Cause
from conversations.handoffs import common
from conversations.models import Conversation, Handoff, Mode, Reasons

if TYPE_CHECKING:
    from conversations.models.conversation import ConversationQuerySet
    from operators.models import Operator


@atomically
def claim(
    conversation: Conversation,
    *,
    cause: Cause,
    operator: Operator,
    limit: int | None,
    now: datetime,
    epoch: int | None = None,
    force: bool = False,
) -> Handoff:
    """Give a waiting conversation, or one that is with the bot, to an operator. Exactly one caller wins.

    ``force`` takes it from whoever has it or was offered it: a supervisor's word. The caller holds the operator's
    own row (``operators.desk``): the count against ``limit`` is only safe then.
    """
    held = Conversation.objects.held_by(operator)
    if held.filter(pk=conversation.pk).exists():
        return Handoff.objects.get(open_for=conversation)
    if limit is not None and held.count() >= limit:
        raise errors.AtCapacity(limit=limit)
    greeting = notices.at(conversation, conversation.queue, texts.CLAIMED, now)
    numbers = notices.numbers(greeting)
    taken = _take_for(
        operator, conversation, numbers, epoch=epoch, force=force, **notices.last_line(greeting, now)
    )
    if taken is None:
        raise refusals.of_claim(conversation)
    handoff = taken.handoff
    if handoff is None:
        handoff = episodes.begin(taken, cause=cause, request=HandoffRequest(reason=Reasons.TAKEOVER), now=now)
        common.silence_bot(taken, now)
    episodes.claimed(handoff, taken, now)
    failpoints.reached("handoff.claiming")
    seq = taken.seq - numbers + 1
    common.record(
        taken, "handoff.claimed", handoff, cause=cause, seq=seq, now=now, operator=str(operator.public_id)
    )
    notices.say(taken, greeting, seq=seq + 1, cause=cause, now=now)
    return handoff


@atomically
def start(
    conversation: Conversation, *, cause: Cause, operator: Operator, limit: int | None, now: datetime
) -> Handoff:
    """Take a conversation from the bot in order to write first: nobody has asked for a person, nobody is greeted.

    Exactly one caller wins. Whoever holds it already goes on with what they hold; the caller holds the operator's
    own row, as for ``claim``.
    """
    held = Conversation.objects.held_by(operator)
    if held.filter(pk=conversation.pk).exists():
        return Handoff.objects.get(open_for=conversation)
    if limit is not None and held.count() >= limit:
        raise errors.AtCapacity(limit=limit)
    taken = Conversation.objects.filter(mode=Mode.BOT).take(
        conversation.pk,
        1,
        mode=Mode.HUMAN,
        epoch=F("epoch") + 1,
        operator=operator,
        offered_to=None,
        waiting_since=None,
        handoff_count=F("handoff_count") + 1,
    )
    if taken is None:
        raise refusals.of_starting(conversation)
    request = HandoffRequest(reason=Reasons.OUTBOUND)
    handoff = episodes.begin(taken, cause=cause, request=request, now=now)
    common.silence_bot(taken, now)
    episodes.claimed(handoff, taken, now)
    common.record(
        taken,
        "handoff.claimed",
        handoff,
        cause=cause,
        seq=taken.seq,
        now=now,
        operator=str(operator.public_id),
        reason=Reasons.OUTBOUND,
    )
    return handoff


def _take_for(
    operator: Operator,
    conversation: Conversation,
    numbers: int,
    *,
    epoch: int | None,
    force: bool,
    **changes: Any,
) -> Conversation | None:
    theirs = changes | {
        "mode": Mode.HUMAN,
        "epoch": F("epoch") + 1,
        "operator": operator,
        "offered_to": None,
        "waiting_since": None,
    }
    for those, more in _looks(operator, force=force):
        if taken := common.at(those, epoch).take(conversation.pk, numbers, **theirs, **more):
            return taken
    return None


def _looks(operator: Operator, *, force: bool) -> list[tuple[ConversationQuerySet, dict[str, Any]]]:
    """The conditional updates of a claim: waiting for anybody or for this operator, else still with the bot."""
    waiting = Conversation.objects.queued()
    if not force:
        waiting = waiting.filter(Q(offered_to=None) | Q(offered_to=operator))
    with_bot = Conversation.objects.filter(mode=Mode.BOT)
    opening = {"handoff_count": F("handoff_count") + 1}
    looks: list[tuple[ConversationQuerySet, dict[str, Any]]] = [(waiting, {}), (with_bot, opening)]
    if not force:
        # Asked for between the two looks, it waits after all.
        return [*looks, (waiting, {})]
    # Given up by its operator between the looks, it waits or is with the bot after all.
    return [*looks, (Conversation.objects.human().exclude(operator=operator), {}), *looks]
