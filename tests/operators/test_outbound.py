"""Writing first: who may be written to, by whom, and what is noted."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from conversations import clock, contacts, errors, handoffs
from conversations.bots.base import HandoffRequest
from conversations.models import (
    AuditEntry,
    Contact,
    ContactAddress,
    Conversation,
    Delivery,
    Handoff,
    Message,
    Mode,
    Template,
)
from operators import outbound
from operators.models import Operator
from tests import builders
from tests.templates import make_template

pytestmark = pytest.mark.django_db
NEW = "+55 11 91234-5678"
AT_NEW = "whatsapp:+5511912345678"


@pytest.fixture
def template(ana: Operator) -> Template:
    return make_template(builders.make_sender())


def start(operator: Operator, template: Template, number: str = NEW, **changes: Any) -> Conversation:
    given: dict[str, Any] = {
        "operator": operator,
        "door": "panel",
        "number": number,
        "name": "Maria Lima",
        "template": template,
        "values": {"1": "Maria"},
        "agreed": True,
        "now": clock.now(),
    }
    return outbound.start(builders.make_sender(), **given | changes)


class TestStart:
    def test_opens_a_conversation_that_is_theirs(self, ana: Operator, template: Template) -> None:
        conversation = start(ana, template)

        assert (conversation.mode, conversation.operator, conversation.epoch) == (Mode.HUMAN, ana, 1)
        handoff = Handoff.objects.get(open_for=conversation)
        assert (handoff.reason, handoff.number, handoff.operator) == ("outbound", 1, ana)
        assert handoff.first_reply_at is not None
        delivery = Delivery.objects.get(conversation=conversation)
        assert (delivery.recipient, delivery.outside_window) == (AT_NEW, True)
        assert builders.kinds(conversation) == ["handoff.claimed", "message.accepted"]
        assert conversation.contact.name == "Maria Lima"

    def test_notes_who_said_that_they_agreed_and_when(self, ana: Operator, template: Template) -> None:
        conversation = start(ana, template)

        contact = Contact.objects.get(pk=conversation.contact_id)
        assert contact.opted_in_by == ana
        assert contact.opted_in_at is not None
        entry = AuditEntry.objects.get(action="contact.opted_in")
        assert (entry.subject_id, entry.actor_id) == (str(contact.public_id), str(ana.public_id))

    def test_wants_that_word(self, ana: Operator, template: Template) -> None:
        with pytest.raises(errors.ConsentRequired):
            start(ana, template, agreed=False)

        assert not Conversation.objects.exists()

    def test_goes_on_with_whoever_is_known_by_that_number(self, ana: Operator, template: Template) -> None:
        known = builders.make_with_bot(address=AT_NEW)

        conversation = start(ana, template)

        assert conversation == known
        assert Contact.objects.count() == 1
        assert conversation.contact.name == "João Silva"

    def test_takes_one_of_the_places(self, ana: Operator, template: Template) -> None:
        Operator.objects.update(capacity=1)
        ana.refresh_from_db()
        start(ana, template)

        with pytest.raises(errors.AtCapacity):
            start(ana, template, number="+5511922223333")

        assert Conversation.objects.count() == 1
        assert not Contact.objects.filter(addresses__value="whatsapp:+5511922223333").exists()

    def test_is_not_for_whoever_has_left(self, ana: Operator, template: Template) -> None:
        Operator.objects.update(is_active=False)

        with pytest.raises(errors.AgentUnavailable):
            start(ana, template)

    def test_loses_to_whoever_has_it_and_says_who(self, ana: Operator, template: Template) -> None:
        bia = builders.make_operator("bia")
        start(bia, template)

        with pytest.raises(errors.AlreadyClaimed) as lost:
            start(ana, template)

        assert lost.value.extras["operator"] == bia
        assert Message.objects.count() == 1

    def test_goes_past_nobody_who_waits(self, ana: Operator, template: Template) -> None:
        builders.make_waiting(address=AT_NEW)

        with pytest.raises(errors.WaitsInQueue):
            start(ana, template)

    def test_twice_with_one_key_is_sent_once(self, ana: Operator, template: Template) -> None:
        first = start(ana, template, client_key="k")

        assert start(ana, template, client_key="k") == first
        assert Delivery.objects.count() == 1

    def test_never_reaches_whoever_opted_out(self, ana: Operator, template: Template) -> None:
        known = builders.make_with_bot(address=AT_NEW)
        Contact.objects.update(opted_out_at=clock.now())

        with pytest.raises(errors.OptedOut):
            start(ana, template)

        assert builders.fresh(known).mode == Mode.BOT
        assert Contact.objects.get().opted_in_at is None

    def test_is_answered_to_the_one_who_wrote(self, ana: Operator, template: Template) -> None:
        conversation = start(ana, template)

        builders.says("Oi! Quem é?", address=AT_NEW)

        answered = builders.fresh(conversation)
        assert (answered.mode, answered.operator) == (Mode.HUMAN, ana)
        assert answered.window_open(clock.now())

    def test_leaves_the_bot_nothing_to_say(self, ana: Operator, template: Template) -> None:
        known = builders.make_with_bot(address=AT_NEW)
        start(ana, template)

        with pytest.raises(errors.StaleEpoch):
            handoffs.request(
                known,
                cause=builders.CUSTOMER,
                request=HandoffRequest(reason="bot_asked"),
                now=clock.now(),
                epoch=known.epoch,
            )


class TestNumbers:
    @pytest.mark.parametrize(
        "typed",
        ["", "abc", "11 98765-4321", "+0 123456789", "+55", "+551234567890123456", "whatsapp:+5511987654321"],
    )
    def test_need_a_country_and_the_right_length(self, typed: str) -> None:
        with pytest.raises(errors.InvalidNumber):
            contacts.phone(typed)

    def test_are_taken_as_people_write_them(self) -> None:
        assert contacts.phone("+55 (11) 91234-5678") == AT_NEW

    @pytest.mark.parametrize(
        ("known", "typed"),
        [("whatsapp:+551181234567", "+55 11 98123-4567"), ("whatsapp:+5511981234567", "+55 11 8123-4567")],
    )
    def test_of_brazil_are_asked_about_and_never_rewritten(
        self, ana: Operator, template: Template, known: str, typed: str
    ) -> None:
        builders.make_with_bot(address=known)
        with pytest.raises(errors.SamePerson) as asked:
            start(ana, template, number=typed)
        assert asked.value.extras["address"].value == known

        other = start(ana, template, number=typed, same=False)
        same = start(ana, template, number=typed.replace(" ", ""), same=True)

        sent = Delivery.objects.filter(message__author="operator").order_by("pk")
        assert [row.recipient for row in sent] == [contacts.phone(typed)] * 2
        assert other == same

    def test_that_are_the_same_person_s_are_left_as_they_are(self, ana: Operator, template: Template) -> None:
        known = builders.make_with_bot(address="whatsapp:+551181234567")

        assert start(ana, template, number="+55 11 98123-4567", same=True) == known
        assert not ContactAddress.objects.filter(value="whatsapp:+5511981234567").exists()

    def test_of_a_landline_have_no_ninth_digit(self, ana: Operator) -> None:
        builders.make_with_bot(address="whatsapp:+551131234567")

        assert contacts.alike(builders.make_sender(), "whatsapp:+5511931234567") is None


class TestTheDialog:
    @pytest.fixture
    def panel(self, client: Client, ana: Operator) -> Client:
        client.force_login(ana)
        return client

    def form(self, template: Template) -> dict[str, str]:
        return {
            "number": NEW,
            "name": "Maria",
            "agreed": "1",
            "template": str(template.public_id),
            "gap-1": "Maria",
            "client_key": "k",
        }

    def test_leads_to_the_new_chat(self, panel: Client, template: Template) -> None:
        response = panel.post("/operator/new/", self.form(template))

        conversation = Conversation.objects.get()
        assert (response.status_code, response["Location"]) == (303, f"/operator/c/{conversation.public_id}/")
        page = panel.get(response["Location"]).content.decode()
        assert 'data-dock="closed"' in page
        assert "(ana)" in page  # who noted that they agreed
        assert (
            'data-after="0"' in page
        )  # or what came before the first bubble would leave with the next update

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"number": "11 9"}, 422),
            ({"agreed": ""}, 422),
            ({"gap-1": ""}, 422),
            ({"template": "x"}, 422),
        ],
    )
    @pytest.mark.parametrize("live", [True, False])
    def test_keeps_what_was_typed(
        self, panel: Client, template: Template, changes: dict[str, str], status: int, live: bool
    ) -> None:
        headers = {"HX-Request": "true"} if live else {}
        given = self.form(template) | changes

        response = panel.post("/operator/new/", given, headers=headers)

        assert response.status_code == status
        assert f'value="{given["number"]}"' in response.content.decode()
        assert not Conversation.objects.exists()

    def test_asks_whether_it_is_the_same_person(self, panel: Client, template: Template) -> None:
        builders.make_with_bot(address="whatsapp:+551181234567")

        response = panel.post("/operator/new/", self.form(template) | {"number": "+55 11 98123-4567"})

        assert response.status_code == 409
        assert 'name="same"' in response.content.decode()
