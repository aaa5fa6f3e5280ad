"""Posting to a real server: at least once, in order in each conversation, signed, and never for ever in vain."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from conversations import clock, leases, outward, work
from conversations.bots import wire
from conversations.models import AuditEntry
from handoffflow.subscriptions import Notice, NoticeState, Pause, Subscription
from handoffflow.webhooks import keeping, telling
from tests import builders
from tests.api.calls import caller
from tests.conversations.botserver import Bot, Said, serving
from tests.webhooks.receiving import SECRET, look, seqs, states, subscribe

pytestmark = [pytest.mark.django_db, pytest.mark.engine]
DAY = timedelta(hours=24)
HOUR = 3600.0
OTHER = "whatsapp:+5511900000002"


@pytest.fixture
def receiver(settings: Any) -> Iterator[Bot]:
    settings.INTERNAL_HOSTS = frozenset({"127.0.0.1"})
    with serving() as running:
        yield running


class TestANotice:
    def test_tells_the_event_and_what_it_is_about_as_the_api_does(self, receiver: Bot) -> None:
        reader = caller("read")
        after = reader.get("/events").json()["next"]
        row = subscribe(receiver, "message.received")
        conversation = builders.make_with_bot()

        assert look() == 1

        [told] = receiver.asked
        [event] = reader.get("/events", {"after": after}).json()["items"]
        assert told["event"] == event
        assert told["conversation"] == reader.get(f"/conversations/{conversation.public_id}").json()
        [message] = reader.get(f"/conversations/{conversation.public_id}/messages").json()["items"]
        assert told["message"] == message
        assert (told["version"], told["subscription_id"]) == (1, str(row.public_id))
        assert (
            told["id"] == receiver.raw[0][0]["X-HandoffFlow-Delivery"] == str(Notice.objects.get().public_id)
        )

    def test_is_signed_over_the_time_and_the_bytes(self, receiver: Bot) -> None:
        subscribe(receiver)
        builders.make_with_bot()
        look()

        headers, body = receiver.raw[0]
        moment, _comma, found = headers[wire.SIGNATURE].partition(",")
        signed = moment.removeprefix("t=").encode() + b"." + body
        assert found == "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()

    def test_that_was_taken_is_never_told_again(self, receiver: Bot) -> None:
        subscribe(receiver, "message.received")
        builders.make_with_bot()

        assert (look(), look(60)) == (1, 0)
        assert states() == [NoticeState.DELIVERED]

    @pytest.mark.parametrize("said", [Said(status=500), Said(status=404), Said(status=302), Said(status=0)])
    def test_that_was_not_taken_comes_again_under_its_id(self, receiver: Bot, said: Said) -> None:
        receiver.says = [said, Said()]
        subscribe(receiver, "message.received")
        builders.make_with_bot()
        look(0)
        row = Notice.objects.get()
        assert (row.state, row.tries, row.status or 0) == (NoticeState.WAITING, 1, said.status)
        assert Subscription.objects.get().failing_since is not None

        assert look(60) == 1

        assert [one["id"] for one in receiver.asked] == [str(row.public_id)] * 2
        assert states() == [NoticeState.DELIVERED]
        assert Subscription.objects.get().failing_since is None

    def test_waits_as_long_as_the_receiver_asks(self, receiver: Bot) -> None:
        receiver.says = [Said(status=429, headers={"Retry-After": "1800"}), Said()]
        subscribe(receiver, "message.received")
        builders.make_with_bot()
        look(0)

        assert look(1700) == 0
        assert look(1900) == 1

    def test_waits_longer_each_time(self, receiver: Bot) -> None:
        receiver.says = [Said(status=500)]
        subscribe(receiver, "message.received")
        builders.make_with_bot()
        now = clock.now()
        builders.time_passes("subscription", now)
        pauses = []
        for _attempt in range(5):
            row = Notice.objects.get()
            [claimed] = telling.claim([row], telling.LEASE, now)
            telling._settle(claimed, outward.Answer(500), now)
            row.refresh_from_db()
            assert row.due_at is not None
            pauses.append((row.due_at - now).total_seconds())

        assert pauses == sorted(pauses)
        assert pauses[-1] > 10 * pauses[0]

    def test_whose_worker_dies_after_the_post_is_told_again(
        self, receiver: Bot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        subscribe(receiver, "message.received")
        builders.make_with_bot()
        with monkeypatch.context() as patched:
            patched.setattr(telling, "_settle", lambda *_args: None)
            look()
        assert look() == 0  # somebody has it
        Notice.objects.update(leased_until=clock.now() - timedelta(seconds=1))

        assert look() == 1

        assert len({one["id"] for one in receiver.asked}) == 1
        assert len(receiver.asked) == 2

    def test_is_settled_only_by_whoever_has_it(self, receiver: Bot) -> None:
        subscribe(receiver, "message.received")
        builders.make_with_bot()
        builders.time_passes("subscription", clock.now())
        frozen = Notice.objects.get()
        leases.claim(frozen)
        Notice.objects.update(leased_until=None)
        leases.claim(Notice.objects.get())

        telling._settle(frozen, outward.Answer(200), clock.now())

        assert states() == [NoticeState.WAITING]


class TestOrder:
    def test_holds_in_a_conversation_while_others_flow(self, receiver: Bot) -> None:
        receiver.says = [Said(status=500), Said()]
        subscribe(receiver, "message.received")
        first = builders.make_with_bot()
        builders.says("mais uma")
        other = builders.make_with_bot(address=OTHER)

        look(0)

        told = [(one["event"]["conversation_id"], one["event"]["seq"]) for one in receiver.asked]
        assert told == [(str(first.public_id), 2), (str(other.public_id), 2)]
        look(60)
        assert seqs(receiver)[2:] == [2, 4]

    def test_is_each_subscriptions_own(self, receiver: Bot) -> None:
        receiver.says = [Said(status=500), Said()]
        subscribe(receiver, "message.received")
        subscribe(receiver, "message.received")
        builders.make_with_bot()
        builders.says("mais uma")

        look(0)

        assert sorted(states()) == ["delivered", "delivered", "waiting", "waiting"]

    def test_goes_on_when_one_was_given_up(self, receiver: Bot) -> None:
        receiver.says = [Said(status=400), Said()]
        subscribe(receiver, "message.received")
        builders.make_with_bot()
        builders.says("mais uma")
        builders.make_with_bot(address=OTHER)
        look(0)  # the first is refused; the other conversation's is taken: it does not fail as a whole
        Notice.objects.filter(seq=2, state="waiting").update(first_tried_at=clock.now() - DAY)
        receiver.says = [Said(status=400), Said()]

        look(60)

        assert [(one.seq, one.state) for one in Notice.objects.order_by("conversation", "seq")] == [
            (2, "failed"),
            (4, "delivered"),
            (2, "delivered"),
        ]
        assert Subscription.objects.get().paused == ""


class TestAReceiverThatFails:
    def test_takes_no_places_from_the_others(self, receiver: Bot) -> None:
        failing = subscribe(receiver, "message.received", failing_since=clock.now())
        for number in range(2 * telling.AT_ONCE):
            builders.make_with_bot(address=f"whatsapp:+55119000000{number:02}")
        good = subscribe(receiver, "message.received")
        builders.make_with_bot()
        now = clock.now() + timedelta(seconds=5)
        builders.time_passes("subscription", now)
        handler = work.handlers["notice"]

        first, _next = work.claim_due(handler, now, limit=telling.AT_ONCE)
        second, _next = work.claim_due(handler, now, limit=telling.AT_ONCE - len(first))

        assert [row.subscription for row in first] == [failing] * telling.EACH_FAILING
        assert [row.subscription for row in second] == [good]

    def test_is_paused_after_a_day_and_keeps_what_it_was_to_be_told(self, receiver: Bot) -> None:
        receiver.says = [Said(status=503)]
        row = subscribe(receiver, "message.received")
        builders.make_with_bot()
        look(0)
        Subscription.objects.update(failing_since=clock.now() - DAY)
        Notice.objects.update(first_tried_at=clock.now() - DAY)

        look(60)

        row.refresh_from_db()
        assert (row.paused, states()) == (Pause.FAILING, ["waiting"])
        entry = AuditEntry.objects.get(action="subscription.paused")
        assert (entry.subject_id, entry.data["why"]) == (str(row.public_id), "failing")
        assert look(2 * HOUR) == 0

    def test_is_not_paused_while_anything_is_taken(self, receiver: Bot) -> None:
        receiver.says = [Said(status=503), Said()]
        row = subscribe(receiver, "message.received")
        builders.make_with_bot()
        builders.make_with_bot(address=OTHER)
        Subscription.objects.update(failing_since=clock.now() - DAY + timedelta(minutes=5))

        look(0)

        row.refresh_from_db()
        assert (row.paused, row.failing_since) == ("", None)

    def test_and_wants_no_more_is_paused_at_once(self, receiver: Bot) -> None:
        receiver.says = [Said(status=410)]
        row = subscribe(receiver, "message.received")
        builders.make_with_bot()
        builders.says("mais uma")

        assert look() == 1

        row.refresh_from_db()
        assert row.paused == Pause.GONE
        assert look(HOUR) == 0

    def test_and_goes_on_is_told_everything_in_order(self, receiver: Bot) -> None:
        receiver.says = [Said(status=410), Said()]
        row = subscribe(receiver, "message.received")
        builders.make_with_bot()
        look()
        builders.says("mais uma")

        assert keeping.resume(row, clock.now(), keeping.WORKER)
        look()

        assert seqs(receiver) == [2, 2, 4]
        assert not keeping.resume(row, clock.now(), keeping.WORKER)

    def test_is_judged_afresh_when_it_goes_on(self, receiver: Bot) -> None:
        receiver.says = [Said(status=503)]
        row = subscribe(receiver, "message.received")
        builders.make_with_bot()
        look(0)
        Notice.objects.update(first_tried_at=clock.now() - DAY)
        Subscription.objects.update(failing_since=clock.now() - DAY, paused=Pause.FAILING)
        keeping.resume(row, clock.now(), keeping.WORKER)

        look()

        assert (states(), Subscription.objects.get().paused) == (["waiting"], "")


class TestAgain:
    def test_what_was_given_up_under_the_same_id(self, receiver: Bot) -> None:
        row = subscribe(receiver, "message.received")
        builders.make_with_bot()
        builders.make_with_bot(address=OTHER)
        look()
        Notice.objects.filter(pk=Notice.objects.earliest("pk").pk).update(state=NoticeState.FAILED)

        assert keeping.replay_failed(row, clock.now()) == 1

        assert look() == 1
        assert receiver.asked[2]["id"] == receiver.asked[0]["id"]

    def test_what_has_arrived_and_not_what_is_on_its_way(self, receiver: Bot) -> None:
        subscribe(receiver, "message.received")
        builders.make_with_bot()
        look()
        notice = Notice.objects.get()

        assert keeping.replay(notice, clock.now())
        assert not keeping.replay(notice, clock.now())
        assert look() == 1

    def test_a_trial_tells_of_nothing(self, receiver: Bot) -> None:
        keeping.try_out(subscribe(receiver), clock.now())

        assert look() == 1

        [told] = receiver.asked
        assert (told["event"]["type"], told["conversation"], told["message"]) == ("test", None, None)


class TestSafety:
    def test_nothing_is_posted_into_the_own_network(self, receiver: Bot, settings: Any) -> None:
        settings.INTERNAL_HOSTS = frozenset()
        subscribe(receiver, "message.received")
        Subscription.objects.update(url=receiver.url.replace("http:", "https:"))
        builders.make_with_bot()

        look()

        assert receiver.asked == []
        assert Notice.objects.get().trouble == "address: private"

    def test_nothing_is_posted_unsigned(self, receiver: Bot) -> None:
        subscribe(receiver, "message.received", secret_encrypted="what no key of ours opens")
        builders.make_with_bot()

        look()

        assert receiver.asked == []
        assert Notice.objects.get().trouble.startswith("secret")

    def test_logs_tell_no_secret_no_address_and_no_text(
        self, receiver: Bot, caplog: pytest.LogCaptureFixture
    ) -> None:
        receiver.says = [Said(status=410)]
        subscribe(receiver)
        with caplog.at_level(logging.DEBUG):
            builders.says("meu CPF é 123")
            look()

        assert "is paused: gone" in caplog.text
        for secret in (SECRET, "CPF", builders.JOAO, receiver.url):
            assert secret not in caplog.text
