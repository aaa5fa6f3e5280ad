"""What an operator does: take, answer, give back. Every door that assigns comes through here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from conversations import errors, handoffs, interactive, replies, templates
from conversations.atomically import atomically
from conversations.choices import Choices
from conversations.contract import Cause, Door, Release
from conversations.models import Author, Conversation, Handoff, Message, Mode, Outcomes, Queue, Template
from conversations.uploads import Upload
from operators import presence
from operators.models import Operator, Presence, PresenceStatus, Reason

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
    force: bool = False,
) -> Handoff:
    """Give the conversation to the operator, who asked for it themselves unless ``by`` says who did.

    ``force`` takes it from whoever has it: the door has made sure that a supervisor wants that.

    The operator's own row is taken first: it makes their claims wait for each other, so that counting what
    they hold against their places is safe. (Counted inside the claim's UPDATE it is not: measured, 20 of 20.)
    """
    take_row_of(operator, claimed_at=now)
    return handoffs.claim(
        conversation,
        cause=by or cause(operator, door),
        operator=operator,
        limit=operator.capacity,
        now=now,
        epoch=epoch,
        force=force,
    )


def claim_next(
    operator: Operator,
    *,
    door: Door,
    now: datetime,
    by: Cause | None = None,
    among: QuerySet[Conversation] | None = None,
) -> Conversation | None:
    """The next one waiting: offered to me first, then priority, then who has waited longest. None when nobody
    waits that I may take; a lost race goes on to the next in turn. Whoever is really there goes before the
    demo's customers. ``by`` asks in their name, and only for what is ``among`` these."""
    waiting = Conversation.objects.visible_to(operator).queued().select_related("sender", "contact", "queue")
    if among is not None:
        waiting = waiting.filter(pk__in=among.order_by().values("pk"))
    others = waiting.filter(offered_to=None)
    for line in (
        waiting.filter(offered_to=operator),
        others.filter(sender__demo=False),
        others.filter(sender__demo=True),
    ):
        for conversation in line.in_turn()[:TRIES]:
            try:
                claim(conversation, operator=operator, door=door, now=now, epoch=conversation.epoch, by=by)
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
    upload: Upload | None = None,
    offered: Choices | None = None,
) -> list[Message]:
    """``offered`` are buttons under it, for the customer to answer with."""
    if offered is not None and upload is not None:
        raise errors.FileRefused(reason="buttons")
    if offered is not None:
        said = interactive.say(
            conversation,
            cause=cause(operator, door),
            author=Author.OPERATOR,
            operator=operator,
            body=body,
            offered=offered,
            now=now,
            epoch=epoch,
            client_key=client_key,
        )
        return [said]
    return replies.say(
        conversation,
        cause=cause(operator, door),
        author=Author.OPERATOR,
        operator=operator,
        body=body,
        now=now,
        epoch=epoch,
        client_key=client_key,
        upload=upload,
    )


