"""Telling a bot over HTTP what operators say, where its sender wants that: in order, at least once.

A row is written with the line itself. Of each conversation only the oldest is posted; one that is not taken comes
again, further each time, and is given up after a day. What the bot answers is not looked at: the conversation is a
person's.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from conversations import clock, context, failpoints, leases, outward, work
from conversations.bots import wire
from conversations.bots.base import Turn
from conversations.models import Conversation, Overheard, Sender

logger = logging.getLogger(__name__)

AT_ONCE = 16
SECONDS = 10.0
LEASE = timedelta(seconds=15)
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 600.0
GIVE_UP = timedelta(hours=24)


def oldest(now: datetime) -> QuerySet[Overheard]:
    """Of each conversation the first; none of a bot that rests."""
    before = Overheard.objects.filter(conversation=OuterRef("conversation"), seq__lt=OuterRef("seq"))
    rests = Q(conversation__sender__bot_rests_until__gt=now)
    return Overheard.objects.exclude(rests).filter(~Exists(before))


@work.handles(Overheard, name="overheard", candidates=oldest, at_once=AT_ONCE, lease=LEASE)
async def run(row: Overheard, now: datetime) -> None:
    told = await work.in_thread(_question, row)
    if told is None:
        return
    sender, turn = told
    body = wire.question(turn)
    headers = wire.headers(sender.bot_secret, body, at=clock.now())
    answer = await outward.post(sender.bot_url, body, headers, seconds=SECONDS, most=wire.LONGEST_ANSWER)
    failpoints.reached("overheard.told")
    await work.in_thread(_settle, row, answer, clock.now())


def _question(row: Overheard) -> tuple[Sender, Turn] | None:
    """None, and nothing left of the row, when its bot need not hear it any more."""
    conversation = Conversation.objects.with_parties().get(pk=row.conversation_id)
    sender = conversation.sender
    if not sender.hears_operators:
        _forget(row)
        return None
    return sender, Turn(
        turn_id=str(row.public_id),
        kind="operator_message",
        conversation=str(conversation.public_id),
        epoch=row.message.epoch,
        session=conversation.bot_session,
        language=conversation.contact.language,  # type: ignore[arg-type]  # checked by the admin's choices
        contact_name=conversation.contact.name,
        message=context.line(row.message),
        attributes=conversation.contact.attributes,
    )


def _settle(row: Overheard, answer: outward.Answer, now: datetime) -> None:
    if answer.taken:
        _forget(row)
    elif now - row.message.created_at >= GIVE_UP:
        logger.warning("a bot was not told a line after %s attempts: %s", row.attempts, _why(answer))
        _forget(row)
    else:
        pause = leases.back_off(
            row.attempts, retry_after=answer.retry_after, first=FIRST_PAUSE, longest=LONGEST_PAUSE
        )
        leases.reschedule(row, now + pause)


def _why(answer: outward.Answer) -> str:
    return answer.trouble or f"status {answer.status}"


def _forget(row: Overheard) -> None:
    """Only as long as it is ours: whoever took it meanwhile tells it once more, and forgets it then."""
    Overheard.objects.filter(pk=row.pk, lease_number=row.lease_number).delete()
