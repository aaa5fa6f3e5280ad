"""What a subscription is told of: its company's events of its kinds, each noted once, whatever dies in between."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from conversations import clock, cursors, leases
from conversations.models import Event
from handoffflow import health
from handoffflow.subscriptions import KEPT, Notice, NoticeState, Subscription
from handoffflow.webhooks import following, keeping
from tests import builders
from tests.operators.test_stream import write

pytestmark = [pytest.mark.django_db, pytest.mark.engine]


def subscribe(*kinds: str, **more: Any) -> Subscription:
    company = more.get("organization") or builders.make_sender().organization
    return keeping.make(company, name="CRM", url="https://crm.example.com/", kinds=kinds, now=clock.now())


def look(after: float = 5) -> int:
    return builders.time_passes("subscription", clock.now() + timedelta(seconds=after))


def up_to_date() -> None:
    """Nothing is missing below the newest event: no transaction is under way."""
    newest = Event.objects.latest("pk").pk
    Subscription.objects.update(cursor=str(cursors.Cursor(newest)))


def noted() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("kind", flat=True))


class TestASubscription:
    def test_is_told_of_everything_from_its_beginning_on(self) -> None:
        builders.make_with_bot(address="whatsapp:+5511900000001")
        subscribe()
        conversation = builders.make_held(builders.make_operator("ana"))

        look()

        assert noted() == builders.kinds(conversation)

    @pytest.mark.parametrize(
        ("kinds", "told"),
        [
            (["handoff.claimed"], ["handoff.claimed"]),
            (["handoff.*"], ["handoff.requested", "handoff.claimed"]),
            (["note.added"], []),
        ],
    )
    def test_is_told_of_the_kinds_it_asked_for(self, kinds: list[str], told: list[str]) -> None:
        subscribe(*kinds)
        builders.make_held(builders.make_operator("ana"))

        look()

        assert noted() == told

    def test_is_not_told_of_another_companys(self) -> None:
        builders.make_sender()
        subscribe(organization=builders.make_stranger().organization)
        builders.make_waiting()

        look()

        assert noted() == []

    def test_is_not_looked_at_while_nothing_has_happened(self) -> None:
        builders.make_with_bot()
        subscribe()
        up_to_date()
        assert look() == 0

        builders.says("mais uma")
        assert look() == 1

        up_to_date()
        assert look() == 0
        assert not health._owed(Subscription, clock.now()).exists()  # the worker is not late with it

    def test_reads_nothing_while_it_is_paused_and_goes_on_where_it_was(self) -> None:
        row = subscribe("message.received")
        Subscription.objects.update(paused="by_hand")
        builders.make_with_bot()
        assert look() == 0

        assert keeping.resume(row, clock.now(), keeping.WORKER)

        assert look() == 1
        assert noted() == ["message.received"]

    def test_begins_afresh_and_says_so_when_the_events_are_not_kept(self) -> None:
        row = subscribe()
        write(builders.make_with_bot(), 900, 2)
        stood_on = Event.objects.get(seq=900)
        Subscription.objects.filter(pk=row.pk).update(cursor=str(cursors.Cursor(stood_on.pk)))
        stood_on.delete()

        look()

        row.refresh_from_db()
        assert row.lost_at is not None
        assert noted() == []
        builders.make_with_bot(address="whatsapp:+5511900000001")
        look(20)
        assert noted() == ["message.received"]

    def test_that_fails_is_noted_no_more_than_enough_and_loses_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(following, "ENOUGH", 1)
        subscribe()
        builders.make_with_bot()
        look()
        builders.says("mais uma")
        Subscription.objects.update(failing_since=clock.now())
        assert look(20) == 0
        assert len(noted()) == 1

        Notice.objects.update(state=NoticeState.DELIVERED, due_at=None)
        look(20)

        assert len(noted()) == 2

    def test_forgets_after_a_week_what_is_settled(self) -> None:
        row, now = subscribe(), clock.now()
        old = {"subscription": row, "kind": "x", "created_at": now, "state": NoticeState.DELIVERED}
        Notice.objects.create(**old, settled_at=now - KEPT - timedelta(minutes=1))
        kept = Notice.objects.create(**old, settled_at=now - KEPT + timedelta(minutes=1))
        waits = Notice.objects.create(**{**old, "state": NoticeState.WAITING})
        builders.make_with_bot()

        look(0)

        assert set(Notice.objects.filter(event=None)) == {kept, waits}


class TestTheNotes:
    def test_and_the_cursor_are_one_commit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row = subscribe()
        builders.make_with_bot()
        leases.claim(row)

        def dies(*_args: Any, **_changes: Any) -> bool:
            raise SystemExit

        with monkeypatch.context() as patched:
            patched.setattr(leases, "finish_or_undo", dies)
            with pytest.raises(SystemExit):
                following.follow(row, clock.now())

        assert noted() == []
        following.follow(row, clock.now())
        assert noted() == ["message.received"]

    def test_of_whoever_has_lost_the_row_do_not_hold(self) -> None:
        """Two workers read the same: one of them was frozen, and its row was taken by the other."""
        frozen = subscribe()
        builders.make_with_bot()
        leases.claim(frozen)
        cursor = frozen.cursor
        Subscription.objects.update(leased_until=None)
        other = Subscription.objects.get()
        leases.claim(other)

        following.follow(frozen, clock.now())
        assert (noted(), Subscription.objects.get().cursor) == ([], cursor)

        following.follow(other, clock.now())
        following.follow(frozen, clock.now())
        assert noted() == ["message.received"]

    def test_of_an_event_that_comes_twice_are_one(self) -> None:
        row = subscribe()
        builders.make_with_bot()
        look()
        Subscription.objects.filter(pk=row.pk).update(cursor=row.cursor)

        look()

        assert noted() == ["message.received"]
