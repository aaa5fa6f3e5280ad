"""``make faults``: every crash on SQLite and PostgreSQL, some on MariaDB, and the sums at the end.

PostgreSQL is the one that TEST_DATABASE_URLS names, else a cluster of its own for this run.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests import cluster, databases
from tests.faults import book
from tests.faults.verdict import KINDS

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB"}
ENOUGH = 240
"""Kills over SQLite and PostgreSQL together that a full run owes."""


def main() -> int:
    os.environ.setdefault("FAULTS", "full")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FAULTS_BOOK"] = str(Path(folder, "book"))
        Path(folder, "book").touch()
        status = _run()
        found = book.read(Path(folder, "book"))
    sys.stdout.write(f"\n{_where()}\n\n{book.sums({NAMES[name]: rows for name, rows in found.items()})}\n")
    all_of_it = book.total([row for rows in found.values() for row in rows]).counts
    kills = sum(book.total(found.get(name, [])).counts.get("kills", 0) for name in ("sqlite", "postgresql"))
    if os.environ["FAULTS"] == "full" and kills < ENOUGH:
        sys.stdout.write(f"Only {kills} of {ENOUGH} kills on SQLite and PostgreSQL.\n")
        return 1
    return status or int(any(all_of_it.get(kind) for kind in KINDS))


def _run() -> int:
    urls = os.environ.get("TEST_DATABASE_URLS", "")
    if "postgres" in urls or not cluster.available():
        return databases.main(["tests/faults", "tests/processes"])
    with cluster.Cluster() as postgres:
        os.environ["TEST_DATABASE_URLS"] = f"{postgres.url('handoffflow')} {urls}"
        return databases.main(["tests/faults", "tests/processes"])


def _where() -> str:
    """When, on what and of which commit."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    load = "/".join(f"{one:.1f}" for one in os.getloadavg())
    now = datetime.now(UTC)
    return (
        f"{now:%Y-%m-%d %H:%M} UTC, commit {commit}, {os.cpu_count()} processors ({platform.machine()}), "
        f"Python {platform.python_version()}, load at the end {load}"
    )


if __name__ == "__main__":
    sys.exit(main())
