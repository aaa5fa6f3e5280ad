"""A throw-away database for one run: a PostgreSQL cluster of our own with fsync on, or a SQLite file."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import environment, machine

_OPTIONS = "-c fsync=on -c synchronous_commit=on -c max_connections=300 -c listen_addresses=127.0.0.1 -c autovacuum=on"


@dataclass(frozen=True, slots=True)
class Database:
    name: str
    url: str
    floor: str
    """Where the floor keeps its rows: beside ours, never among them."""
    postmaster: int | None = None

    def cpu_seconds(self) -> float:
        """What its own processes used; SQLite has none, and is paid for by whoever calls it."""
        return machine.tree_cpu_seconds(self.postmaster) if self.postmaster else 0.0


def available() -> list[str]:
    return [*(["postgresql"] if _binaries() else []), "sqlite"]


@contextmanager
def temporary(name: str) -> Iterator[tuple[Database, Path]]:
    """The database and a folder for files; both are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="handoffflow-bench-"))
    folder.chmod(0o755)  # the cluster's user must pass through
    try:
        if name == "sqlite":
            yield (
                Database(name, f"sqlite:///{folder}/db.sqlite3", f"sqlite:///{folder}/floor.sqlite3"),
                folder,
            )
        else:
            with _cluster(folder) as database:
                yield database, folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _cluster(folder: Path) -> Iterator[Database]:
    place, port = folder / "cluster", environment.free_port()
    place.mkdir()
    if os.getuid() == 0:
        shutil.chown(place, "postgres")
    _run("initdb", "-D", str(place), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale")
    _run(
        "pg_ctl",
        "-D",
        str(place),
        "-w",
        "-l",
        f"{place}/log",
        "-o",
        f"{_OPTIONS} -p {port} -k {place}",
        "start",
    )
    try:
        for name in ("desk", "floor"):
            _run("createdb", "-h", environment.HOST, "-p", str(port), "-U", "postgres", name)
        url = f"postgres://postgres@{environment.HOST}:{port}/"
        postmaster = int((place / "postmaster.pid").read_text().split()[0])
        yield Database("postgresql", f"{url}desk", f"{url}floor", postmaster)
    finally:
        _run("pg_ctl", "-D", str(place), "-w", "-m", "fast", "stop")


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    path = shutil.which("initdb") or (found[-1] if found else None)
    return Path(path).resolve().parent if path else None


def _run(command: str, *arguments: str) -> None:
    """PostgreSQL refuses to run as root: then its own user does it."""
    binaries = _binaries()
    assert binaries is not None
    line = [str(binaries / command), *arguments]
    if os.getuid() == 0:
        line = ["runuser", "-u", "postgres", "--", *line]
    done = subprocess.run(line, capture_output=True, text=True, cwd="/", timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr or done.stdout}")
