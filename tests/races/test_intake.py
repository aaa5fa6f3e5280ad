"""Webhooks that come at the same moment: copies of one, and the first bubbles of somebody new."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial

import pytest

from conversations import clock, intake, reconcile
from conversations.models import (
    Author,
    Contact,
    ContactAddress,
    Conversation,
    InboundWebhook,
    Message,
    Mode,
    Reconciliation,
    WebhookOutcome,
)
from conversations.twilio.client import Account
from conversations.twilio.reading import Received
from tests.builders import JOAO, form, make_sender, make_with_bot, says, thread
from tests.races.sound import sound
from tests.races.together import CROWDED, ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def test_fifty_copies_of_a_webhook_are_one_message(race: Race) -> None:
    make_with_bot()
    with together(50, race) as at_once:
        for _round in range(CROWDED):
            sid = form()["MessageSid"]

            results = at_once.run([partial(says, "só uma vez", sid=sid)] * 50)

            outcomes = sorted(getattr(result, "outcome", result) for result in results)
            assert outcomes == [WebhookOutcome.APPLIED] + [WebhookOutcome.DUPLICATE] * 49
            assert Message.objects.filter(provider_sid=sid).count() == 1
            assert InboundWebhook.objects.filter(provider_sid=sid).count() == 50
            race.saw(applied=1, duplicate=49)
    sound(thread())


def test_a_webhook_and_the_pass_that_misses_it_are_one_message(race: Race) -> None:
    conversation = make_with_bot()
    row = Reconciliation.objects.create(sender=conversation.sender)
    account = Account(conversation.sender.account_sid, "token", "http://127.0.0.1:9")
    with together(2, race) as at_once:
        for _round in range(ROUNDS):
            sid = form()["MessageSid"]
            listed = Received(sid=sid, from_=JOAO, to=conversation.sender.address, body="oi", at=clock.now())

            webhook, _none = at_once.run(
                [
                    partial(says, "oi", sid=sid),
                    partial(reconcile._bring_in, row, account, [(listed, False)], {}),
                ]
            )

            assert _none is None
            raws = InboundWebhook.objects.filter(provider_sid=sid).order_by("outcome")
            assert [raw.outcome for raw in raws] == [WebhookOutcome.APPLIED, WebhookOutcome.DUPLICATE]
            assert Message.objects.filter(provider_sid=sid).count() == 1
            first = "webhook" if webhook.outcome == WebhookOutcome.APPLIED else "pass"
            race.saw(**{f"{first}_first": 1})
    sound(thread())


@pytest.mark.parametrize("bubbles", [8, 20])
def test_the_first_messages_of_somebody_new_are_one_conversation(bubbles: int, race: Race) -> None:
    make_sender()
    rounds = CROWDED if bubbles >= 20 else ROUNDS
    with together(bubbles, race) as at_once:
        for number in range(rounds):
            address = f"whatsapp:+55117{number:08d}"

            results = at_once.run([partial(says, str(text), address=address) for text in range(bubbles)])

            assert {getattr(result, "outcome", result) for result in results} == {WebhookOutcome.APPLIED}
            conversation = thread(address)
            said = Message.objects.filter(conversation=conversation).values_list("body", flat=True)
            assert sorted(said) == sorted(str(text) for text in range(bubbles))
            assert sound(conversation).unread == 0
            race.saw(conversations=1, messages=len(said))
    counts = {model.objects.count() for model in (Conversation, Contact, ContactAddress)}
    assert counts == {rounds}


def test_first_contact_under_two_addresses_is_one_conversation(race: Race) -> None:
    """A phone that shows its user id, and the same person under that user id alone."""
    make_sender()
    with together(3, race) as at_once:
        for number in range(ROUNDS):
            phone, user_id = f"whatsapp:+55108{number:08d}", f"whatsapp:BR.{number}"

            results = at_once.run(
                [
                    partial(says, "do telefone", address=phone, ExternalUserId=user_id),
                    partial(says, "e de novo", address=phone, ExternalUserId=user_id),
                    partial(says, "sem número", address=user_id, ExternalUserId=user_id),
                ]
            )

            assert [getattr(one, "outcome", one) for one in results] == [WebhookOutcome.APPLIED] * 3
            conversation = sound(thread(phone))
            assert thread(user_id) == conversation
            assert Message.objects.filter(conversation=conversation).count() == 3
            race.saw(conversations=1, messages=3)
    assert Conversation.objects.count() == Contact.objects.count() == ROUNDS
    assert ContactAddress.objects.count() == 2 * ROUNDS


def test_two_new_phones_with_one_user_id_are_two_people(race: Race) -> None:
    """A recycled number or a forged id: neither may open the other's thread, and no message is lost."""
    make_sender()
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            phones = [f"whatsapp:+55107{number:08d}", f"whatsapp:+55106{number:08d}"]
            user_id = f"whatsapp:BR.{number}"

            results = at_once.run(
                [partial(says, "oi", address=phone, ExternalUserId=user_id) for phone in phones]
            )

            assert [getattr(one, "outcome", one) for one in results] == [WebhookOutcome.APPLIED] * 2
            conversations = [sound(thread(phone)) for phone in phones]
            assert conversations[0].contact != conversations[1].contact
            for conversation in conversations:
                assert Message.objects.filter(conversation=conversation).count() == 1
            assert ContactAddress.objects.filter(value=user_id).count() == 1
            race.saw(conversations=2, strangers_let_in=0)


