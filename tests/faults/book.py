"""The table of a fault run, and the sums over the databases it was run on."""

from __future__ import annotations

import json
import os
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.verdict import KINDS

COLUMNS = ("kills", "acknowledged", "shown", "taken", *KINDS)
_HEADS = ("killed at", "kills", "acknowledged", "shown sent", "Twilio took", *KINDS, "median", "worst")


@dataclass(frozen=True, slots=True)
class Row:
    point: str
    counts: dict[str, int]
    seconds: list[float]

    def cells(self) -> list[str]:
        times = (
            [f"{statistics.median(self.seconds):.1f} s", f"{self.seconds[-1]:.1f} s"]
            if self.seconds
            else ["", ""]
        )
        return [self.point, *(str(self.counts.get(name, 0)) for name in COLUMNS), *times]


def total(rows: Sequence[Row]) -> Row:
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row.counts)
    return Row("all", dict(counts), sorted(second for row in rows for second in row.seconds))


def table(rows: Sequence[Row]) -> str:
    """As Markdown, which is also how it is read on a screen."""
    lines: list[Sequence[str]] = [
        _HEADS,
        ["---"] * len(_HEADS),
        *(row.cells() for row in sorted(rows, key=lambda row: row.point)),
    ]
    lines.append(total(rows).cells())
    return _lines(lines)


def sums(found: Mapping[str, Sequence[Row]]) -> str:
    """One line for each database, and one for all of them."""
    lines: list[Sequence[str]] = [("database", *_HEADS[1:]), ["---"] * len(_HEADS)]
    lines += [(name, *total(rows).cells()[1:]) for name, rows in found.items()]
    lines.append(total([row for rows in found.values() for row in rows]).cells())
    return _lines(lines)


def _lines(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def keep(database: str, rows: Sequence[Row]) -> None:
    """For the sums at the end of ``make faults``, which runs the suite once for each database."""
    if path := os.environ.get("FAULTS_BOOK"):
        with Path(path).open("a") as file:
            file.write(json.dumps([database, [asdict(row) for row in rows]]) + "\n")


def read(path: Path) -> dict[str, list[Row]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {database: [Row(**row) for row in rows] for database, rows in lines}
