"""Deciding about messages that failed or may not have arrived, files that could not be had, and failed webhooks."""

from __future__ import annotations

from typing import Any

import pytest

from conversations import clock, outcomes, verdicts, work
from conversations.models import (
    Attachment,
    AuditEntry,
    Conversation,
    Delivery,
    InboundWebhook,
    Message,
    WebhookOutcome,
)
from conversations.twilio import client
from operators.models import Operator
from tests.api.calls import Api, caller, code
from tests.api.test_notes_and_tags import session
from tests.api.world import ours
from tests.builders import bubbles, last_event, make_held, make_operator
from tests.conversations.outbox import only_deliveries, operator_says
from tests.templates import close_window

pytestmark = pytest.mark.django_db
UNKNOWN = client.Outcome("unknown", cause="timeout")
REFUSED = client.Outcome("refused", code=63018, cause="refused")


@pytest.fixture
def held(ana: Operator, monkeypatch: pytest.MonkeyPatch) -> Conversation:
    only_deliveries(monkeypatch)
    conversation = make_held(ana)
    Delivery.objects.all().delete()
    return conversation


@pytest.fixture
def desk() -> Api:
    return caller("desk")


def tried(held: Conversation, ana: Operator, outcome: client.Outcome) -> str:
    row = operator_says(held, ana)
    (claimed,), _next = work.claim_due(work.handlers["delivery"], clock.now(), limit=1)
    outcomes.settle(claimed, outcome, clock.now())
    return f"/conversations/{held.public_id}/messages/{row.message.public_id}"


def in_doubt() -> None:
    Delivery.objects.update(unknown_since=clock.now() - 2 * verdicts.DOUBT)


class TestAFailedMessage:
    def test_is_sent_once_more(self, held: Conversation, ana: Operator, desk: Api) -> None:
        place = tried(held, ana, REFUSED)

        again = desk.post(f"{place}/retry", key="k")

        assert (again.status_code, again.json()["status"], again.json()["error"]) == (202, "queued", None)
        assert (last_event(held).kind, last_event(held).actor_kind) == ("message.status", "api")
        assert desk.post(f"{place}/retry", key="k").content == again.content
        assert code(desk.post(f"{place}/retry")) == "already_settled"

    def test_is_given_up(self, held: Conversation, ana: Operator, desk: Api) -> None:
        place = tried(held, ana, REFUSED)

        assert desk.post(f"{place}/discard").json()["status"] == "cancelled"
        assert code(desk.post(f"{place}/discard")) == "already_settled"
        assert code(desk.post(f"{place}/retry")) == "already_settled"

    def test_is_not_sent_into_a_closed_window(self, held: Conversation, ana: Operator, desk: Api) -> None:
        place = tried(held, ana, REFUSED)
        close_window(held)

        assert code(desk.post(f"{place}/retry")) == "window_closed"

    def test_that_cannot_succeed_is_not_tried(self, held: Conversation, ana: Operator, desk: Api) -> None:
        place = tried(held, ana, client.Outcome("refused", code=63024, cause="refused"))

        assert code(desk.post(f"{place}/retry")) == "not_retryable"

    def test_is_decided_about_by_who_hold_it_or_supervise(self, held: Conversation, ana: Operator) -> None:
        place = tried(held, ana, REFUSED)
        bia, caio = make_operator("bia"), make_operator("caio", staff=True)

        for decision in ("retry", "discard"):
            refused = session(bia).post(f"{place}/{decision}")
            assert (code(refused), refused.json()["name"]) == ("not_yours", "ana")
        assert session(ana).post(f"{place}/retry").status_code == 202
        assert session(caio).post(f"{place}/discard").status_code == 200

    def test_of_a_customer_is_none(self, held: Conversation, desk: Api) -> None:
        theirs = bubbles(held)[0].public_id

        for decision in ("retry", "discard"):
            place = f"/conversations/{held.public_id}/messages/{theirs}/{decision}"
            assert code(desk.post(place)) == "not_found"


class TestAnUnconfirmedMessage:
    def test_is_repeated_only_by_who_say_that_they_know(
        self, held: Conversation, ana: Operator, desk: Api
    ) -> None:
        place = tried(held, ana, UNKNOWN)

        assert code(desk.post(f"{place}/retry")) == "already_settled"
        assert code(desk.post(f"{place}/retry", {"unconfirmed": True})) == "not_retryable"  # too early
        in_doubt()
        assert desk.post(f"{place}/retry", {"unconfirmed": True}).json()["status"] == "queued"

    def test_has_arrived_when_a_supervisor_says_so(
        self, held: Conversation, ana: Operator, desk: Api
    ) -> None:
        place = tried(held, ana, UNKNOWN)

        assert code(desk.post(f"{place}/arrived")) == code(session(ana).post(f"{place}/arrived")) == "scope"
        assert caller("admin").post(f"{place}/arrived").json()["status"] == "delivered"
        assert code(caller("admin").post(f"{place}/arrived")) == "already_settled"


class TestAFile:
    def test_that_could_not_be_had_is_fetched_again(self, held: Conversation, desk: Api) -> None:
        message = Message.objects.filter(conversation=held).in_order()[0]
        row = Attachment.objects.create(message=message, content_type="image/png", state="failed")
        place = f"/conversations/{held.public_id}/media/{row.public_id}/again"

        first, second = desk.post(place), desk.post(place)

        assert first.json() == second.json()
        assert (first.json()["state"], first.json()["id"]) == ("pending", str(row.public_id))
        assert last_event(held).kind == "message.media"
        assert held.events.filter(kind="message.media").count() == 1


class TestWebhooks:
    @pytest.fixture
    def broken(self) -> InboundWebhook:
        return InboundWebhook.objects.get(public_id=ours()["webhook"])

    def test_that_failed_are_tried_at_once(self, broken: InboundWebhook) -> None:
        admin: Any = caller("admin")
        InboundWebhook.objects.update(due_at=clock.now() + 60 * verdicts.DOUBT)
        [shown] = admin.get("/inbound-webhooks").json()["items"]
        assert (shown["id"], shown["attempts"]) == (str(broken.public_id), 0)

        assert admin.post(f"/inbound-webhooks/{broken.public_id}/replay").json() == {"replayed": 1}
        assert admin.post("/inbound-webhooks/replay").json() == {"replayed": 1}

        broken.refresh_from_db()
        assert broken.due_at is not None
        assert broken.due_at <= clock.now()
        assert AuditEntry.objects.filter(action="webhook.replayed", actor_kind="api").count() == 2

    def test_that_came_through_are_not(self, broken: InboundWebhook) -> None:
        InboundWebhook.objects.update(outcome=WebhookOutcome.APPLIED, due_at=None)
        admin = caller("admin")

        assert admin.get("/inbound-webhooks").json()["items"] == []
        assert code(admin.post("/inbound-webhooks/replay")) == "nothing_to_replay"
        one = admin.post(f"/inbound-webhooks/{broken.public_id}/replay")
        assert code(one) == "nothing_to_replay"
