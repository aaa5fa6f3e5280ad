"""A busy day that plays itself: eight customers write within a minute, and go on when somebody answers them.

What they will say are rows of the ledger, so that a restart goes on where it was. A cue is due at its time, or
some seconds after the desk has answered; until then the later cues of that customer wait.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from handoffflow.simulator import attachments, books, customers
from handoffflow.simulator.ledger import Ledger

THINKS = 4.0
"""Seconds from an answer to what the customer says to it."""
NOTICES = 3.0
"""What the desk says by itself comes sooner than this after what it answers."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cues (
  id INTEGER PRIMARY KEY, customer TEXT NOT NULL, number TEXT NOT NULL, place INTEGER NOT NULL, due REAL,
  body TEXT NOT NULL, file TEXT NOT NULL, done REAL);
CREATE INDEX IF NOT EXISTS cues_open ON cues (done, customer, place);
"""
_FILES: dict[str, Callable[[], tuple[str, bytes]]] = {"photo": attachments.photo, "audio": attachments.audio}


@dataclass(frozen=True, slots=True)
class Line:
    """``at`` seconds after the beginning; None: once the desk has answered."""

    at: float | None
    body: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    said: int
    lines: int

    @property
    def running(self) -> bool:
        return self.said < self.lines


def busy_day() -> dict[str, Sequence[Line]]:
    """Who says what, in the language of whoever watches."""
    person = _("I want to talk to a person")
    thanks = _("Thank you so much! 🙏")
    return {
        "Rafael Couto": [
            Line(0, _("Good morning! My invoice expired and the site does not issue another")),
            Line(5, person),
            Line(None, _("Order 48213, in the name of Rafael Couto")),
            Line(None, thanks),
        ],
        "Iara Nogueira": [
            Line(4, _("Hi, the lamp came broken 😢")),
            Line(9, _("agent")),
            Line(13, _("This is how it arrived"), file="photo"),
            Line(None, _("I prefer an exchange, if there is one in stock")),
        ],
        "Otávio Lemos": [
            Line(9, _("Where is my order?")),
            Line(15, person),
            Line(41, _("Is anybody there?")),
            Line(None, _("Great, I will wait for it then")),
        ],
        "Fernanda Reis": [Line(14, _("What are your opening hours?"))],
        "Hugo Barreto": [
            Line(20, person),
            Line(26, "", file="audio"),
            Line(None, _("Exactly, that is it")),
        ],
        "Tainá Moura": [
            Line(27, _("Hi! Do you deliver on Saturday?")),
            Line(33, _("agent")),
            Line(None, thanks),
        ],
        "Sílvio Arruda": [
            Line(36, _("I want to cancel my order")),
            Line(42, person),
            Line(None, _("All right, I will keep it then")),
        ],
        "Bruna Campos": [
            Line(46, _("Can I still change the delivery address?")),
            Line(51, person),
            Line(None, _("Rua das Flores, 120, apartment 34")),
            Line(None, thanks),
        ],
    }


def begin(ledger: Ledger, *, number: str) -> customers.Customer:
    """Everything that will be said, from now on; what was still to come of an earlier day is not. Who begins."""
    people = {person.name: person for person in customers.everybody(ledger)}
    day = busy_day()
    cast = {name: people.get(name) or customers.invent(ledger, name=name) for name in day}
    now = ledger.clock()
    rows = [
        (cast[name].address, number, place, None if line.at is None else now + line.at, line.body, line.file)
        for name, lines in day.items()
        for place, line in enumerate(lines)
    ]
    with ledger.writing() as connection:
        _prepare(connection)
        connection.execute("DELETE FROM cues")
        connection.executemany(
            "INSERT INTO cues (customer, number, place, due, body, file) VALUES (?, ?, ?, ?, ?, ?)", rows
        )
    return next(iter(cast.values()))


def stop(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        _prepare(connection)
        connection.execute("DELETE FROM cues")


def progress(ledger: Ledger) -> Progress:
    if not _prepared(ledger):
        return Progress(0, 0)
    row = ledger.all("SELECT count(done) AS said, count(*) AS lines FROM cues")[0]
    return Progress(row["said"], row["lines"])


def perform(ledger: Ledger) -> None:
    """Say what is due: each line once, whoever else looks as well."""
    if not _prepared(ledger):
        return
    now = ledger.clock()
    for cue in ledger.all(_NEXT, now, NOTICES, THINKS):
        with ledger.writing() as connection:
            mine = connection.execute(
                "UPDATE cues SET done = ? WHERE id = ? AND done IS NULL", (now, cue["id"])
            )
            taken = mine.rowcount == 1
        if taken:
            media = [_FILES[cue["file"]]()] if cue["file"] else []
            books.receive(
                ledger, customer=cue["customer"], number=cue["number"], body=cue["body"], media=media
            )


# Of every customer the first line that was not said: due by its time, or by an answer to the line before it.
_NEXT = """
SELECT cue.* FROM cues AS cue
LEFT JOIN cues AS before ON before.customer = cue.customer AND before.place = cue.place - 1
WHERE cue.done IS NULL AND (cue.place = 0 OR before.done IS NOT NULL) AND (
  cue.due <= ?1 OR (cue.due IS NULL AND EXISTS (
    SELECT 1 FROM messages WHERE messages.customer = cue.customer AND direction <> 'inbound'
    AND created > before.done + ?2 AND created <= ?1 - ?3)))
ORDER BY cue.id
"""


def _prepared(ledger: Ledger) -> bool:
    return bool(ledger.all("SELECT 1 FROM sqlite_master WHERE name = 'cues'"))


def _prepare(connection: sqlite3.Connection) -> None:
    """Apart, because ledgers from before it are still in use."""
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
