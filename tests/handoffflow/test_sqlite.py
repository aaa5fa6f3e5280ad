"""The write turn on SQLite: nobody starves, nobody keeps it, nobody writes twice."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.db.models import F

from conversations.models import WorkerHeartbeat
from handoffflow import env
from handoffflow import sqlite as turn

pytestmark = [
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def counter() -> Iterator[Callable[[], int]]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE turn_counter (id integer PRIMARY KEY, n integer NOT NULL)")
        cursor.execute(
            "CREATE TABLE turn_child (id integer PRIMARY KEY, parent integer NOT NULL "
            "REFERENCES turn_counter(id) DEFERRABLE INITIALLY DEFERRED)"
        )
        cursor.execute("INSERT INTO turn_counter VALUES (1, 0)")
    yield lambda: int(_query("SELECT n FROM turn_counter")[0])
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE turn_child")
        cursor.execute("DROP TABLE turn_counter")


def _query(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def increment() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE turn_counter SET n = n + 1")


def turn_is_free() -> bool:
    if not turn._turn.acquire(blocking=False):
        return False
    turn._turn.release()
    return True


def in_threads(count: int, work: Callable[[], None]) -> list[BaseException]:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        runs = [pool.submit(run) for _number in range(count)]
    return [error for error in (run.exception() for run in runs) if error]


class TestTheTurn:
    def test_is_kept_to_the_end_of_the_transaction(self, counter: Callable[[], int]) -> None:
        with transaction.atomic():
            increment()

            assert not turn_is_free()

        assert turn_is_free()

    def test_survives_nested_blocks_and_savepoints(self, counter: Callable[[], int]) -> None:
        with transaction.atomic():
            increment()
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                increment()
                raise ZeroDivisionError
            with transaction.atomic():
                increment()

            assert not turn_is_free()

        assert turn_is_free()
        assert counter() == 2

    def test_is_freed_by_an_exception(self, counter: Callable[[], int]) -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            increment()
            raise ZeroDivisionError

        assert turn_is_free()
        assert counter() == 0

    def test_is_freed_when_the_commit_itself_fails(self, counter: Callable[[], int]) -> None:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("INSERT INTO turn_child VALUES (1, 404)")

        assert turn_is_free()

    def test_is_freed_by_closing_the_connection_inside(self, counter: Callable[[], int]) -> None:
        def close_inside() -> None:
            with transaction.atomic():
                increment()
                connection.close()

        in_threads(1, close_inside)

        assert turn_is_free()
        assert counter() == 0

    def test_is_freed_before_what_runs_on_commit(self, counter: Callable[[], int]) -> None:
        seen: list[bool] = []
        with transaction.atomic():
            increment()
            transaction.on_commit(lambda: seen.append(turn_is_free()))

        assert seen == [True]

    def test_is_freed_by_a_write_that_fails(self, counter: Callable[[], int]) -> None:
        with pytest.raises(IntegrityError), connection.cursor() as cursor:
            cursor.execute("INSERT INTO turn_counter VALUES (1, 0)")

        assert turn_is_free()

    def test_is_freed_by_a_rollback_that_was_asked_for(self, counter: Callable[[], int]) -> None:
        with transaction.atomic():
            increment()
            transaction.set_rollback(True)

        assert turn_is_free()
        assert counter() == 0

    def test_is_not_taken_to_read(self, counter: Callable[[], int]) -> None:
        seen: list[int] = []
        with transaction.atomic():
            increment()
            failures = in_threads(1, lambda: seen.append(counter()))

        assert not failures
        assert seen == [0]

    def test_loses_no_increment_of_nine_threads(self, counter: Callable[[], int]) -> None:
        def forty() -> None:
            for _number in range(40):
                with transaction.atomic():
                    n = counter()
                    with connection.cursor() as cursor:
                        cursor.execute("UPDATE turn_counter SET n = %s", [n + 1])

        assert in_threads(9, forty) == []
        assert counter() == 360

    def test_may_be_escaped_without_losing_anything(self, counter: Callable[[], int]) -> None:
        """Statements that it does not know for writes; SQLite's own lock still decides."""
        spelt = [
            "update turn_counter SET n = n + 1",
            "\n  UPDATE turn_counter SET n = n + 1",
            "WITH one(n) AS (SELECT 1) UPDATE turn_counter SET n = n + (SELECT n FROM one)",
        ]

        def each_twenty_times() -> None:
            for number in range(60):
                with connection.cursor() as cursor:
                    cursor.execute(spelt[number % 3])
                increment()

        assert in_threads(4, each_twenty_times) == []
        assert counter() == 480

    def test_is_given_up_with_the_error_that_django_knows(
        self, counter: Callable[[], int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(turn, "WAIT_SECONDS", 0.05)
        with transaction.atomic():
            increment()
            failures = in_threads(1, increment)

        assert [type(failure) for failure in failures] == [OperationalError]

    def test_covers_the_orm_outside_of_transactions(self) -> None:
        beat = WorkerHeartbeat.objects.create(
            name="a", started_at="2026-01-01T00:00Z", beat_at="2026-01-01T00:00Z"
        )
        assert turn_is_free()

        def twenty() -> None:
            for _number in range(20):
                WorkerHeartbeat.objects.filter(pk=beat.pk).update(name=F("name"))

        assert in_threads(6, twenty) == []
        assert turn_is_free()


class TestAnotherProcess:
    def test_is_waited_for(self, counter: Callable[[], int]) -> None:
        """It knows nothing of the turn; a plain connection stands for it."""
        other = sqlite3.connect(
            connection.settings_dict["NAME"], isolation_level=None, check_same_thread=False
        )
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE turn_counter SET n = 10")
        # Well beyond SQLite's own patience (8 ms), far below ours.
        threading.Timer(0.3, lambda: other.execute("COMMIT")).start()

        increment()

        assert counter() == 11
        other.close()

    def test_is_not_waited_for_for_ever(
        self, counter: Callable[[], int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(turn, "WAIT_SECONDS", 0.05)
        other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(OperationalError):
            increment()

        other.execute("ROLLBACK")
        other.close()
        assert turn_is_free()


class TestOpening:
    def test_waits_for_whoever_has_the_file_to_themselves(self, tmp_path: Path) -> None:
        file = tmp_path / "busy.sqlite3"
        other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        other.execute("CREATE TABLE once (n)")
        other.execute("BEGIN EXCLUSIVE")
        threading.Timer(0.2, lambda: other.execute("COMMIT")).start()

        opened = sqlite3.connect(file, factory=turn.Connection, timeout=turn.BUSY_SECONDS)

        assert opened.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
        opened.close()
        other.close()


class TestTheDatabaseSettings:
    def test_reach_sqlite(self) -> None:
        assert _query("PRAGMA journal_mode")[0] == "wal"
        assert _query("PRAGMA synchronous")[0] == 2
        assert _query("PRAGMA foreign_keys")[0] == 1

    def test_hold_the_file_relative_to_the_project(
        self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", "sqlite:///folder/desk.sqlite3")

        config = env.database("DATABASE_URL", base=tmp_path, default=tmp_path / "other")

        assert config["NAME"] == str(tmp_path / "folder" / "desk.sqlite3")