def send_template(
    conversation: Conversation,
    *,
    operator: Operator,
    door: Door,
    template: Template,
    values: Mapping[str, str],
    epoch: int,
    client_key: str | None,
    now: datetime,
) -> Message:
    return templates.send(
        conversation,
        cause=cause(operator, door),
        author=Author.OPERATOR,
        operator=operator,
        template=template,
        values=values,
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


@atomically
def offer(
    conversation: Conversation,
    *,
    operator: Operator,
    by: Cause,
    why: str,
    answer_in: timedelta,
    now: datetime,
) -> Handoff:
    """Keep a waiting conversation for this operator for a while. Nothing is offered to somebody full."""
    take_row_of(operator)
    _with_room(operator)
    return handoffs.offer(conversation, cause=by, operator=operator, why=why, answer_in=answer_in, now=now)


def decline(
    conversation: Conversation, *, operator: Operator, door: Door, now: datetime, by: Cause | None = None
) -> Handoff:
    """The operator, or ``by`` in their name, turns down what was offered to them."""
    return handoffs.decline(conversation, cause=by or cause(operator, door), operator=operator, now=now)


@atomically
def transfer(
    conversation: Conversation,
    *,
    by: Cause,
    author: Operator | None,
    operator: Operator | None,
    to: Operator | Queue,
    note: str,
    now: datetime,
    epoch: int | None = None,
) -> Handoff:
    """Hand a conversation that ``operator`` holds (None: whoever does) on to a queue, or to somebody who is there."""
    if to.organization_id != conversation.sender.organization_id:
        raise errors.AgentUnavailable  # no door lets that through
    if isinstance(to, Operator):
        take_row_of(to)
        if not _reachable(to, by, now):
            raise errors.AgentUnavailable
        _with_room(to)
    return handoffs.transfer(
        conversation, cause=by, author=author, operator=operator, to=to, note=note, now=now, epoch=epoch
    )


def take_away(conversation: Conversation, *, by: Cause, now: datetime, epoch: int | None = None) -> Handoff:
    """Back to the front of the queue, whoever has it (``epoch``: whoever had it when the caller looked)."""
    return handoffs.requeue(conversation, cause=by, why="supervisor", now=now, epoch=epoch)


def hand_over_all(
    operator: Operator,
    *,
    author: Operator | None,
    to: Operator | None,
    note: str,
    now: datetime,
    leaves: bool = False,
    by: Cause | None = None,
    among: QuerySet[Conversation] | None = None,
) -> tuple[int, int]:
    """The end of a shift: hand on all that ``operator`` holds, to ``to`` or each to its queue.

    How many went, and how many stayed because there was no place for them. Whoever ``leaves`` is offline before the
    first one goes: their queue would offer it to them again. ``by`` hands on only what is ``among`` these.
    """
    if not note.strip():
        raise errors.NoteRequired
    if leaves and presence.state(operator, now) != PresenceStatus.OFFLINE:
        presence.choose(operator, PresenceStatus.OFFLINE, now=now)
    went = stayed = 0
    held = Conversation.objects.held_by(operator).with_parties().order_by("pk")
    if among is not None:
        held = held.filter(pk__in=among.order_by().values("pk"))
    for conversation in held:
        target = to or conversation.queue or Queue.objects.default_of(operator.organization)
        try:
            if target is None:
                raise errors.AgentUnavailable
            transfer(
                conversation,
                by=by or cause(author or operator, "panel"),
                author=author,
                operator=operator,
                to=target,
                note=note,
                now=now,
                epoch=conversation.epoch,
            )
            went += 1
        except (errors.AtCapacity, errors.AgentUnavailable):
            stayed += 1
        except (errors.NotHuman, errors.NotYours, errors.StaleEpoch):
            continue
    return went, stayed


def cause(operator: Operator, door: Door) -> Cause:
    return Cause(kind="operator", door=door, id=str(operator.public_id))


def take_row_of(operator: Operator, **changes: datetime) -> None:
    """Make this operator's claims wait for each other; whoever is no longer active gets none."""
    taken = Operator.objects.filter(pk=operator.pk, is_active=True).update(
        claim_count=F("claim_count") + 1, **changes
    )
    if not taken:
        raise errors.AgentUnavailable


def _with_room(operator: Operator) -> None:
    """What was offered to them counts as theirs already."""
    theirs = Q(mode=Mode.HUMAN, operator=operator) | Q(mode=Mode.QUEUED, offered_to=operator)
    if Conversation.objects.filter(theirs).count() >= operator.capacity:
        raise errors.AtCapacity(limit=operator.capacity)


def _reachable(operator: Operator, by: Cause, now: datetime) -> bool:
    """Nothing is handed to somebody absent. Whoever works over the API has no panel that could say so."""
    if by.door == "api" and not Presence.objects.filter(operator=operator).exists():
        return True
    return presence.state(operator, now) == PresenceStatus.AVAILABLE
