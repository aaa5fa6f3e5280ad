from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import connection, connections, transaction

from conversations import wakeup
from conversations.broadcast import Announcer, Ear

pytestmark = pytest.mark.django_db(transaction=True)


class Counted:
    def __init__(self) -> None:
        self.count = 0
        self.any = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self.any.set()


@pytest.fixture
def heard() -> Counted:
    return Counted()


@pytest.fixture
def ear(heard: Counted) -> Iterator[Ear]:
    ear = Ear(heard)
    ear.start()
    assert not ear.alive or ear.listening.wait(10)
    heard.any.wait(10 if ear.alive else 0)
    heard.any.clear()
    yield ear
    ear.stop()
    assert ear.join(10)


@pytest.fixture
def announcer() -> Iterator[Announcer]:
    announcer = Announcer()
    announcer.start()
    yield announcer
    announcer.stop()
    assert announcer.join(10)


class TestNewsBetweenProcesses:
    def test_exist_on_postgresql_only(self, announcer: Announcer, ear: Ear) -> None:
        assert {announcer.alive, ear.alive} == {connection.vendor == "postgresql"}

    def test_arrive(self, announcer: Announcer, ear: Ear, heard: Counted) -> None:
        wakeup.news.ring()

        assert heard.any.wait(10 if ear.alive else 0) == ear.alive

    def test_arrive_outside_the_transaction_that_rang(
        self, announcer: Announcer, ear: Ear, heard: Counted
    ) -> None:
        """In it they would be told at its end, under the one lock that all who announce share."""
        with transaction.atomic():
            wakeup.news.ring()

            assert heard.any.wait(10 if ear.alive else 0) == ear.alive

    def test_are_gathered(self, announcer: Announcer, ear: Ear, heard: Counted) -> None:
        for _event in range(1_000):
            wakeup.news.ring()

        assert heard.any.wait(10 if ear.alive else 0) == ear.alive
        assert heard.count < 100

    def test_arrive_again_after_the_connection_broke(
        self, announcer: Announcer, ear: Ear, heard: Counted
    ) -> None:
        if ear.alive:
            ear.listening.clear()
            _break_all_others()
            assert ear.listening.wait(20)
        heard.any.clear()
        wakeup.news.ring()

        assert heard.any.wait(20 if ear.alive else 0) == ear.alive


def _break_all_others() -> None:
    with connections["default"].cursor() as sql:
        sql.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
