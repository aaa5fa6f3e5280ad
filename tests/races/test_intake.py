"""Webhooks that come at the same moment: copies of one, and the first bubbles of somebody new."""

from __future__ import annotations

from functools import partial

import pytest

from conversations.models import (
    Contact,
    ContactAddress,
    Conversation,
    Event,
    InboundWebhook,
    Message,
    WebhookOutcome,
)
from tests.builders import form, make_sender, make_with_bot, says, thread
from tests.races.together import ROUNDS, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def test_fifty_copies_of_a_webhook_are_one_message() -> None:
    make_with_bot()
    with together(50) as at_once:
        for _round in range(ROUNDS):
            sid = form()["MessageSid"]

            results = at_once.run([partial(says, "só uma vez", sid=sid)] * 50)

            outcomes = sorted(getattr(result, "outcome", result) for result in results)
            assert outcomes == [WebhookOutcome.APPLIED] + [WebhookOutcome.DUPLICATE] * 49
            assert Message.objects.filter(provider_sid=sid).count() == 1
            assert InboundWebhook.objects.filter(provider_sid=sid).count() == 50
    assert _numbers() == list(range(1, thread().seq + 1))


@pytest.mark.parametrize("bubbles", [8, 20])
def test_the_first_messages_of_somebody_new_are_one_conversation(bubbles: int) -> None:
    make_sender()
    with together(bubbles) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55117{number:08d}"

            results = at_once.run([partial(says, str(text), address=address) for text in range(bubbles)])

            assert {getattr(result, "outcome", result) for result in results} == {WebhookOutcome.APPLIED}
            conversation = thread(address)
            said = Message.objects.filter(conversation=conversation).values_list("body", flat=True)
            assert sorted(said) == sorted(str(text) for text in range(bubbles))
            assert conversation.unread == 0
    counts = {model.objects.count() for model in (Conversation, Contact, ContactAddress)}
    assert counts == {ROUNDS}


def _numbers() -> list[int]:
    messages = Message.objects.values_list("seq", flat=True)
    return sorted([*messages, *Event.objects.values_list("seq", flat=True)])
