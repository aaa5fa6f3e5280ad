"""What a person decides about messages and webhooks that the product cannot settle by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from conversations import clock, intake, outcomes, retry, settling, verdicts, work
from conversations.contract import Cause
from conversations.models import AuditEntry, Conversation, Delivery, InboundWebhook, Message, Organization
from conversations.twilio import client
from operators.models import Operator
from tests.builders import make_held, says
from tests.conversations.outbox import message_of, only_deliveries, operator_says, reload, report, shown, told

pytestmark = pytest.mark.django_db

CAIO = Cause(kind="operator", door="panel", id="caio")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    only_deliveries(monkeypatch)


@pytest.fixture
def held(ana: Operator) -> Conversation:
    conversation = make_held(ana)
    Delivery.objects.all().delete()
    return conversation


@pytest.fixture
def unknown(held: Conversation, ana: Operator) -> Delivery:
    return begun(held, ana, client.Outcome("unknown", cause="timeout"))


@pytest.fixture
def failed(held: Conversation, ana: Operator) -> Delivery:
    return begun(held, ana, client.Outcome("refused", code=63018, cause="refused"))


def begun(held: Conversation, ana: Operator, outcome: client.Outcome) -> Delivery:
    row = operator_says(held, ana)
    (claimed,), _next = work.claim_due(work.handlers["delivery"], clock.now(), limit=1)
    outcomes.settle(claimed, outcome, clock.now())
    return reload(row)


def later(**span: float) -> datetime:
    return clock.now() + timedelta(**span)


class TestTheWordThatItArrived:
    def test_settles_an_unconfirmed_message(self, unknown: Delivery) -> None:
        assert shown(unknown) == ("unknown", "unknown")

        verdicts.arrived(unknown.message, cause=CAIO, now=clock.now(), attempt=unknown.public_id)

        assert shown(unknown) == ("accepted", "delivered")
        assert told(unknown) == ["unknown", "delivered"]
        row = reload(unknown)
        assert (row.due_at, row.unknown_since, row.leased_until) == (None, None, None)

    @pytest.mark.parametrize(
        ("reported", "shown_then"),
        [("sent", "delivered"), ("delivered", "delivered"), ("read", "read"), ("undelivered", "failed")],
    )
    def test_counts_less_than_what_twilio_says_became_of_it(
        self, unknown: Delivery, reported: str, shown_then: str
    ) -> None:
        verdicts.arrived(unknown.message, cause=CAIO, now=clock.now())

        report(unknown, reported, sid="SM5")

        assert shown(unknown) == ("accepted", shown_then)
        assert message_of(unknown).provider_sid == "SM5"

    def test_says_nothing_about_a_message_that_failed(self, failed: Delivery) -> None:
        with pytest.raises(verdicts.AlreadySettled):
            verdicts.arrived(failed.message, cause=CAIO, now=clock.now())

        assert shown(failed) == ("failed", "failed")

    def test_is_not_undone_by_the_worker_that_was_looking_it_up(self, unknown: Delivery) -> None:
        at = later(minutes=20)
        (looking,), _next = work.claim_due(work.handlers["delivery"], at, limit=1)
        looking.listings_without = 1
        verdicts.arrived(unknown.message, cause=CAIO, now=at)

        settling._decide(looking, [], at)

        assert shown(unknown) == ("accepted", "delivered")

    def test_leaves_its_twin_the_next_of_twilios_messages(
        self, unknown: Delivery, held: Conversation, ana: Operator
    ) -> None:
        """Both have the same words: Twilio's list has one, and that one was said to be the first's."""
        Delivery.objects.update(unknown_since=later(minutes=-1), due_at=later(hours=1))
        twin = begun(held, ana, client.Outcome("unknown", cause="timeout"))
        verdicts.arrived(unknown.message, cause=CAIO, now=clock.now())
        listed = client.Listed(
            sid="SM7", body=twin.body, status="delivered", error_code=None, created_at=clock.now()
        )

        settling._decide(reload(twin), [listed], clock.now())

        assert message_of(twin).provider_sid is None


class TestADecision:
    """Two supervisors look at the same row; the first has it sent again."""

    DECISIONS: dict[str, Any] = {
        "discard": verdicts.discard,
        "arrived": verdicts.arrived,
        "retry": lambda message, **said: verdicts.retry(message, unconfirmed=True, **said),
    }

    @pytest.mark.parametrize("decision", DECISIONS)
    def test_holds_for_the_attempt_that_was_seen(self, unknown: Delivery, decision: str) -> None:
        seen, now = unknown.public_id, later(minutes=2)
        verdicts.retry(unknown.message, cause=CAIO, now=now, unconfirmed=True, attempt=seen)
        again = begun_again(unknown, now)

        with pytest.raises(verdicts.AlreadySettled):
            self.DECISIONS[decision](again.message, cause=CAIO, now=later(minutes=6), attempt=seen)

        assert shown(unknown) == ("unknown", "unknown")
        assert told(unknown) == ["unknown", "queued", "unknown"]

    def test_about_a_line_that_waits_again_is_refused(self, failed: Delivery) -> None:
        seen = failed.public_id
        verdicts.retry(failed.message, cause=CAIO, now=clock.now(), attempt=seen)

        with pytest.raises(verdicts.AlreadySettled):
            verdicts.discard(failed.message, cause=CAIO, now=clock.now(), attempt=seen)

        assert shown(failed) == ("queued", "queued")

    def test_comes_too_late_for_what_is_given_up(self, failed: Delivery) -> None:
        verdicts.discard(failed.message, cause=CAIO, now=clock.now())

        with pytest.raises(verdicts.AlreadySettled):
            verdicts.retry(failed.message, cause=CAIO, now=clock.now())


def begun_again(row: Delivery, now: datetime) -> Delivery:
    (claimed,), _next = work.claim_due(work.handlers["delivery"], now, limit=1)
    outcomes.settle(claimed, client.Outcome("unknown", cause="timeout"), now)
    return reload(row)


class TestTheTimeOfAFailure:
    def test_is_there_while_it_counts_as_failed(self, failed: Delivery) -> None:
        since = message_of(failed).failed_at
        assert since is not None
        assert clock.now() - since < timedelta(minutes=1)

        verdicts.retry(failed.message, cause=CAIO, now=clock.now())

        assert message_of(failed).failed_at is None

    def test_goes_when_twilio_says_that_it_arrived_after_all(self, unknown: Delivery) -> None:
        report(unknown, "undelivered", sid="SM5", code=63018)
        assert message_of(unknown).failed_at is not None

        report(unknown, "delivered", sid="SM5")

        assert message_of(unknown).failed_at is None

    def test_is_not_there_otherwise(self, unknown: Delivery) -> None:
        assert not Message.objects.exclude(failed_at=None).exists()


class TestAskingForAWebhookAtOnce:
    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> InboundWebhook:
        """Stored, and not applied."""
        with monkeypatch.context() as failing:
            failing.setattr(intake, "apply", breaks)
            raw = says("oi")
        assert raw.outcome == "failed"
        return raw

    def test_brings_its_turn_forward(self, broken: InboundWebhook) -> None:
        now = clock.now()
        company = broken.organization
        assert company is not None
        assert broken.due_at is not None
        assert broken.due_at > now

        assert retry.at_once(company, [broken.pk], cause=CAIO, now=now) == 1

        broken.refresh_from_db()
        assert broken.due_at == now
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.organization_id, entry.actor_id, entry.data["count"]) == (
            "webhook.replayed",
            company.pk,
            "caio",
            1,
        )

    def test_reaches_no_other_company(self, broken: InboundWebhook) -> None:
        other = Organization.objects.create(name="Outra")

        assert retry.at_once(other, [broken.pk], cause=CAIO, now=clock.now()) == 0

        assert InboundWebhook.objects.get().due_at == broken.due_at
        assert not AuditEntry.objects.exists()

    def test_leaves_one_alone_that_is_being_tried(self, broken: InboundWebhook) -> None:
        InboundWebhook.objects.update(leased_until=Now() + timedelta(seconds=30))
        company = broken.organization
        assert company is not None

        assert retry.at_once(company, [broken.pk], cause=CAIO, now=clock.now()) == 0

    def test_is_nothing_for_one_that_has_come_through(self, broken: InboundWebhook) -> None:
        InboundWebhook.objects.update(outcome="applied", due_at=None)
        company = broken.organization
        assert company is not None

        assert retry.at_once(company, [broken.pk], cause=CAIO, now=clock.now()) == 0

        assert InboundWebhook.objects.get().due_at is None


def breaks(*_args: Any, **_named: Any) -> Message:
    raise RuntimeError("does not work today")
