"""Several numbers: each is found by account and address, verified and called with its own credentials."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from conversations import clock, work
from conversations.models import Delivery, DeliveryState, InboundWebhook, Message, Sender
from handoffflow.simulator.shapes import Account, Timing
from handoffflow.simulator.standin import StandIn
from tests import signed
from tests.builders import JOAO, form, make_sender
from tests.conversations.outbox import twilio as twilio

pytestmark = pytest.mark.django_db(transaction=True)

SHOP = Account(
    "AC" + "5" * 32,
    "token-of-the-shop",
    "whatsapp:+551140000000",
    keys={"SK" + "6" * 32: "secret-of-the-key"},
)
SERVICE = "MG" + "7" * 32


@pytest.fixture
def shop(twilio: StandIn) -> Sender:
    """A second number, of another (sub-)account, in a Messaging Service, with an API key for sending."""
    twilio.open_account(SHOP)
    sender = Sender(
        organization=make_sender().organization,
        name="Loja",
        address=SHOP.number,
        account_sid=SHOP.sid,
        messaging_service_sid=SERVICE,
        api_key_sid="SK" + "6" * 32,
    )
    sender.auth_token, sender.api_key_secret = SHOP.token, "secret-of-the-key"
    sender.save()
    return sender


@pytest.fixture
def sender(twilio: StandIn) -> Sender:
    """The token is being rotated."""
    sender = make_sender()
    sender.auth_token, sender.secondary_token = twilio.account.token, "the-second-token"
    sender.save()
    twilio.change(twilio.account, secondary="the-second-token")
    return sender


def writes(client: Client, *, token: str, **params: str) -> int:
    return int(signed.post(client, form(**params), token=token).status_code)


def answered() -> None:
    """The bot's turn is due a moment after the message; then its answer is sent."""
    work.run_once(clock.now() + timedelta(seconds=5))


class TestTwoSenders:
    def test_are_spoken_to_and_answer_each_with_its_own_credentials(
        self, client: Client, twilio: StandIn, shop: Sender
    ) -> None:
        first, second = twilio.account, SHOP
        shops = {"AccountSid": SHOP.sid, "To": SHOP.number, "MessagingServiceSid": SERVICE}
        twilio.meet(JOAO)
        twilio.change(SHOP, token="of no use for a call")

        assert writes(client, token=first.token, body="oi") == 200
        assert writes(client, token=second.token, body="oi, loja", **shops) == 200
        answered()

        rows = InboundWebhook.objects.order_by("pk").values_list("sender__name", "outcome")
        assert [outcome for _name, outcome in rows] == ["applied", "applied"]
        assert Message.objects.filter(author="customer").values("conversation").distinct().count() == 2
        assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.ACCEPTED}
        creates = [call for call in twilio.requests() if call["method"] == "POST"]
        assert {(call["path"].split("/")[3], call["status"]) for call in creates} == {
            (first.sid, 201),
            (second.sid, 201),
        }
        origins = {message.number: message.service for message in twilio.sent()}
        assert origins == {first.number: None, second.number: SERVICE}

    @pytest.mark.parametrize("swap", ["token", "account", "number"])
    def test_do_not_vouch_for_each_other(
        self, client: Client, twilio: StandIn, shop: Sender, swap: str
    ) -> None:
        told = {"AccountSid": SHOP.sid, "To": SHOP.number}
        token = SHOP.token
        if swap == "token":
            token = twilio.account.token
        elif swap == "account":
            told["AccountSid"] = twilio.account.sid
        else:
            told["To"] = twilio.account.number

        assert writes(client, token=token, **told) == 403
        assert not InboundWebhook.objects.exists()

    def test_find_an_unconfirmed_message_that_a_service_has_not_given_a_number(
        self, client: Client, twilio: StandIn, shop: Sender
    ) -> None:
        twilio.meet(JOAO)
        shops = {"AccountSid": SHOP.sid, "To": SHOP.number, "MessagingServiceSid": SERVICE}
        assert writes(client, token=SHOP.token, body="oi", **shops) == 200
        twilio.change(SHOP, timing=Timing(sent=600, delivered=600))
        twilio.script("reset_after_accept")
        answered()
        Delivery.objects.update(started_at=clock.now())  # and not when "a moment after the message" was
        assert Delivery.objects.first().state == DeliveryState.UNKNOWN  # type: ignore[union-attr]

        work.run_once(clock.now() + timedelta(minutes=1))

        assert Delivery.objects.first().state == DeliveryState.ACCEPTED  # type: ignore[union-attr]


class TestARotation:
    def test_loses_no_webhook_and_no_send(self, client: Client, twilio: StandIn, sender: Sender) -> None:
        twilio.meet(JOAO)
        old, new = twilio.account.token, "the-second-token"

        def state() -> tuple[bool, str]:
            sender.refresh_from_db()
            return bool(sender.secondary_signed_at), sender.calling_tokens[0]

        assert writes(client, token=old, body="antes") == 200
        assert state() == (False, old)
        twilio.change(twilio.account, token=new, secondary="")  # promoted: the old one is worth nothing now
        answered()
        assert {row.state for row in Delivery.objects.all()} == {DeliveryState.ACCEPTED}
        assert not sender.paused
        assert writes(client, token=new, body="depois") == 200
        assert state() == (True, new)
        answered()
        refused = [call["status"] for call in twilio.requests() if call["status"] == 401]
        assert len(refused) == 1, "once it is known, nothing is tried with the old one"

        assert sender.finish_rotation()
        sender.save()
        assert writes(client, token=new, body="e agora") == 200
        assert writes(client, token=old, body="de quem tem o velho") == 403
        assert state() == (False, new)
        assert InboundWebhook.objects.filter(outcome="applied").count() == 3

    def test_that_begins_again_is_not_taken_for_finished(
        self, client: Client, twilio: StandIn, sender: Sender
    ) -> None:
        """In the environment both tokens change without the row: what was noted belongs to the rotation before."""
        Sender.objects.update(secondary_signed_at=clock.now() - timedelta(days=90))

        assert writes(client, token=twilio.account.token) == 200

        sender.refresh_from_db()
        assert sender.secondary_signed_at is None

    def test_of_the_environments_account_takes_both_tokens(
        self, client: Client, twilio: StandIn, settings: Any
    ) -> None:
        make_sender()
        settings.TWILIO_AUTH_TOKEN_SECONDARY = "the-second-token"

        assert writes(client, token=twilio.account.token) == 200
        assert writes(client, token="the-second-token") == 200

        assert Sender.objects.get().secondary_signed_at is not None

    def test_notes_the_token_once_an_hour(self, client: Client, twilio: StandIn, sender: Sender) -> None:
        writes(client, token="the-second-token")
        sender.refresh_from_db()
        noted = sender.secondary_signed_at

        writes(client, token="the-second-token")

        sender.refresh_from_db()
        assert sender.secondary_signed_at == noted
