"""The entries that change the ledger: a message in, a message out, a callback made, time gone by."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handoffflow.simulator.ledger import RANK, Job, Ledger, Message, Step, as_job, as_message, new_sid

DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Draft:
    """An outbound message that has passed every check and is about to exist."""

    customer: str
    number: str
    body: str
    service: str | None = None
    template: str | None = None
    variables: str = ""
    callback: str | None = None
    media: Sequence[str] = ()


def receive(
    ledger: Ledger,
    *,
    customer: str,
    number: str,
    body: str,
    media: Sequence[tuple[str, bytes]] = (),
    extra: Mapping[str, str] | None = None,
    deliver: bool = True,
) -> str:
    """A customer writes: the message exists at Twilio, and its webhook is due at once (or never)."""
    sid = new_sid("MM" if media else "SM")
    now = ledger.clock()
    with ledger.writing() as connection:
        connection.execute(
            "INSERT INTO messages (sid, direction, customer, number, body, status, created, sent, updated,"
            " extra) VALUES (?, 'inbound', ?, ?, ?, 'received', ?, ?, ?, ?)",
            (sid, customer, number, body, now, now, now, json.dumps(dict(extra or {}))),
        )
        for position, (kind, content) in enumerate(media):
            connection.execute(
                "INSERT INTO media (sid, message, position, type, content) VALUES (?, ?, ?, ?, ?)",
                (new_sid("ME"), sid, position, kind, content),
            )
        if deliver:
            connection.execute("INSERT INTO jobs (due, sid, kind) VALUES (?, ?, 'webhook')", (now, sid))
    return sid


def redeliver(ledger: Ledger, sid: str, *, times: int = 1) -> None:
    """The same webhook again, as Twilio does after a broken connection."""
    with ledger.writing() as connection:
        for _ in range(times):
            connection.execute(
                "INSERT INTO jobs (due, sid, kind) VALUES (?, ?, 'webhook')", (ledger.clock(), sid)
            )


def accept(ledger: Ledger, draft: Draft, *, steps: Sequence[Step]) -> Message:
    """Take a message for delivery and plan what will be told about it, in one transaction."""
    sid = new_sid("MM" if draft.media else "SM")
    now = ledger.clock()
    extra = {f"MediaUrl{position}": url for position, url in enumerate(draft.media)}
    if draft.variables:
        extra["ContentVariables"] = draft.variables
    with ledger.writing() as connection:
        connection.execute(
            "INSERT INTO messages (sid, direction, customer, number, service, body, template, status,"
            " created, updated, callback, extra)"
            " VALUES (?, 'outbound-api', ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?)",
            (
                sid,
                draft.customer,
                draft.number,
                draft.service,
                draft.body,
                draft.template,
                now,
                now,
                draft.callback,
                json.dumps(extra),
            ),
        )
        plan(connection, sid, steps, now=now)
        row = connection.execute("SELECT * FROM messages WHERE sid = ?", (sid,)).fetchone()
    return as_message(row)


def plan(connection: sqlite3.Connection, sid: str, steps: Sequence[Step], *, now: float) -> None:
    connection.executemany(
        "INSERT INTO jobs (due, sid, kind, status, error, silent) VALUES (?, ?, 'status', ?, ?, ?)",
        [(now + step.after, sid, step.status, step.error, int(step.silent)) for step in steps],
    )


def due(ledger: Ledger, *, limit: int = 64) -> list[tuple[str, Job]]:
    """What is to be delivered now, with its lane: webhooks of a customer keep their order, and so do the
    callbacks of a message."""
    rows = ledger.all(
        "SELECT jobs.*, CASE kind WHEN 'webhook' THEN customer ELSE sid END AS lane"
        " FROM jobs LEFT JOIN messages USING (sid) WHERE done IS NULL AND due <= ? ORDER BY due, jobs.id LIMIT ?",
        ledger.clock(),
        limit,
    )
    return [(row["lane"] or row["sid"], as_job(row)) for row in rows]


def next_due(ledger: Ledger) -> float | None:
    row = ledger.all("SELECT min(due) AS due FROM jobs WHERE done IS NULL")[0]
    return None if row["due"] is None else float(row["due"])


def rise(ledger: Ledger, sid: str, *, status: str, error: int | None) -> None:
    """Move a message's status up, never down: a late ``sent`` does not undo ``delivered``."""
    now = ledger.clock()
    with ledger.writing() as connection:
        row = connection.execute("SELECT status FROM messages WHERE sid = ?", (sid,)).fetchone()
        if row is None or RANK.get(status, 0) <= RANK.get(row["status"], 0):
            return
        connection.execute(
            "UPDATE messages SET status = ?, error = ?, updated = ?, sent = coalesce(sent, ?) WHERE sid = ?",
            (status, error, now, now, sid),
        )


