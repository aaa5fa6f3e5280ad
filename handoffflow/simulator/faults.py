"""What can be made to go wrong, by name: in the answer to a REST call, or in the callbacks of a message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from handoffflow.simulator.ledger import Ledger, Step

# A fault of the answer happens either instead of the message (nothing was accepted) or after it (the message
# exists and only the answer is damaged). ``accepted=True/False`` overrides it for the plain error statuses.
REST = {
    "refused": False,
    "429": False,
    "500": False,
    "503": False,
    "html_500": False,
    "302": False,
    "empty_201": True,
    "no_sid_201": True,
    "not_json_201": True,
    "accept_then_timeout": True,
    "reset_before": False,
    "reset_after_accept": True,
    "fin_after_accept": True,
    "slow": True,
    "slow_drip": True,
    "truncated": True,
}
CALLBACK = ("lost", "late", "early", "reordered", "duplicate", "failed")


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    options: dict[str, Any]

    @property
    def accepts(self) -> bool:
        return bool(self.options.get("accepted", REST[self.name]))


def script(ledger: Ledger, name: str, *, times: int = 1, customer: str | None = None, **options: Any) -> None:
    """Let the next ``times`` messages (of one customer, or of anybody) meet this fault."""
    if name not in REST and name not in CALLBACK:
        raise ValueError(f"unknown fault {name!r}")
    kind = "rest" if name in REST else "callback"
    with ledger.writing() as connection:
        connection.execute(
            "INSERT INTO faults (kind, name, customer, options, remaining) VALUES (?, ?, ?, ?, ?)",
            (kind, name, customer, json.dumps(options), times),
        )


def take(ledger: Ledger, kind: str, customer: str | None) -> Fault | None:
    """Use up one scripted fault; the oldest one that fits."""
    wanted = (
        "SELECT * FROM faults WHERE kind = ? AND remaining > 0 AND (customer IS NULL OR customer = ?)"
        " ORDER BY id LIMIT 1"
    )
    if not ledger.all(wanted, kind, customer):
        return None
    with ledger.writing() as connection:
        row = connection.execute(wanted, (kind, customer)).fetchone()
        if row is None:
            return None
        connection.execute("UPDATE faults SET remaining = remaining - 1 WHERE id = ?", (row["id"],))
    return Fault(row["name"], json.loads(row["options"]))


def armed(ledger: Ledger, *, customer: str | None = None) -> bool:
    """Whether a fault is still waiting for the next message of this customer."""
    return bool(ledger.all("SELECT 1 FROM faults WHERE remaining > 0 AND customer IS ?", customer))


def disarm(ledger: Ledger, *, customer: str | None = None) -> None:
    with ledger.writing() as connection:
        connection.execute("UPDATE faults SET remaining = 0 WHERE customer IS ?", (customer,))


def bend(steps: Sequence[Step], fault: Fault | None) -> list[Step]:
    """The plan of callbacks as the fault leaves it. Only ``failed`` changes how the message fares."""
    if fault is None:
        return list(steps)
    if fault.name == "lost":
        return [Step(step.after, step.status, step.error, silent=True) for step in steps]
    if fault.name == "late":
        wait = float(fault.options.get("seconds", 2))
        return [Step(step.after + wait, step.status, step.error) for step in steps]
    if fault.name == "early":
        return [Step(0, step.status, step.error) for step in steps]
    if fault.name == "reordered":
        times = [step.after for step in steps]
        pairs = zip(times, reversed(steps), strict=True)
        return [Step(after, step.status, step.error) for after, step in pairs]
    if fault.name == "duplicate":
        copies = int(fault.options.get("copies", 2))
        return [step for step in steps for _ in range(copies)]
    code = int(fault.options.get("code", 63018))
    return [Step(steps[0].after, "undelivered", code)]
