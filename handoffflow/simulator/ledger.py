"""The stand-in's own books: REST calls, messages, planned callbacks, scripted faults, in one SQLite file.

What is written here survives ``kill -9``: callbacks are rows with a due time, not timers. That makes the
ledger the witness of a fault run: what was accepted, how often, and what was told to whom.
"""

from __future__ import annotations

import json
import queue
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

RANK = {
    "accepted": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "failed": 3.5,
    "undelivered": 3.5,
    "delivered": 4,
    "read": 5,
}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, form TEXT NOT NULL,
  customer TEXT, fault TEXT, status INTEGER, ms REAL, sid TEXT);
CREATE TABLE IF NOT EXISTS customers (
  id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE, name TEXT NOT NULL, user_id TEXT NOT NULL,
  created REAL NOT NULL, refuses INTEGER, known_at REAL, typing_at REAL);
CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, sid TEXT NOT NULL UNIQUE, direction TEXT NOT NULL,
  customer TEXT NOT NULL, number TEXT NOT NULL, service TEXT, body TEXT NOT NULL, template TEXT,
  status TEXT NOT NULL, error INTEGER, created REAL NOT NULL, sent REAL, updated REAL NOT NULL, seen REAL,
  callback TEXT, extra TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS messages_customer ON messages (customer, id);
CREATE TABLE IF NOT EXISTS media (
  sid TEXT PRIMARY KEY, message TEXT NOT NULL, position INTEGER NOT NULL, type TEXT NOT NULL, content BLOB);
CREATE INDEX IF NOT EXISTS media_message ON media (message, position);
CREATE TABLE IF NOT EXISTS jobs (
  id INTEGER PRIMARY KEY, due REAL NOT NULL, sid TEXT NOT NULL, kind TEXT NOT NULL, status TEXT,
  error INTEGER, silent INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
  done REAL, result TEXT, ms REAL);
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (done, due);
CREATE INDEX IF NOT EXISTS jobs_sid ON jobs (sid);
CREATE TABLE IF NOT EXISTS faults (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, customer TEXT, options TEXT NOT NULL,
  remaining INTEGER NOT NULL);
"""

# Apart, because ledgers from before it are still in use.
_CONTENTS = "CREATE TABLE IF NOT EXISTS contents (id INTEGER PRIMARY KEY, sid TEXT UNIQUE, row TEXT NOT NULL)"

_bells: dict[str, threading.Condition] = {}
_bells_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Message:
    """One message as Twilio keeps it."""

    id: int
    sid: str
    direction: str
    customer: str
    number: str
    service: str | None
    body: str
    template: str | None
    status: str
    error: int | None
    created: float
    sent: float | None
    updated: float
    seen: float | None
    callback: str | None
    extra: dict[str, str]

    @property
    def inbound(self) -> bool:
        return self.direction == "inbound"


@dataclass(frozen=True, slots=True)
class Media:
    """A file that belongs to a message."""

    sid: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Job:
    """One webhook or status callback, due or done."""

    id: int
    due: float
    sid: str
    kind: str
    status: str | None
    error: int | None
    silent: bool
    tries: int
    done: float | None
    result: str | None
    ms: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be told later about a message: ``after`` seconds from now."""

    after: float
    status: str
    error: int | None = None
    silent: bool = False


def _catch_up(connection: sqlite3.Connection) -> None:
    """A ledger that was begun by an earlier version."""
    columns = {row["name"] for row in connection.execute("PRAGMA table_info(customers)")}
    if "typing_at" not in columns:
        connection.execute("ALTER TABLE customers ADD COLUMN typing_at REAL")


def new_sid(prefix: str) -> str:
    return prefix + uuid.uuid4().hex


def _bell(path: Path) -> threading.Condition:
    with _bells_lock:
        return _bells.setdefault(str(path.resolve()), threading.Condition())


