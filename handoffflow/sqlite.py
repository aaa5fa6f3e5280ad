"""Writers of one process take turns on SQLite, first come first served.

SQLite lets one connection write at a time and makes the others sleep and ask again, up to 100 ms
apart: under load some threads starve for seconds. Here a thread that wants to write waits for a
lock instead. The invariant: after every call, whoever holds the turn and has no open transaction
passes it on. Statements that do not begin with an upper-case verb escape the turn, which is unfair
but still correct: SQLite's own lock decides.

Never wait inside ``atomic`` for another thread that writes: it waits for the turn you hold.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db.backends.sqlite3.base import SQLiteCursorWrapper

T = TypeVar("T")

WAIT_SECONDS = 20.0
# How long SQLite itself waits for another process before we ask again; its own handler backs off to
# sleeps of 100 ms, and loses every race against a process that asks more often.
BUSY_SECONDS = 0.008

_WRITES = ("BEGIN I", "INSERT ", "UPDATE ", "DELETE ", "REPLACE")
_turn = threading.Lock()


class Cursor(SQLiteCursorWrapper):
    connection: Connection

    def execute(self, query: str, *args: Any) -> Any:
        return self.connection.in_turn(lambda: super(Cursor, self).execute(query, *args), query)

    def executemany(self, query: str, *args: Any) -> Any:
        return self.connection.in_turn(lambda: super(Cursor, self).executemany(query, *args), query)


class Connection(sqlite3.Connection):
    """Given to ``sqlite3.connect`` as its factory, so that no database engine of our own is needed."""

    _mine = False

    def cursor(self, factory: Any = None) -> Cursor:  # type: ignore[override]
        return super().cursor(Cursor)

    def execute(self, *args: Any) -> sqlite3.Cursor:
        """The PRAGMAs of a connection being opened: they meet a busy database as well."""
        give_up = time.monotonic() + WAIT_SECONDS
        return self._ask_again(lambda: super(Connection, self).execute(*args), give_up)

    def in_turn(self, call: Callable[[], T], query: str = "") -> T:
        """Run a call of this connection; a writing one waits for its turn and keeps it to the end."""
        give_up = time.monotonic() + WAIT_SECONDS
        if not self._mine and query.startswith(_WRITES):
            if not _turn.acquire(timeout=WAIT_SECONDS):
                raise sqlite3.OperationalError("database is locked: another thread is writing")
            self._mine = True
        try:
            return self._ask_again(call, give_up)
        finally:
            if self._mine and not self.in_transaction:
                self._pass_on()

    def commit(self) -> None:
        self.in_turn(super().commit)

    def rollback(self) -> None:
        self.in_turn(super().rollback)

    def close(self) -> None:
        super().close()
        self._pass_on()

    def __del__(self) -> None:
        # A thread may die with its transaction open; nobody closes its connection then.
        self._pass_on()

    def _ask_again(self, call: Callable[[], T], give_up: float) -> T:
        """Another process may hold SQLite's lock: ask at short intervals until ``give_up``."""
        while True:
            try:
                return call()
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or self.in_transaction or time.monotonic() > give_up:
                    raise
                # Some kinds of busy are answered at once, without SQLite's own wait.
                time.sleep(BUSY_SECONDS / 8)

    def _pass_on(self) -> None:
        if self._mine:
            self._mine = False
            _turn.release()
