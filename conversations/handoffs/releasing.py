"""Back to the bot, with what was settled."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from conversations import episodes, errors, failpoints, notices, refusals, texts, wakeup
from conversations.atomically import atomically
from conversations.contract import Cause, Release
from conversations.handoffs import common
from conversations.models import BotEngineName, BotTurn, Conversation, Handoff, Resume, TurnKind

if TYPE_CHECKING:
    from operators.models import Operator


@atomically
def release(
    conversation: Conversation,
    *,
    cause: Cause,
    operator: Operator | None,
    epoch: int | None,
    seen: int,
    release: Release,
    now: datetime,
    force: bool = False,
    due: Handoff | None = None,
    moment: str = texts.FAREWELL,
) -> Handoff:
    """End the service and give the conversation back to the bot, with what was settled.

    Guarded by holder (``operator`` None: whoever it is), ``epoch``, and the customer having said nothing after
    seq ``seen`` unless ``force``. The same release again answers with the handoff it released.
    """
    if not release.outcome:
        raise errors.OutcomeRequired
    farewell = notices.at(conversation, conversation.queue, moment, now)
    held = Conversation.objects.human() if operator is None else Conversation.objects.held_by(operator)
    seen_by_them = {} if force else {"last_inbound_seq__lte": seen}
    numbers = notices.numbers(farewell)
    afresh = common.new_session(numbers) if release.resume == Resume.CLOSE else {}
    taken = (
        common.at(held, epoch)
        .filter(**seen_by_them)
        .take(
            conversation.pk,
            numbers,
            unread=0,
            **afresh,
            **common.back_to_bot(),
            **notices.last_line(farewell, now),
        )
    )
    if taken is None:
        return refusals.released_already(
            conversation, operator=operator, epoch=epoch, seen=seen, release=release
        )
    seq = taken.seq - numbers + 1
    handoff = episodes.end(taken, release, seq=seq, now=now, due=due)
    failpoints.reached("handoff.releasing")
    common.record(taken, "handoff.released", handoff, cause=cause, seq=seq, now=now, outcome=release.outcome)
    notices.say(taken, farewell, seq=seq + 1, cause=cause, now=now)
    if release.resume == Resume.BOT_NOW and taken.sender.bot_engine != BotEngineName.NONE:
        BotTurn.objects.owe(taken, kind=TurnKind.RELEASED, cause_seq=seq, now=now)
        transaction.on_commit(wakeup.ring)
    return handoff
