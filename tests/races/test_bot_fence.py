"""A person is asked for while a bot's answer is on its way: once that is committed, no bot line starts to be sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest

from conversations import clock, delivery, errors, handoffs, leases, outcomes, replies, turns
from conversations.bots.base import HandoffRequest, Reply
from conversations.contract import Cause
from conversations.models import (
    Author,
    BotTurn,
    Conversation,
    Delivery,
    DeliveryState,
    Handoff,
    Message,
    Mode,
    Reasons,
    Status,
    WebhookOutcome,
)
from conversations.twilio.client import Outcome
from operators import desk
from tests.builders import CUSTOMER, fresh, make_operator, make_with_bot, says
from tests.races.sound import sound
from tests.races.together import ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

BOT = Cause(kind="bot", door="worker")
NOT_SENT = {DeliveryState.QUEUED, DeliveryState.CANCELLED}


def test_no_bot_line_starts_to_be_sent_after_the_handoff(race: Race) -> None:
    started = set()
    with together(2, race) as at_once:
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
            sound(conversation)
            race.saw(under_way_before=int(sending), cancelled=int(not sending))
    assert started


def test_a_late_answer_of_the_bot_is_not_even_accepted(race: Race) -> None:
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            conversation = make_with_bot(address=f"whatsapp:+55114{number:08d}")

            handed_over, said = at_once.run(
                [
                    partial(_hand_over, conversation),
                    partial(_say, conversation),
                ]
            )

            lines = Delivery.objects.filter(message__conversation=conversation, message__author=Author.BOT)
            assert handed_over in DeliveryState.values, handed_over
            assert said is None or isinstance(said, errors.StaleEpoch), said
            assert [line.state for line in lines] == [DeliveryState.CANCELLED] * (said is None)
            sound(conversation)
            race.saw(cancelled=int(said is None), refused=int(said is not None))


def test_a_late_answer_is_kept_as_a_suggestion_and_never_sent(race: Race) -> None:
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            conversation = make_with_bot(address=f"whatsapp:+55110{number:08d}")
            turn = _its_turn(conversation)

            handed_over, in_time = at_once.run(
                [
                    partial(_hand_over, conversation),
                    partial(_answer, turn, conversation, Reply(messages=("Olá!",))),
                ]
            )

            assert handed_over in DeliveryState.values, handed_over
            lines = Delivery.objects.filter(message__conversation=conversation, message__author=Author.BOT)
            assert [line.state for line in lines] == [DeliveryState.CANCELLED] * in_time
            suggested = Handoff.objects.get(conversation=conversation).suggested_reply
            assert suggested == ("" if in_time else "Olá!")
            assert sound(conversation).mode == Mode.QUEUED
            assert not _begin_to_send(conversation, now=clock.now() + timedelta(hours=1))
            race.saw(cancelled=int(in_time), kept_as_a_suggestion=int(not in_time))


def test_a_word_the_bots_own_request_and_a_take_over_open_one_handoff(race: Race) -> None:
    ana = make_operator("ana", capacity=ROUNDS)
    asks = Reply(messages=("Vou chamar alguém.",), handoff=HandoffRequest(reason="bot_asked"))
    with together(3, race) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55109{number:08d}"
            conversation = make_with_bot(address=address)
            turn = _its_turn(conversation)

            webhook, _in_time, taken = at_once.run(
                [
                    partial(says, "quero falar com um atendente", address=address),
                    partial(_answer, turn, conversation, asks),
                    partial(desk.claim, conversation, operator=ana, door="panel", now=clock.now()),
                ]
            )

            now = sound(conversation)
            handoff = Handoff.objects.get(conversation=conversation)
            assert (webhook.outcome, taken, now.operator) == (WebhookOutcome.APPLIED, handoff, ana)
            assert _notices(conversation) == (0 if handoff.reason == Reasons.TAKEOVER else 1)
            _bot_is_silent(conversation)
            race.saw(**{f"opened_by_{handoff.reason}": 1, "notices": _notices(conversation)})


def _its_turn(conversation: Conversation) -> BotTurn:
    """The turn that the first message opened, in a worker's hands."""
    turn = BotTurn.objects.get(open_for=conversation)
    assert leases.claim(turn)
    return turn


def _answer(turn: BotTurn, conversation: Conversation, reply: Reply) -> bool:
    return turns.accept(turn, conversation, reply, told=None, now=clock.now())


def _notices(conversation: Conversation) -> int:
    """How often the customer is told that somebody will come, by the product or the bot's last words."""
    told = Message.objects.filter(conversation=conversation, author__in=[Author.SYSTEM, Author.BOT])
    return told.exclude(status=Status.CANCELLED).count()


def _bot_is_silent(conversation: Conversation) -> None:
    waiting = Delivery.objects.filter(conversation=conversation, fenced=True, state=DeliveryState.QUEUED)
    assert not waiting.exists()
    with pytest.raises(errors.StaleEpoch):
        _say(conversation)


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
