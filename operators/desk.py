"""What an operator does: take, answer, give back. Every door that assigns comes through here."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q

from conversations import errors, handoffs, replies
from conversations.atomically import atomically
from conversations.contract import Cause, Door, Release
from conversations.models import Author, Conversation, Handoff, Message, Outcomes
from operators.models import Operator, Reason

TRIES = 25
"""How many waiting conversations one press of the button tries, while others press it too."""


@atomically
def claim(
    conversation: Conversation,
    *,
    operator: Operator,
    door: Door,
    now: datetime,
    epoch: int | None = None,
    by: Cause | None = None,
) -> Handoff:
    """Give the conversation to the operator, who asked for it themselves unless ``by`` says who did.

    The operator's own row is taken first: it makes their claims wait for each other, so that counting what
    they hold against their places is safe. (Counted inside the claim's UPDATE it is not: measured, 20 of 20.)
    """
    if not Operator.objects.filter(pk=operator.pk, is_active=True).update(claim_count=F("claim_count") + 1):
        raise errors.AgentUnavailable
    return handoffs.claim(
        conversation,
        cause=by or cause(operator, door),
        operator=operator,
        limit=operator.capacity,
        now=now,
        epoch=epoch,
    )


def claim_next(operator: Operator, *, door: Door, now: datetime) -> Conversation | None:
    """The next one waiting: offered to me first, then priority, then who has waited longest. None when nobody
    waits that I may take; a lost race goes on to the next in turn. Whoever is really there goes before the
    demo's customers."""
    waiting = Conversation.objects.visible_to(operator).queued().select_related("sender", "contact", "queue")
    others = waiting.filter(offered_to=None)
    for line in (
        waiting.filter(offered_to=operator),
        others.filter(sender__demo=False),
        others.filter(sender__demo=True),
    ):
        for conversation in line.in_turn()[:TRIES]:
            try:
                claim(conversation, operator=operator, door=door, now=now, epoch=conversation.epoch)
            except (errors.AlreadyClaimed, errors.StaleEpoch):
                continue
            return conversation
    return None


def reply(
    conversation: Conversation,
    *,
    operator: Operator,
    door: Door,
    body: str,
    epoch: int,
    client_key: str | None,
    now: datetime,
) -> list[Message]:
    return replies.say(
        conversation,
        cause=cause(operator, door),
        author=Author.OPERATOR,
        operator=operator,
        body=body,
        now=now,
        epoch=epoch,
        client_key=client_key,
    )


def release(
    conversation: Conversation,
    *,
    operator: Operator | None,
    by: Cause,
    epoch: int | None,
    seen: int,
    release: Release,
    now: datetime,
    force: bool = False,
) -> Handoff:
    """End the service that ``operator`` holds (None: whoever does); the outcome is a reason of the organization."""
    known = Reason.objects.filter(
        organization=conversation.sender.organization, code=release.outcome, active=True
    )
    if release.outcome in Outcomes.values or not known.exists():
        raise errors.OutcomeRequired
    return handoffs.release(
        conversation,
        cause=by,
        operator=operator,
        epoch=epoch,
        seen=seen,
        release=release,
        now=now,
        force=force,
    )


def mark_seen(conversation: Conversation, *, operator: Operator, seq: int) -> None:
    """The holder has seen everything up to ``seq``. It counts what is unread, and guards nothing."""
    Conversation.objects.held_by(operator).filter(
        Q(seen_seq__lt=seq) | Q(unread__gt=0), pk=conversation.pk
    ).update(seen_seq=seq, unread=0)


def cause(operator: Operator, door: Door) -> Cause:
    return Cause(kind="operator", door=door, id=str(operator.public_id))
