"""make bench: what the hot paths cost and how fast they are, beside the least that could do the same.

Each database is measured in a process of its own, on a throw-away database. ``--quick`` takes about two minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import databases, environment, machine, report

PARTS = ("webhook", "panels", "worker", "pace", "paths", "templates", "api", "admin")


def main() -> None:
    chosen = _arguments()
    began = time.monotonic()
    results = {name: _measured(name, chosen.quick, chosen.only) for name in chosen.databases}
    about = {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": machine.described(),
        "commit": machine.commit(),
        "form": "quick" if chosen.quick else "full",
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    if chosen.out:
        Path(chosen.out).write_text(json.dumps({"about": about, "results": results}, indent=1))
    print(report.written(about, results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="about two minutes: to see a change, not to write down"
    )
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument(
        "--databases", default=",".join(databases.available()), help="some of postgresql,sqlite"
    )
    parser.add_argument("--out", help="a file for all numbers, as JSON")
    chosen = parser.parse_args()
    chosen.databases = chosen.databases.split(",")
    if not set(chosen.only.split(",")) <= set(PARTS) or not set(chosen.databases) <= {"postgresql", "sqlite"}:
        parser.error("no such part or database")
    return chosen


def _measured(name: str, quick: bool, parts: str) -> dict[str, Any]:
    print(f"measuring on {name} …", file=sys.stderr, flush=True)
    with databases.temporary(name) as (database, folder), tempfile.NamedTemporaryFile() as out:
        env = environment.settings(
            folder,
            database.url,
            port=environment.free_port(),
            twilio=f"http://{environment.HOST}:{environment.free_port()}",
        )
        env |= {"BENCH_FLOOR": database.floor, "BENCH_POSTMASTER": str(database.postmaster or 0)}
        command = [sys.executable, "-m", "bench.run", name, "quick" if quick else "full", parts, out.name]
        subprocess.run(command, cwd=environment.ROOT, env=env, check=True)
        measured: dict[str, Any] = json.loads(Path(out.name).read_text())
        if "paths" in parts:
            measured["paths"] = _rows(env, "bench.paths", 3 if quick else 12)
        if "templates" in parts:
            measured["templates"] = _rows(env, "bench.jinja", 20 if quick else 100)
        if "api" in parts:
            measured["api"] = _rows(env, "bench.api", 10_000 if quick else 100_000)
        if "admin" in parts:
            measured["admin"] = _rows(env, "bench.admin", 100_000 if quick else 1_000_000)
    return measured


def _rows(env: dict[str, str], module: str, size: int) -> list[dict[str, Any]]:
    """What a module measures in a process of its own, whose answer is a list."""
    command = [sys.executable, "-m", module, str(size)]
    done = subprocess.run(
        command, cwd=environment.ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True
    )
    return list(json.loads(done.stdout))


if __name__ == "__main__":
    main()