def finish(ledger: Ledger, job: Job, *, result: str, ms: float | None) -> None:
    with ledger.writing() as connection:
        connection.execute(
            "UPDATE jobs SET done = ?, result = ?, ms = ?, tries = tries + 1 WHERE id = ?",
            (ledger.clock(), result, ms, job.id),
        )


def fail_instead(ledger: Ledger, job: Job, *, error: int) -> None:
    """What was planned for this message does not happen: it fails, now."""
    with ledger.writing() as connection:
        connection.execute("DELETE FROM jobs WHERE sid = ? AND done IS NULL AND id != ?", (job.sid, job.id))
        plan(connection, job.sid, [Step(0, "failed", error)], now=ledger.clock())


def keep_file(ledger: Ledger, sid: str, kind: str, content: bytes) -> None:
    with ledger.writing() as connection:
        connection.execute(
            "INSERT OR IGNORE INTO media (sid, message, position, type, content) VALUES (?, ?, 0, ?, ?)",
            (new_sid("ME"), sid, kind, content),
        )


def postpone(ledger: Ledger, job: Job, *, after: float) -> None:
    with ledger.writing() as connection:
        connection.execute(
            "UPDATE jobs SET due = ?, tries = tries + 1 WHERE id = ?", (ledger.clock() + after, job.id)
        )


def look(ledger: Ledger, customer: str) -> None:
    """The customer has the chat open: what was delivered is read now, each message once."""
    now = ledger.clock()
    unread = "customer = ? AND direction <> 'inbound' AND status = 'delivered' AND seen IS NULL"
    if not ledger.all(f"SELECT 1 FROM messages WHERE {unread} LIMIT 1", customer):  # noqa: S608
        return
    with ledger.writing() as connection:
        rows = connection.execute(f"SELECT sid FROM messages WHERE {unread}", (customer,)).fetchall()  # noqa: S608
        for row in rows:
            connection.execute("UPDATE messages SET seen = ? WHERE sid = ?", (now, row["sid"]))
            plan(connection, row["sid"], [Step(0, "read")], now=now)


def type(ledger: Ledger, message: Message) -> None:
    """The desk is typing. What the customer had written until then is read."""
    now = ledger.clock()
    with ledger.writing() as connection:
        connection.execute("UPDATE customers SET typing_at = ? WHERE address = ?", (now, message.customer))
        connection.execute(
            "UPDATE messages SET seen = ? WHERE customer = ? AND direction = 'inbound' AND id <= ? AND seen IS NULL",
            (now, message.customer, message.id),
        )


def redact(ledger: Ledger, sid: str) -> None:
    with ledger.writing() as connection:
        connection.execute("UPDATE messages SET body = '', updated = ? WHERE sid = ?", (ledger.clock(), sid))


def delete(ledger: Ledger, sid: str) -> None:
    with ledger.writing() as connection:
        connection.execute("DELETE FROM media WHERE message = ?", (sid,))
        connection.execute("DELETE FROM messages WHERE sid = ?", (sid,))


def advance(ledger: Ledger, customer: str, *, hours: float = 24) -> None:
    """Let time pass for one customer: the stored times move back, the clock stays where it is."""
    back = hours * 3600
    with ledger.writing() as connection:
        connection.execute(
            "UPDATE messages SET created = created - ?1, sent = sent - ?1, updated = updated - ?1"
            " WHERE customer = ?2",
            (back, customer),
        )
        connection.execute("UPDATE customers SET known_at = known_at - ? WHERE address = ?", (back, customer))
