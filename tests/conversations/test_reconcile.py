"""What Twilio received for us and never told us: one pass over its list brings it in, once, in order, as what it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from pytest_httpserver import HTTPServer

from conversations import clock, leases, reconcile, work
from conversations.models import (
    Attachment,
    Author,
    BotTurn,
    Conversation,
    InboundWebhook,
    Message,
    Mode,
    Reconciliation,
    Sender,
    WebhookOutcome,
    WebhookSource,
)
from conversations.twilio import client, reading
from conversations.twilio.client import Account
from conversations.twilio.payloads import Media
from conversations.worker import Worker
from handoffflow.simulator.ledger import new_sid
from handoffflow.simulator.standin import StandIn
from tests.builders import JOAO, form, make_sender, says, thread
from tests.conftest import TWILIO_SID
from tests.standin import build

pytestmark = pytest.mark.django_db
LIST = f"/2010-04-01/Accounts/{TWILIO_SID}/Messages.json"


@pytest.fixture
def twilio(tmp_path: Path, settings: Any) -> Iterator[StandIn]:
    """It loses every webhook."""
    with build(tmp_path / "simulator.sqlite3", webhook_base="http://127.0.0.1:9") as running:
        settings.TWILIO_API_URL = running.url
        yield running


@pytest.fixture
def sender() -> Sender:
    """Here since yesterday."""
    sender = make_sender()
    Sender.objects.filter(pk=sender.pk).update(created_at=clock.now() - timedelta(days=1))
    return Sender.objects.get(pk=sender.pk)


def ago(**passed: float) -> float:
    return time.time() - timedelta(**passed).total_seconds()


def listed(twilio: StandIn, *rows: tuple[str, str, float], direction: str = "inbound") -> list[str]:
    """Put (who, what, when) into Twilio's books, and nowhere else."""
    sids = [new_sid("SM") for _row in rows]
    with twilio.ledger.writing() as connection:
        connection.executemany(
            "INSERT INTO messages (sid, direction, customer, number, body, status, created, sent, updated, extra)"
            " VALUES (?, ?, ?, ?, ?, 'received', ?, ?, ?, '{}')",
            [
                (sid, direction, who, twilio.account.number, what, when, when, when)
                for sid, (who, what, when) in zip(sids, rows, strict=True)
            ],
        )
    return sids


def compare(now: datetime | None = None) -> Reconciliation:
    """One pass, as a worker that begins makes it, and nothing of what follows."""
    work.load_handlers()
    now = now or clock.now()
    reconcile.begin(now)
    return again(now)


def again(now: datetime) -> Reconciliation:
    """The pass that is due by then."""
    handler = work.handlers["reconcile"]
    rows, _next = work.claim_due(handler, now, limit=10)

    async def run() -> None:
        for row in rows:
            await work.handle(handler, row, now)
        await client.close()

    async_to_sync(run)()
    return Reconciliation.objects.get()


def said(address: str = JOAO) -> list[str]:
    messages = Message.objects.filter(conversation=thread(address), author=Author.CUSTOMER)
    return list(messages.order_by("seq").values_list("body", flat=True))


