"""Who writes: one person per address, addresses linked only where no stranger's thread could open."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.test import Client

from conversations import clock, contacts, intake
from conversations.models import (
    Author,
    Contact,
    ContactAddress,
    Conversation,
    Handoff,
    InboundWebhook,
    Message,
    SeenBeside,
    Sender,
)
from conversations.twilio import payloads
from tests.builders import JOAO, form, fresh, make_held, make_operator, make_sender, says, thread
from tests.races.together import together
from tests.signed import payload, post

pytestmark = pytest.mark.django_db

USER_ID = "whatsapp:BR.2603687405766954"
OTHER_PHONE = "whatsapp:+5521999990000"


def addresses(contact: Contact) -> dict[str, str]:
    return dict(ContactAddress.objects.filter(contact=contact).values_list("value", "kind"))


class TestFirstContact:
    def test_makes_the_person_the_address_and_the_thread(self) -> None:
        says("oi")

        conversation = thread()
        assert conversation.contact.name == "João Silva"
        assert addresses(conversation.contact) == {JOAO: "phone"}
        assert (conversation.reply_address, conversation.mode, conversation.bot_session) == (JOAO, "bot", 1)

    def test_happens_once(self) -> None:
        says("oi")
        says("tudo bem?")

        assert Contact.objects.count() == ContactAddress.objects.count() == Conversation.objects.count() == 1

    def test_is_one_thread_for_each_number_of_the_company(self) -> None:
        says("oi")
        second = Sender.objects.create(
            organization=make_sender().organization, account_sid="AC2", address="whatsapp:+550002"
        )

        conversation = contacts.resolve(_inbound(), sender=second)

        assert conversation.sender == second
        assert Conversation.objects.count() == 2

    @pytest.mark.parametrize(
        ("address", "language"),
        [
            ("whatsapp:+5511987654321", "pt-br"),
            ("whatsapp:+351912345678", "pt-br"),
            ("whatsapp:+244923456789", "pt-br"),
            ("whatsapp:+34612345678", "es"),
            ("whatsapp:+5491123456789", "es"),
            ("whatsapp:+593991234567", "es"),
            ("whatsapp:+12125550123", "en"),
            ("whatsapp:+4915112345678", "en"),
            ("whatsapp:BR.2603687405766954", "pt-br"),
            ("whatsapp:CO.2603687405766954", "pt-br"),
        ],
    )
    def test_guesses_the_language_from_the_country(self, address: str, language: str) -> None:
        says("oi", address=address)

        assert thread(address).contact.language == language

    def test_may_come_without_any_phone(self, client: Client) -> None:
        make_sender()

        post(client, payload("text_bsuid_only"))

        conversation = Conversation.objects.get()
        assert addresses(conversation.contact) == {USER_ID: "user_id"}
        assert conversation.reply_address == USER_ID
        assert Message.objects.get().extras["username"] == "joao.silva"

    @pytest.mark.parametrize("length", [256, 5000])
    def test_from_an_address_too_long_is_ignored(self, length: int) -> None:
        raw = says("oi", address="whatsapp:" + "9" * (length - len("whatsapp:")))

        assert (raw.outcome, raw.reason) == ("ignored", "address_too_long")
        assert not Contact.objects.exists()

    def test_takes_the_longest_address(self) -> None:
        raw = says("oi", address="whatsapp:" + "9" * 246)

        assert raw.outcome == "applied"

    @pytest.mark.parametrize("known", [False, True])
    def test_leaves_out_a_user_id_too_long(self, known: bool) -> None:
        if known:
            says("oi")

        raw = says("oi", ExternalUserId="BR." + "9" * 300)

        assert raw.outcome == "applied"
        assert addresses(thread().contact) == {JOAO: "phone"}

    @pytest.mark.parametrize(
        "twin", ["WHATSAPP:+5511987654321", "whatsapp:+5511987654321 ", "whatsapp:+5511987654321\u0301"]
    )
    def test_takes_addresses_that_only_look_alike_for_two_people(self, twin: str) -> None:
        says("oi")
        says("oi", address=twin)

        assert Contact.objects.count() == 2


class TestTwoAddresses:
    def test_of_a_new_person_are_both_kept(self) -> None:
        says("oi", ExternalUserId=USER_ID)

        assert addresses(thread().contact) == {JOAO: "phone", USER_ID: "user_id"}

    def test_are_linked_when_the_known_phone_first_shows_its_user_id(self) -> None:
        says("oi")
        says("oi de novo", ExternalUserId=USER_ID)
        says("escondi meu número", address=USER_ID)

        conversation = Conversation.objects.get()
        assert addresses(conversation.contact) == {JOAO: "phone", USER_ID: "user_id"}
        assert conversation.reply_address == USER_ID

    def test_are_linked_when_the_known_user_id_first_shows_its_phone(self) -> None:
        says("oi", address=USER_ID)
        says("oi de novo", ExternalUserId=USER_ID)

        conversation = Conversation.objects.get()
        assert addresses(conversation.contact) == {JOAO: "phone", USER_ID: "user_id"}
        assert conversation.reply_address == JOAO

    def test_never_open_a_strangers_thread_to_a_new_phone(self) -> None:
        """A user id that already stands beside another phone: a recycled number, or a forged id."""
        says("oi", ExternalUserId=USER_ID)

        says("oi", address=OTHER_PHONE, ExternalUserId=USER_ID)

        assert thread(OTHER_PHONE).contact != thread(JOAO).contact
        assert addresses(thread(JOAO).contact) == {JOAO: "phone", USER_ID: "user_id"}
        assert addresses(thread(OTHER_PHONE).contact) == {OTHER_PHONE: "phone"}

    def test_never_give_a_known_phone_a_second_user_id(self) -> None:
        says("oi", ExternalUserId=USER_ID)

        says("oi", ExternalUserId="whatsapp:BR.999")

        assert addresses(Contact.objects.get()) == {JOAO: "phone", USER_ID: "user_id"}

    def test_never_take_a_user_id_away_from_its_thread(self) -> None:
        says("oi", address=USER_ID)
        says("oi")

        says("oi", ExternalUserId=USER_ID)

        assert addresses(thread(JOAO).contact) == {JOAO: "phone"}
        assert addresses(thread(USER_ID).contact) == {USER_ID: "user_id"}

    @pytest.mark.parametrize(
        ("before", "now", "kept"),
        [
            ((JOAO, USER_ID), (OTHER_PHONE, USER_ID), {(OTHER_PHONE, USER_ID)}),
            ((JOAO, USER_ID), (JOAO, "whatsapp:BR.999"), {(JOAO, "whatsapp:BR.999")}),
            ((JOAO, USER_ID), (JOAO, USER_ID), set()),
            ((JOAO, ""), (JOAO, USER_ID), set()),
        ],
        ids=["another's user id", "a second user id", "its own", "its first"],
    )
    def test_that_could_not_be_linked_are_kept_to_be_asked_about(
        self, before: tuple[str, str], now: tuple[str, str], kept: set[tuple[str, str]]
    ) -> None:
        for address, user_id in (before, now, now):
            says("oi", address=address, ExternalUserId=user_id)

        seen = SeenBeside.objects.values_list("contact__addresses__value", "value")
        assert {(own, value) for own, value in seen if own == now[0]} == kept
        assert SeenBeside.objects.count() == len(kept)

    def test_stay_two_people_on_another_number_of_the_company(self) -> None:
        says("oi", ExternalUserId=USER_ID)
        second = Sender.objects.create(
            organization=make_sender().organization, account_sid="AC2", address="whatsapp:+550002"
        )

        conversation = contacts.resolve(_inbound(address=USER_ID), sender=second)

        assert conversation.contact != thread().contact

    @pytest.mark.parametrize("known", [JOAO, USER_ID])
    def test_are_a_matter_of_one_number_of_the_company(self, known: str) -> None:
        says("oi", address=known, ExternalUserId=USER_ID)
        second = Sender.objects.create(
            organization=make_sender().organization, account_sid="AC2", address="whatsapp:+550002"
        )

        conversation = contacts.resolve(_inbound(ExternalUserId=USER_ID), sender=second)

        assert addresses(conversation.contact) == {JOAO: "phone", USER_ID: "user_id"}
        assert conversation.contact != Conversation.objects.get(sender=make_sender()).contact

    def test_reply_to_whichever_wrote_last(self) -> None:
        says("oi", ExternalUserId=USER_ID)
        says("oi", address=USER_ID)
        assert Conversation.objects.get().reply_address == USER_ID

        says("oi", ExternalUserId=USER_ID)

        assert Conversation.objects.get().reply_address == JOAO


@pytest.mark.django_db(transaction=True)
@pytest.mark.xdist_group("races")
def test_first_messages_from_both_addresses_at_once_are_one_thread() -> None:
    sender = make_sender()
    with together(6) as at_once:
        for number in range(8):
            phone, user_id = f"whatsapp:+55118{number:08d}", f"whatsapp:BR.{number + 1}"
            first = [form("oi", address=phone, ExternalUserId=user_id) for _copy in range(3)]
            first += [form("oi", address=user_id) for _copy in range(3)]

            raws = at_once.run(
                [partial(intake.receive, one, sender=sender, now=clock.now()) for one in first]
            )

            assert [raw.outcome for raw in raws] == ["applied"] * 6
            conversation = thread(phone)
            assert conversation == thread(user_id)
            assert Message.objects.filter(conversation=conversation, author=Author.CUSTOMER).count() == 6


class TestAdvance:
    def test_moves_only_this_customers_times(self) -> None:
        now, ana = clock.now(), make_operator("ana")
        conversation = make_held(ana, now=now)
        says("oi", address=OTHER_PHONE, now=now)

        moved = contacts.advance(make_sender(), JOAO, hours=25)

        after, day = fresh(conversation), timedelta(hours=25)
        assert moved == 1
        assert (after.last_inbound_at, after.window_expires_at) == (now - day, now - timedelta(hours=1))
        assert not after.window_open(now)
        assert Handoff.objects.get().handoff_at == now - day
        assert Message.objects.filter(conversation=conversation).first().occurred_at == now - day  # type: ignore[union-attr]
        assert thread(OTHER_PHONE).last_inbound_at == now

    def test_moves_nothing_of_somebody_unknown(self) -> None:
        assert contacts.advance(make_sender(), JOAO, hours=24) == 0

    def test_begins_a_new_session_with_the_next_message(self) -> None:
        says("oi")
        contacts.advance(make_sender(), JOAO, hours=13)

        says("oi")

        assert thread().bot_session == 2


def test_raw_row_names_the_sender_and_its_company() -> None:
    says("oi")

    raw = InboundWebhook.objects.get()
    assert (raw.sender, raw.organization) == (make_sender(), make_sender().organization)


def _inbound(**params: str) -> payloads.InboundMessage:
    return payloads.parse_inbound(form("oi", **params))