def test_two_phones_that_show_a_known_user_id_are_not_both_its_person(race: Race) -> None:
    make_sender()
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            phones = [f"whatsapp:+55100{number:08d}", f"whatsapp:+55120{number:08d}"]
            user_id = f"whatsapp:BR.{number}"
            known = make_with_bot(address=user_id)

            results = at_once.run(
                [partial(says, "oi", address=phone, ExternalUserId=user_id) for phone in phones]
            )

            assert [getattr(one, "outcome", one) for one in results] == [WebhookOutcome.APPLIED] * 2
            linked = [phone for phone in phones if sound(thread(phone)) == known]
            assert len(linked) == 1
            assert known.contact.addresses.count() == 2
            race.saw(linked=1, apart=1)


def test_a_known_phone_that_shows_two_user_ids_gets_one(race: Race) -> None:
    make_sender()
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            phone = f"whatsapp:+55121{number:08d}"
            known = make_with_bot(address=phone)
            user_ids = [f"whatsapp:BR.{number}", f"whatsapp:US.{number}"]

            results = at_once.run(
                [partial(says, "oi", address=phone, ExternalUserId=user_id) for user_id in user_ids]
            )

            assert [getattr(one, "outcome", one) for one in results] == [WebhookOutcome.APPLIED] * 2
            assert known.contact.addresses.count() == 2
            assert sound(known).contact.addresses.filter(value__in=user_ids).count() == 1
            race.saw(linked=1, left_out=1)


def test_a_known_phone_shows_its_user_id_while_that_writes_for_the_first_time(race: Race) -> None:
    """Whichever commits first: the user id stands beside one person, and each message in the thread of its own."""
    make_sender()
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            phone, user_id = f"whatsapp:+55105{number:08d}", f"whatsapp:BR.{number}"
            make_with_bot(address=phone)

            results = at_once.run(
                [
                    partial(says, "do telefone", address=phone, ExternalUserId=user_id),
                    partial(says, "sem número", address=user_id, ExternalUserId=user_id),
                ]
            )

            assert [getattr(one, "outcome", one) for one in results] == [WebhookOutcome.APPLIED] * 2
            conversations = {sound(thread(address)) for address in (phone, user_id)}
            assert ContactAddress.objects.filter(value=user_id).count() == 1
            assert Message.objects.filter(conversation__in=conversations).count() == 3
            linked = len(conversations) == 1
            race.saw(linked=int(linked), two_threads=int(not linked))


def test_doubled_and_reordered_webhooks_are_each_one_message(race: Race) -> None:
    """Five bubbles, one of them a request for a person, each delivered four times in four orders."""
    texts = ["oi", "tudo bem?", "quero falar com um atendente", "é urgente", "alô?"]
    make_sender()
    with together(4, race) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55104{number:08d}"
            forms = [form(text, address=address) for text in texts]
            orders = [random.sample(forms, len(forms)) for _thread in range(4)]

            results = at_once.run([partial(_deliver, order) for order in orders])

            outcomes = Counter(outcome for some in results for outcome in some)
            assert outcomes == {WebhookOutcome.APPLIED: 5, WebhookOutcome.DUPLICATE: 15}, results
            conversation = sound(thread(address))
            said = Message.objects.filter(conversation=conversation, author=Author.CUSTOMER)
            assert sorted(said.values_list("body", flat=True)) == sorted(texts)
            assert (conversation.mode, conversation.handoff_count) == (Mode.QUEUED, 1)
            race.saw(**outcomes)


def _deliver(forms: list[dict[str, str]]) -> list[str]:
    sender = make_sender()
    return [intake.receive(one, sender=sender, now=clock.now()).outcome for one in forms]
