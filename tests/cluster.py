"""A PostgreSQL of our own, which a test may restart and kill: made by initdb, gone at the end.

It never runs as root: PostgreSQL refuses to. Where its programs are missing the tests that need it are left out,
and the run says so; REQUIRE_POSTGRES=1 makes that a failure.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psycopg

from handoffflow.simulator.standin import free_port

SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 300
shared_buffers = 32MB
autovacuum_naptime = 10min
"""
_ACCOUNTS = ("postgres", "nobody")


def programs() -> Path | None:
    """Where initdb and pg_ctl are, the newest first."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    if found := shutil.which("initdb"):
        places.insert(0, Path(found).resolve().parent)
    return next((place for place in places if (place / "initdb").exists()), None)


def available() -> bool:
    return programs() is not None and (os.geteuid() != 0 or _account() is not None)


def _account() -> str | None:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in _ACCOUNTS if name in names), None)


class Cluster:
    def __init__(self) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        self._user = _account() if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="handoffflow-postgres-"))
        self.port = free_port()
        if self._user:
            shutil.chown(self.folder, self._user)
        self._run("initdb", "--auth", "trust", "--username", "postgres", "--encoding", "UTF8", "--no-sync")
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.write(f"{SETTINGS}port = {self.port}\nunix_socket_directories = '{self.folder}'\n")

    def __enter__(self) -> Self:
        self.control("start")
        return self

    def __exit__(self, *exc: object) -> None:
        self.control("stop", "-m", "immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def control(self, *order: str) -> None:
        """``pg_ctl``, which returns when the server answers, or has ended."""
        self._run("pg_ctl", "--wait", "--timeout", "120", "--log", str(self.folder / "log"), *order)

    def make(self, name: str) -> str:
        """A new database; its address."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def backends(self, name: str) -> int:
        """How many connections a database has."""
        with psycopg.connect(self.url("postgres")) as connection:
            counted = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [name])
            return int((counted.fetchone() or [0])[0])

    @contextmanager
    def locked(self, name: str, table: str) -> Iterator[None]:
        """Nobody else can write to the table meanwhile."""
        with psycopg.connect(self.url(name)) as connection:
            connection.execute(f'LOCK TABLE "{table}"')
            yield
            connection.rollback()

    def waiting(self, name: str) -> bool:
        """Whether somebody waits for a lock."""
        with psycopg.connect(self.url("postgres")) as connection:
            wait = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
            return connection.execute(wait, [name]).fetchone() is not None

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "--pgdata", str(self.folder / "data"), *arguments]
        subprocess.run(
            command,
            user=self._user,
            cwd=self.folder,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
