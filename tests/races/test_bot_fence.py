"""A person is asked for while a bot's answer is on its way: once that is committed, no bot line starts to be sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest

from conversations import clock, delivery, handoffs, leases, outcomes, replies
from conversations.bots.base import HandoffRequest
from conversations.contract import Cause
from conversations.models import Author, Conversation, Delivery, DeliveryState, Mode, Status
from conversations.twilio.client import Outcome
from tests.builders import CUSTOMER, fresh, make_with_bot
from tests.races.together import ROUNDS, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

BOT = Cause(kind="bot", door="worker")
NOT_SENT = {DeliveryState.QUEUED, DeliveryState.CANCELLED}


def test_no_bot_line_starts_to_be_sent_after_the_handoff() -> None:
    started = set()
    with together(2) as at_once:
        for number in range(ROUNDS):
            conversation = make_with_bot(address=f"whatsapp:+55115{number:08d}")
            _say(conversation)

            at_handoff, sending = at_once.run(
                [
                    partial(_hand_over, conversation),
                    partial(_begin_to_send, conversation),
                ]
            )

            line = Delivery.objects.get(message__conversation=conversation, message__author=Author.BOT)
            assert fresh(conversation).mode == Mode.QUEUED
            assert at_handoff in DeliveryState.values, at_handoff
            assert isinstance(sending, bool), sending
            if at_handoff in NOT_SENT or not sending:
                assert (line.state, line.message.status) == (DeliveryState.CANCELLED, Status.CANCELLED)
            else:
                assert (line.state, line.message.status) == (DeliveryState.SENDING, Status.SENDING)
                _told_to_try_again(line)
                assert not _begin_to_send(conversation, now=clock.now() + timedelta(hours=1))
            started.add(sending)
    assert started


def test_a_late_answer_of_the_bot_is_not_even_accepted() -> None:
    with together(2) as at_once:
        for number in range(ROUNDS):
            conversation = make_with_bot(address=f"whatsapp:+55114{number:08d}")

            _handed_over, _said = at_once.run(
                [
                    partial(_hand_over, conversation),
                    partial(_say, conversation),
                ]
            )

            lines = Delivery.objects.filter(message__conversation=conversation, message__author=Author.BOT)
            assert {line.state for line in lines} <= {DeliveryState.CANCELLED}


def _say(conversation: Conversation) -> None:
    replies.say(conversation, cause=BOT, author=Author.BOT, body="Olá!", now=clock.now(), epoch=0)


def _hand_over(conversation: Conversation) -> str:
    """Ask for a person; the state of the bot's line at the moment after the commit."""
    handoffs.request(
        conversation, cause=CUSTOMER, request=HandoffRequest(reason="customer_asked"), now=clock.now()
    )
    line = Delivery.objects.filter(message__conversation=conversation, message__author=Author.BOT)
    return line.values_list("state", flat=True).first() or DeliveryState.QUEUED


def _told_to_try_again(line: Delivery) -> None:
    """It was under way before the handoff, and Twilio was too busy to take it."""
    outcomes.settle(line, Outcome(kind="retry", code=20429), clock.now())
    line.refresh_from_db()
    assert line.state == DeliveryState.QUEUED


def _begin_to_send(conversation: Conversation, *, now: datetime | None = None) -> bool:
    """The worker's first step: claim the row and commit it as ``sending``; whether it would now call Twilio."""
    now = now or clock.now()
    rows = delivery.waiting(now).filter(message__conversation=conversation, message__author=Author.BOT)
    row = rows.first()
    if row is None or not leases.claim(row):
        return False
    return delivery._start(row, now)
