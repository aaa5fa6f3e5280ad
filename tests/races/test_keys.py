"""The last line of defence: what the database itself refuses, whoever else may have looked away."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from conversations import clock
from conversations.models import BotTurn, ContactAddress, Conversation, Handoff, Message, TurnKind
from tests.builders import make_held, make_operator, says

pytestmark = pytest.mark.django_db(transaction=True)


def _a_second_thread(held: Conversation) -> None:
    Conversation.objects.create(sender=held.sender, contact=held.contact, reply_address=held.reply_address)


def _a_second_person_at_one_address(held: Conversation) -> None:
    address = held.contact.addresses.get()
    ContactAddress.objects.create(
        contact=held.contact, sender=held.sender, value=address.value, kind=address.kind
    )


def _a_second_open_handoff(held: Conversation) -> None:
    Handoff.objects.create(conversation=held, open_for=held, number=2, reason="api", requested_at=clock.now())


def _a_second_open_turn(held: Conversation) -> None:
    for seq in (1, 2):
        BotTurn.objects.create(
            conversation=held,
            open_for=held,
            kind=TurnKind.MESSAGE,
            cause_seq=seq,
            epoch=held.epoch,
            latest_at=clock.now(),
            due_at=None,
        )


def _a_person_in_a_waiting_conversation(held: Conversation) -> None:
    Conversation.objects.filter(pk=held.pk).update(mode="queued")


def _nobody_in_a_served_conversation(held: Conversation) -> None:
    Conversation.objects.filter(pk=held.pk).update(operator=None)


def _a_number_twice(held: Conversation) -> None:
    first = Message.objects.filter(conversation=held).first()
    assert first is not None
    Message.objects.filter(conversation=held).exclude(pk=first.pk).update(seq=first.seq)


def _a_sid_twice(held: Conversation) -> None:
    says("de novo", address="whatsapp:+5511000000000")
    first = Message.objects.exclude(provider_sid=None).filter(conversation=held).get()
    Message.objects.filter(body="de novo").update(provider_sid=first.provider_sid)


WRONGS: list[Callable[[Conversation], None]] = [
    _a_second_thread,
    _a_second_person_at_one_address,
    _a_second_open_handoff,
    _a_second_open_turn,
    _a_person_in_a_waiting_conversation,
    _nobody_in_a_served_conversation,
    _a_number_twice,
    _a_sid_twice,
]


@pytest.mark.parametrize("wrong", WRONGS, ids=lambda wrong: wrong.__name__.strip("_"))
def test_the_database_refuses(wrong: Callable[[Conversation], None]) -> None:
    held = make_held(make_operator("ana"))

    with pytest.raises(IntegrityError), transaction.atomic():
        wrong(held)
