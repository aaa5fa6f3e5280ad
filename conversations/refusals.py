"""Why a conditional update took no row, in the words of ``errors``: read after the fact, to tell the loser."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from conversations import errors
from conversations.contract import Release
from conversations.models import Author, Conversation, Handoff, Message, Mode

if TYPE_CHECKING:
    from operators.models import Operator


def of_claim(conversation: Conversation) -> errors.HandoffError:
    current = Conversation.objects.with_parties().select_related("offered_to").get(pk=conversation.pk)
    if current.merged_into:
        return _merged(current)
    holder = current.operator or current.offered_to
    if holder is None:
        return errors.StaleEpoch(epoch=current.epoch)
    handoff = current.handoff
    return errors.AlreadyClaimed(operator=holder, handoff_at=handoff.handoff_at if handoff else None)


def of_starting(conversation: Conversation) -> errors.HandoffError:
    current = Conversation.objects.select_related("offered_to").get(pk=conversation.pk)
    if current.mode == Mode.QUEUED and current.offered_to is None:
        return errors.WaitsInQueue()
    return of_claim(conversation)


def of_moving(
    conversation: Conversation, *, operator: Operator | None, epoch: int | None
) -> errors.HandoffError:
    current = Conversation.objects.with_parties().get(pk=conversation.pk)
    if current.merged_into:
        return _merged(current)
    if current.mode != Mode.HUMAN:
        return errors.NotHuman()
    if operator is not None and current.operator_id != operator.pk:
        return errors.NotYours(operator=current.operator)
    return errors.StaleEpoch(epoch=current.epoch)


def released_already(
    conversation: Conversation, *, operator: Operator | None, epoch: int | None, seen: int, release: Release
) -> Handoff:
    """Why the release took no row: the error to raise, or the handoff that this very release has ended before."""
    current = Conversation.objects.with_parties().get(pk=conversation.pk)
    if current.merged_into:
        raise _merged(current)
    if current.mode != Mode.HUMAN:
        return _the_same(current, operator, release)
    if operator is not None and current.operator_id != operator.pk:
        raise errors.NotYours(operator=current.operator)
    if epoch is not None and current.epoch != epoch:
        raise errors.StaleEpoch(epoch=current.epoch)
    unread = Message.objects.filter(conversation=current, author=Author.CUSTOMER, seq__gt=seen).in_order()
    raise errors.UnreadMessage(messages=list(unread), last_seq=current.last_inbound_seq)


def _the_same(current: Conversation, operator: Operator | None, release: Release) -> Handoff:
    """The last handoff, if it ended with this very release and nothing has happened since."""
    last = Handoff.objects.filter(conversation=current).order_by("-number").first()
    if last is None or current.mode != Mode.BOT or (operator and last.operator_id != operator.pk):
        raise errors.NotHuman
    ended = (last.outcome, last.resume, _read_back(last.context_out))
    if ended != (release.outcome, release.resume, _read_back(release.stored())):
        raise errors.NotHuman
    return last


def _read_back(context: dict[str, Any]) -> Any:
    """As every database gives it back: PostgreSQL writes 1e23 out, and it is an integer then."""
    return json.loads(json.dumps(context), parse_float=Decimal, parse_int=Decimal)


def of_saying(
    conversation: Conversation, author: Author, operator: Operator | None, epoch: int
) -> errors.HandoffError:
    current = Conversation.objects.with_parties().get(pk=conversation.pk)
    if current.merged_into:
        return _merged(current)
    if author == Author.BOT:
        if current.mode != Mode.BOT or current.epoch != epoch:
            return errors.StaleEpoch(epoch=current.epoch)
        return _not_wanted(current)
    if current.mode == Mode.BOT:
        return errors.WithBot()
    if current.mode == Mode.QUEUED:
        return errors.NotHuman()
    if operator is not None and current.operator_id != operator.pk:
        return errors.NotYours(operator=current.operator)
    if current.epoch != epoch:
        return errors.StaleEpoch(epoch=current.epoch)
    return _not_wanted(current)


def _merged(current: Conversation) -> errors.Merged:
    return errors.Merged(epoch=current.epoch, into=current.merged_into)


def of_writing(conversation: Conversation) -> errors.HandoffError:
    return _merged(Conversation.objects.select_related("merged_into").get(pk=conversation.pk))


def _not_wanted(current: Conversation) -> errors.HandoffError:
    wanted = Conversation.objects.filter(pk=current.pk).wanted().exists()
    return errors.WindowClosed() if wanted else errors.OptedOut()
