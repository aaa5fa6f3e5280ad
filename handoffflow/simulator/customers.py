"""The people who hold the simulated phones: found, invented, or given a reason to refuse messages."""

from __future__ import annotations

import random
from dataclasses import dataclass

from handoffflow.simulator.ledger import Ledger

# Brazil's numbering plan has no code 00, so an invented number can never be somebody's.
_PHONE = "whatsapp:+5500{}"
_NAMES = (
    "Helena Brandão", "Rafael Couto", "Iara Nogueira", "Otávio Lemos", "Fernanda Reis", "Hugo Barreto",
    "Tainá Moura", "Sílvio Arruda", "Bruna Campos", "Vitor Sampaio", "Cecília Duarte", "Caetano Rocha",
)  # fmt: skip


_LAST_ID = 2**63 - 1
"""SQLite raises at a larger number instead of finding nobody."""


@dataclass(frozen=True, slots=True)
class Customer:
    id: int
    address: str
    name: str
    user_id: str
    created: float
    refuses: int | None
    known_at: float | None
    typing_at: float | None

    @property
    def phone(self) -> str | None:
        value = self.address.removeprefix("whatsapp:")
        return value if value.startswith("+") else None

    @property
    def short_name(self) -> str:
        return self.name.split()[0]

    @property
    def initials(self) -> str:
        words = self.name.split()
        return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()

    @property
    def hue(self) -> int:
        return self.id * 5 % 12


def everybody(ledger: Ledger) -> list[Customer]:
    return [Customer(**dict(row)) for row in ledger.all("SELECT * FROM customers ORDER BY id")]


def get(ledger: Ledger, number: int) -> Customer | None:
    if number > _LAST_ID:
        return None
    rows = ledger.all("SELECT * FROM customers WHERE id = ?", number)
    return Customer(**dict(rows[0])) if rows else None


def find(ledger: Ledger, address: str) -> Customer | None:
    rows = ledger.all("SELECT * FROM customers WHERE address = ?", address)
    return Customer(**dict(rows[0])) if rows else None


def meet(
    ledger: Ledger,
    address: str,
    *,
    name: str = "",
    user_id: str = "",
    refuses: int | None = None,
    in_window: bool = False,
) -> Customer:
    """The customer at this address, made on first sight. ``in_window`` acts as if they had just written."""
    known_at = ledger.clock() if in_window else None
    with ledger.writing() as connection:
        connection.execute(
            "INSERT INTO customers (address, name, user_id, created) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (address) DO NOTHING",
            (address, name or "Cliente", user_id, ledger.clock()),
        )
        connection.execute(
            "UPDATE customers SET name = coalesce(nullif(?, ''), name), refuses = ?,"
            " known_at = coalesce(?, known_at) WHERE address = ?",
            (name, refuses, known_at, address),
        )
    customer = find(ledger, address)
    if customer is None:
        raise LookupError("the customer was removed while being met")
    return customer


def first(ledger: Ledger) -> list[Customer]:
    """Three to begin with, so that there is somebody to pick; one of them hides the number."""
    names = reversed(_NAMES[:3])
    return [invent(ledger, name=name, hidden_number=name == _NAMES[2]) for name in names]


def invent(ledger: Ledger, *, name: str = "", hidden_number: bool = False) -> Customer:
    """A new customer with a name, a number and WhatsApp's own user id; the number may be hidden."""
    dice = random.SystemRandom()
    taken = {customer.name for customer in everybody(ledger)}
    free = [candidate for candidate in _NAMES if candidate not in taken] or list(_NAMES)
    user_id = f"whatsapp:BR.{dice.randrange(10**15, 10**16)}"
    address = user_id if hidden_number else _PHONE.format(dice.randrange(900000000, 1000000000))
    return meet(ledger, address, name=name.strip()[:60] or free[0], user_id=user_id)