class Ledger:
    """A few connections to one file, each used by one caller at a time; whoever writes rings the bell."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        self.clock = clock
        self.bell = _bell(self.path)
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.connected() as connection:
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'faults'").fetchone()
            if known is None:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(_SCHEMA)
            connection.execute(_CONTENTS)
            _catch_up(connection)

    def close(self) -> None:
        """Close what is idle; the ledger opens again by itself when it is asked something."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._open()
        try:
            yield connection
        except BaseException:
            connection.close()  # whatever state it is in goes with it
            raise
        self._idle.put(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: either all of it is in the books or nothing."""
        with self.connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        with self.bell:
            self.bell.notify_all()

    def wait_for(self, condition: Callable[[], bool], *, timeout: float = 10) -> bool:
        """Wait until ``condition`` holds, looking again whenever somebody of this process has written."""
        deadline = time.monotonic() + timeout
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self.bell:
                self.bell.wait(min(left, 0.05))
        return True

    # -- requests ------------------------------------------------------------------------------------

    def note_request(self, *, method: str, path: str, form: Mapping[str, Sequence[str]]) -> int:
        """Write the call down before anything is decided about it."""
        customer = form["To"][-1] if form.get("To") else None
        with self.writing() as connection:
            cursor = connection.execute(
                "INSERT INTO requests (at, method, path, form, customer) VALUES (?, ?, ?, ?, ?)",
                (self.clock(), method, path, json.dumps(dict(form)), customer),
            )
            return int(cursor.lastrowid or 0)

    def note_answer(
        self, request: int, *, status: int | None, ms: float, fault: str | None, sid: str | None
    ) -> None:
        with self.writing() as connection:
            connection.execute(
                "UPDATE requests SET status = ?, ms = ?, fault = ?, sid = ? WHERE id = ?",
                (status, ms, fault, sid, request),
            )

    def requests(self) -> list[dict[str, Any]]:
        """Every REST call in order, its form parsed."""
        rows = self.all("SELECT * FROM requests ORDER BY id")
        return [dict(row) | {"form": json.loads(row["form"])} for row in rows]

    # -- messages ------------------------------------------------------------------------------------

    def sent(self) -> list[Message]:
        """Every create that was accepted, in order: the witness against sending twice."""
        rows = self.all("SELECT * FROM messages WHERE direction <> 'inbound' ORDER BY id")
        return [as_message(row) for row in rows]

    def message(self, sid: str) -> Message | None:
        rows = self.all("SELECT * FROM messages WHERE sid = ?", sid)
        return as_message(rows[0]) if rows else None

    def thread(self, customer: str, *, limit: int = 200) -> list[Message]:
        """The newest messages of one customer, in reading order."""
        rows = self.all("SELECT * FROM messages WHERE customer = ? ORDER BY id DESC LIMIT ?", customer, limit)
        return [as_message(row) for row in reversed(rows)]

    def media(self, sid: str) -> list[Media]:
        rows = self.all("SELECT sid, type, content FROM media WHERE message = ? ORDER BY position", sid)
        return [Media(row["sid"], row["type"], row["content"]) for row in rows]

    def last_inbound(self, customer: str) -> float | None:
        rows = self.all(
            "SELECT max(coalesce((SELECT max(created) FROM messages WHERE customer = ?1 AND"
            " direction = 'inbound'), 0), coalesce((SELECT known_at FROM customers WHERE address = ?1), 0))"
            " AS at",
            customer,
        )
        return float(rows[0]["at"]) or None

    # -- jobs ----------------------------------------------------------------------------------------

    def jobs(self, *, sid: str | None = None) -> list[Job]:
        if sid is None:
            return [as_job(row) for row in self.all("SELECT * FROM jobs ORDER BY id")]
        return [as_job(row) for row in self.all("SELECT * FROM jobs WHERE sid = ? ORDER BY id", sid)]

    def job(self, number: int) -> Job | None:
        rows = self.all("SELECT * FROM jobs WHERE id = ?", number)
        return as_job(rows[0]) if rows else None

    def pending(self, *, sid: str | None = None) -> bool:
        """Whether anything is still to be told, or still to be told about one message."""
        query = "SELECT 1 FROM jobs WHERE done IS NULL AND (?1 IS NULL OR sid = ?1) LIMIT 1"
        return bool(self.all(query, sid))

    def all(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self.connected() as connection:
            return connection.execute(query, values).fetchall()


def as_message(row: sqlite3.Row) -> Message:
    return Message(**(dict(row) | {"extra": json.loads(row["extra"])}))


def as_job(row: sqlite3.Row) -> Job:
    names = [field.name for field in fields(Job)]
    return Job(**({name: row[name] for name in names} | {"silent": bool(row["silent"])}))
