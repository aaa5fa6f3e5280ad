"""Status callbacks: doubled, late, too early, from strangers; the same reports always end the same."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversations import statuses, work
from conversations.models import Conversation, Delivery, Event, Message, Status, StatusReport
from handoffflow.simulator.standin import StandIn
from operators.models import Operator
from tests.builders import make_held
from tests.conversations.outbox import message_of, only_deliveries, operator_says, reload, report, shown, told
from tests.conversations.outbox import twilio as twilio
from tests.signed import signature

pytestmark = pytest.mark.django_db

CODES = [None, 63016, 63024]
STATUSES = [*statuses.LATTICE, "receiving", ""]
reports = st.tuples(st.sampled_from(STATUSES), st.sampled_from(CODES))
_sids = itertools.count(1)


@pytest.fixture(autouse=True)
def _only_deliveries(monkeypatch: pytest.MonkeyPatch) -> None:
    only_deliveries(monkeypatch)


@pytest.fixture
def held(ana: Operator, twilio: StandIn) -> Conversation:
    conversation = make_held(ana)
    Delivery.objects.all().delete()
    return conversation


@pytest.fixture
def sent(held: Conversation, ana: Operator) -> Delivery:
    """A line that Twilio accepted."""
    row = operator_says(held, ana)
    work.run_once()
    return reload(row)


def sid_of(row: Delivery) -> str:
    sid = message_of(row).provider_sid
    assert sid
    return sid


class TestAReport:
    def test_moves_the_message_up(self, sent: Delivery) -> None:
        for status in ("sent", "delivered", "read"):
            report(sent, status, sid=sid_of(sent))

        assert shown(sent) == ("accepted", "read")
        assert told(sent) == ["sent", "delivered", "read"]

    def test_never_moves_it_down(self, sent: Delivery) -> None:
        for status in ("read", "delivered", "sent", "queued", "failed", "undelivered"):
            report(sent, status, sid=sid_of(sent), code=63024 if "e" in status else None)

        assert shown(sent) == ("accepted", "read")
        assert told(sent) == ["read"]

    def test_of_failure_shows_the_code(self, sent: Delivery) -> None:
        report(sent, "sent", sid=sid_of(sent))
        report(sent, "undelivered", sid=sid_of(sent), code=63024)

        assert (message_of(sent).status, message_of(sent).error_code) == (Status.FAILED, 63024)
        event = Event.objects.filter(kind="message.status").latest("seq")
        assert (event.data["status"], event.data["error_code"]) == ("failed", 63024)

    def test_of_delivery_on_another_device_beats_a_failure(self, sent: Delivery) -> None:
        report(sent, "undelivered", sid=sid_of(sent), code=63024)
        report(sent, "delivered", sid=sid_of(sent))

        assert (message_of(sent).status, message_of(sent).error_code) == (Status.DELIVERED, None)

    def test_that_says_nothing_new_is_kept_and_tells_nothing(self, sent: Delivery) -> None:
        for _ in range(3):
            report(sent, "sent", sid=sid_of(sent))

        assert StatusReport.objects.exclude(applied_at=None).count() == 3
        assert told(sent) == ["sent"]

    def test_finds_its_message_by_the_sid_alone(self, sent: Delivery) -> None:
        report(sent, "delivered", sid=sid_of(sent), with_mid=False)

        assert shown(sent) == ("accepted", "delivered")

    def test_that_comes_before_the_answer_waits_for_the_sid(
        self, held: Conversation, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Sent to the number's own callback address, which carries no id of ours."""
        from conversations.twilio import client

        row = operator_says(held, ana)
        early = report(row, "delivered", sid="SM77", with_mid=False)
        assert (early.delivery, early.applied_at) == (None, None)

        async def accepted(*_args: object, **_kwargs: object) -> client.Outcome:
            return client.Outcome("accepted", sid="SM77", status="queued")

        monkeypatch.setattr(client, "send", accepted)
        work.run_once()

        early.refresh_from_db()
        assert early.applied_at is not None
        assert early.delivery == row
        assert shown(row) == ("accepted", "delivered")

    @pytest.mark.django_db(transaction=True)
    def test_that_comes_while_its_sid_is_being_stored_is_applied(
        self, sent: Delivery, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither sees the other until both are committed: here it looks too early."""
        look, blind = statuses._delivery_of, iter([True])
        monkeypatch.setattr(statuses, "_delivery_of", lambda kept: None if next(blind, False) else look(kept))

        report(sent, "delivered", sid=sid_of(sent), with_mid=False)

        assert shown(sent) == ("accepted", "delivered")

    @pytest.mark.django_db(transaction=True)
    def test_that_is_kept_while_another_brings_the_sid_is_applied(
        self, held: Conversation, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = operator_says(held, ana)
        early = report(row, "delivered", sid="SM77", with_mid=False)
        parked, blind = statuses.apply_parked, iter([True])
        monkeypatch.setattr(
            statuses, "apply_parked", lambda now, sid: None if next(blind, False) else parked(now, sid)
        )

        report(row, "sent", sid="SM77")

        early.refresh_from_db()
        assert early.delivery == row
        assert shown(row) == ("accepted", "delivered")

    def test_of_another_account_changes_nothing(self, sent: Delivery) -> None:
        stranger = report(sent, "read", sid=sid_of(sent), account_sid="AC" + "9" * 32)

        assert stranger.applied_at is None
        assert shown(sent) == ("accepted", "sending")

    def test_with_another_sid_changes_nothing(self, sent: Delivery) -> None:
        other = report(sent, "read", sid="SM" + "9" * 32)

        assert other.applied_at is None
        assert shown(sent) == ("accepted", "sending")

    def test_cannot_take_the_sid_of_another_message(
        self, sent: Delivery, held: Conversation, ana: Operator
    ) -> None:
        waiting = operator_says(held, ana, "dois")

        report(waiting, "read", sid=sid_of(sent))

        assert shown(waiting) == ("queued", "queued")
        assert message_of(waiting).provider_sid is None

    def test_that_cannot_be_applied_is_kept(self, sent: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(statuses, "observe", mock.Mock(side_effect=ValueError))

        report(sent, "delivered", sid=sid_of(sent))

        assert StatusReport.objects.get().applied_at is None
        assert told(sent) == []

    def test_of_a_line_that_still_waits_keeps_it_from_being_sent(
        self, held: Conversation, ana: Operator, twilio: StandIn
    ) -> None:
        """We had taken it for not sent, and were wrong."""
        row = operator_says(held, ana)

        report(row, "sent", sid="SM5")
        work.run_once()

        assert shown(row) == ("accepted", "sent")
        assert twilio.requests() == []

    def test_without_a_sid_is_only_kept(self, held: Conversation, ana: Operator) -> None:
        row = operator_says(held, ana)

        kept = report(row, "sent", sid="")

        assert kept.applied_at is None
        assert shown(row) == ("queued", "queued")


class TestAnyOrderOfReports:
    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(data=st.data(), given_reports=st.lists(reports, min_size=1, max_size=5))
    def test_ends_the_same(self, data: st.DataObject, given_reports: list[Any], sent: Delivery) -> None:
        doubled = given_reports + data.draw(st.lists(st.sampled_from(given_reports), max_size=3))
        shuffled = data.draw(st.permutations(doubled))

        assert self.after(sent, shuffled) == self.after(sent, given_reports)

    def after(self, row: Delivery, received: list[Any]) -> tuple[Any, ...]:
        """What is shown in the end. The events on the way tell of each change once, and end with it."""
        sid = f"SM-lattice-{next(_sids)}"
        fresh = {"status": Status.SENDING, "rank": 0, "error_code": None, "provider_sid": sid}
        Message.objects.filter(pk=row.message_id).update(**fresh)
        already = len(told(row))

        for status, code in received:
            report(row, status, sid=sid, code=code, with_mid=False)

        message = message_of(row)
        changes = told(row)[already:]
        assert (changes or ["sending"])[-1] == message.status
        return message.status, message.rank, message.error_code


class TestTheDoor:
    @pytest.fixture
    def post(self, client: Client, settings: Any) -> Callable[..., int]:
        def send(
            params: dict[str, str], *, mid: object = "", token: str | None = None, signed: bool = True
        ) -> int:
            path = f"/api/twilio/status?mid={mid}"
            given_signature = signature(params, url=settings.APP_URL + path, token=token)
            headers = {"X-Twilio-Signature": given_signature} if signed else {}
            return client.post(
                path,
                "&".join(f"{name}={value}" for name, value in params.items()),
                content_type="application/x-www-form-urlencoded",
                headers=headers,
            ).status_code

        return send

    def form(self, row: Delivery, **changes: str) -> dict[str, str]:
        account = row.sender.account_sid
        return {"MessageSid": sid_of(row), "MessageStatus": "delivered", "AccountSid": account} | changes

    def test_applies_what_twilio_signed(self, sent: Delivery, post: Callable[..., int]) -> None:
        assert post(self.form(sent), mid=sent.public_id) == 204
        assert shown(sent) == ("accepted", "delivered")

    @pytest.mark.parametrize("mid", ["", "x", "%00", "1" * 500, uuid.UUID(int=7)])
    def test_keeps_a_report_with_an_odd_id(
        self, sent: Delivery, post: Callable[..., int], mid: object
    ) -> None:
        assert post(self.form(sent), mid=mid) == 204
        assert shown(sent) == ("accepted", "delivered")

    @pytest.mark.parametrize(
        "changes",
        [
            {"MessageStatus": ""},
            {"MessageStatus": "x" * 500},
            {"MessageSid": "S" * 500},
            {"ErrorCode": "9" * 5000},
            {"Odd%00Name": "%00"},
        ],
        ids=["no status", "long status", "long sid", "long code", "nul"],
    )
    def test_keeps_a_report_that_makes_no_sense(
        self, sent: Delivery, client: Client, settings: Any, changes: dict[str, str]
    ) -> None:
        params = self.form(sent, **changes)
        plain = {name.replace("%00", "\0"): value.replace("%00", "\0") for name, value in params.items()}
        path = f"/api/twilio/status?mid={sent.public_id}"

        answer = client.post(
            path,
            "&".join(f"{name}={value}" for name, value in params.items()),
            content_type="application/x-www-form-urlencoded",
            headers={"X-Twilio-Signature": signature(plain, url=settings.APP_URL + path)},
        )

        assert answer.status_code == 204
        assert StatusReport.objects.count() == 1

    def test_refuses_what_nobody_signed(self, sent: Delivery, post: Callable[..., int]) -> None:
        assert post(self.form(sent), mid=sent.public_id, signed=False) == 403
        assert post(self.form(sent), mid=sent.public_id, token="somebody else's") == 403
        assert post(self.form(sent, AccountSid="AC" + "9" * 32), mid=sent.public_id) == 403
        assert not StatusReport.objects.exists()

    def test_refuses_an_id_that_was_put_in_later(self, sent: Delivery, client: Client, settings: Any) -> None:
        params = self.form(sent)
        signed = signature(params, url=settings.APP_URL + "/api/twilio/status")

        answer = client.post(
            f"/api/twilio/status?mid={sent.public_id}",
            "&".join(f"{name}={value}" for name, value in params.items()),
            content_type="application/x-www-form-urlencoded",
            headers={"X-Twilio-Signature": signed},
        )

        assert answer.status_code == 403