class TestAPass:
    @pytest.mark.long
    def test_brings_in_two_thousand_messages_of_the_last_hour(self, twilio: StandIn, sender: Sender) -> None:
        """In order, none twice, none answered as new: half of the customers have written since."""
        people = [f"whatsapp:+5511900000{number:03d}" for number in range(40)]
        begin = ago(hours=1)
        rows = [(people[n % 40], f"linha {n}", begin + n) for n in range(2000)]
        sids = listed(twilio, *rows)
        for address in people[:20]:
            says("e agora?", address=address)
        BotTurn.objects.all().delete()

        compare()

        got = Message.objects.filter(provider_sid__in=sids)
        assert got.count() == len(set(got.values_list("provider_sid", flat=True))) == 2000
        assert not got.filter(late=False).exists()
        for number, address in enumerate(people):
            mine = [f"linha {n}" for n in range(number, 2000, 40)]
            assert [body for body in said(address) if body != "e agora?"] == mine
        owed = BotTurn.objects.exclude(open_for=None).values_list("conversation_id", "cause_seq")
        silent = [thread(address) for address in people[20:]]
        assert sorted(owed) == sorted((one.pk, one.last_inbound_seq) for one in silent)
        shown = [thread(address).last_preview for address in (people[0], people[39])]
        assert shown == ["e agora?", "linha 1999"]
        assert InboundWebhook.objects.filter(source=WebhookSource.LIST).count() == 2000

    def test_keeps_the_time_of_twilio_and_its_order_within_a_second(
        self, twilio: StandIn, sender: Sender
    ) -> None:
        at = float(int(ago(minutes=10)))
        listed(twilio, *[(JOAO, text, at) for text in "abcde"], (JOAO, "antes", at - 60))

        row = compare()

        assert said() == ["antes", *"abcde"]
        assert thread().last_inbound_at == datetime.fromtimestamp(at, UTC)
        assert (row.found, row.cause, row.failing_since) == (6, "", None)

    def test_takes_only_what_customers_sent_to_this_number(self, twilio: StandIn, sender: Sender) -> None:
        listed(twilio, (JOAO, "resposta", ago(minutes=5)), direction="outbound-api")
        listed(twilio, (sender.address, "de outro número nosso", ago(minutes=5)), direction="outbound-api")
        listed(twilio, (JOAO, "antes de nós", ago(hours=24, minutes=1)))

        compare()

        assert not InboundWebhook.objects.exists()
        assert twilio.requests()[-1]["path"] == LIST

    def test_leaves_alone_what_is_known(self, twilio: StandIn, sender: Sender) -> None:
        known, joined, failed = listed(
            twilio,
            (JOAO, "sabemos", ago(minutes=9)),
            (JOAO, "join red-fox", ago(minutes=8)),
            (JOAO, "veneno", ago(minutes=7)),
        )
        says("sabemos", sid=known).delete()  # its raw row is gone after a while
        says("join red-fox", sid=joined)
        InboundWebhook.objects.create(
            sender=sender,
            provider_sid=failed,
            params=form(),
            outcome=WebhookOutcome.FAILED,
            received_at=clock.now(),
        )

        compare()
        row = again(clock.now() + reconcile.EVERY)

        assert InboundWebhook.objects.count() == 2
        assert row.found == 0

    def test_leaves_what_is_still_on_its_way_to_the_next_one(self, twilio: StandIn, sender: Sender) -> None:
        """Its webhook says more than the list: the name, the button, the place."""
        now = clock.now()
        listed(twilio, (JOAO, "agora mesmo", ago(seconds=3)))

        row = compare(now)
        assert not Message.objects.exists()
        assert row.due_at == now + reconcile.SOON
        row = again(now + reconcile.SOON)

        assert said() == ["agora mesmo"]
        assert row.due_at == now + reconcile.SOON + reconcile.EVERY

    def test_obeys_who_asked_for_a_person_even_if_they_wrote_on(
        self, twilio: StandIn, sender: Sender
    ) -> None:
        listed(twilio, (JOAO, "atendente", ago(minutes=9)), (JOAO, "alô?", ago(minutes=8)))

        compare()

        assert thread().mode == Mode.QUEUED
        assert not BotTurn.objects.exclude(open_for=None).exists()

    def test_answers_nothing_that_the_same_customer_has_overtaken(
        self, twilio: StandIn, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A bot that is quick must not answer the middle of an hour that is still coming in."""
        listed(twilio, *[(JOAO, text, ago(minutes=9) + n) for n, text in enumerate("abc")])
        owed: list[int] = []
        monkeypatch.setattr(
            type(BotTurn.objects), "owe", lambda *_a, cause_seq, **_k: owed.append(cause_seq), raising=False
        )

        compare()

        assert owed == [thread().last_inbound_seq]

    def test_brings_the_files_along(self, twilio: StandIn, sender: Sender) -> None:
        sid = twilio.receive(
            JOAO, "veja", media=[("image/png", b"a"), ("application/pdf", b"b")], deliver=False
        )
        with twilio.ledger.writing() as connection:
            connection.execute("UPDATE messages SET created = ?1, sent = ?1", (ago(minutes=9),))

        compare()

        files = [twilio.ledger.media(sid)[position].sid for position in (0, 1)]
        rows = Attachment.objects.order_by("position").values_list("source_url", "content_type")
        base = f"{twilio.url}/2010-04-01/Accounts/{TWILIO_SID}/Messages/{sid}/Media/"
        assert list(rows) == [(base + files[0], "image/png"), (base + files[1], "application/pdf")]
        assert Message.objects.get().kind == "image"

    def test_reads_page_after_page(
        self, twilio: StandIn, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "PAGE", 3)
        listed(twilio, *[(JOAO, str(n), ago(minutes=9) + n) for n in range(10)])

        compare()

        assert said() == [str(n) for n in range(10)]
        assert [call["path"] for call in twilio.requests()] == [LIST] * 4

    def test_stops_reading_where_the_last_one_began(
        self, twilio: StandIn, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "PAGE", 3)
        listed(twilio, *[(JOAO, str(n), ago(hours=5) + n) for n in range(9)])
        compare()
        before = len(twilio.requests())

        again(clock.now() + reconcile.EVERY)

        assert len(twilio.requests()) == before + 1

    def test_goes_on_where_another_was_cut_off(
        self, twilio: StandIn, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reconcile, "CHUNK", 3)
        sids = listed(twilio, *[(JOAO, str(n), ago(minutes=9) + n) for n in range(9)])
        hold = reconcile._hold
        holds = iter([True, True, False])

        def broken(row: Reconciliation) -> None:
            if not next(holds):
                raise reconcile.LostLease
            hold(row)

        monkeypatch.setattr(reconcile, "_hold", broken)
        compare()
        assert Message.objects.count() == 3
        monkeypatch.setattr(reconcile, "_hold", hold)
        Reconciliation.objects.update(leased_until=None)
        compare()

        assert said() == [str(n) for n in range(9)]
        assert InboundWebhook.objects.filter(provider_sid__in=sids).count() == 9

    def test_that_was_taken_over_changes_no_cursor(self, twilio: StandIn, sender: Sender) -> None:
        work.load_handlers()
        now = clock.now()
        reconcile.begin(now)
        [row], _next = work.claim_due(work.handlers["reconcile"], now, limit=1)
        Reconciliation.objects.update(lease_number=row.lease_number + 1)

        reconcile._done(row, now, 0, reconcile.EVERY)
        with pytest.raises(reconcile.LostLease):
            reconcile._hold(row)

        assert Reconciliation.objects.get().read_until is None


class TestAPassThatFails:
    @pytest.mark.parametrize(
        ("status", "headers", "cause", "least"),
        [
            (401, {}, "credentials", 10),
            (500, {}, "server_error", 10),
            (429, {"Retry-After": "90"}, "busy", 90),
        ],
    )
    def test_comes_back_later_and_keeps_where_it_was(
        self,
        settings: Any,
        sender: Sender,
        httpserver: HTTPServer,
        status: int,
        headers: dict[str, str],
        cause: str,
        least: int,
    ) -> None:
        settings.TWILIO_API_URL = httpserver.url_for("").rstrip("/")
        httpserver.expect_request(LIST).respond_with_data("{}", status=status, headers=headers)
        now = clock.now()

        row = compare(now)

        assert (row.cause, row.failing_since, row.read_until) == (cause, now, None)
        assert row.due_at is not None
        assert row.due_at >= now + timedelta(seconds=least)
        later = row.due_at + timedelta(seconds=1)
        row = again(later)
        assert (row.failing_since, row.attempts) == (now, 2)

    def test_for_want_of_a_token_asks_nobody(self, twilio: StandIn, sender: Sender) -> None:
        Sender.objects.update(account_sid="AC" + "9" * 32)

        row = compare()

        assert row.cause == "credentials"
        assert twilio.requests() == []

    def test_takes_files_that_twilio_has_deleted_for_none(self, httpserver: HTTPServer) -> None:
        account = Account(TWILIO_SID, "token", httpserver.url_for("").rstrip("/"))
        for sid, status in (("MMgone", 404), ("MMbroken", 500)):
            path = f"/2010-04-01/Accounts/{TWILIO_SID}/Messages/{sid}/Media.json"
            httpserver.expect_request(path).respond_with_data("{}", status=status)

        async def files(sid: str) -> list[Media]:
            try:
                return await reading.media(account, sid)
            finally:
                await client.close()

        assert async_to_sync(files)("MMgone") == []
        with pytest.raises(reading.CannotRead):
            async_to_sync(files)("MMbroken")


class TestBeginning:
    def test_compares_every_sender_but_the_demos_at_once(self, sender: Sender) -> None:
        Sender.objects.create(
            organization=sender.organization, name="Demo", address="whatsapp:+1", account_sid="AC1", demo=True
        )
        reconcile.begin(clock.now())
        row = Reconciliation.objects.get()
        leases.claim(row)
        now = clock.now()

        reconcile.begin(now)
        assert Reconciliation.objects.get().due_at != now, "one that is under way is left alone"
        leases.finish(row, due_at=now + reconcile.EVERY)
        reconcile.begin(now)

        assert Reconciliation.objects.get().due_at == now

    def test_is_what_a_worker_does_first(
        self, twilio: StandIn, sender: Sender, transactional_db: None
    ) -> None:
        sender = make_sender()
        Sender.objects.filter(pk=sender.pk).update(created_at=clock.now() - timedelta(days=1))
        listed(twilio, (JOAO, "enquanto fora", ago(minutes=9)))
        worker = Worker("first")
        worker.start()
        try:
            assert twilio.ledger.wait_for(lambda: Conversation.objects.exists(), timeout=20)
        finally:
            assert worker.stop()
