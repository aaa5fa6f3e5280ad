"""The product's processes: all in one, or a part of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sys
from argparse import ArgumentParser
from importlib import import_module, util
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.checks import Error
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.utils.translation import reloader

from handoffflow import checks, health, seeding, server

_SIMULATOR_MOVES = (
    "The simulator answers there in Twilio's place. Another port: SIMULATOR_PORT=19000 make run"
)


class Command(BaseCommand):
    help = "Serves the product in the foreground: pages, live panel and worker in one process."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", default=",".join(server.ROLES), help="some of web,stream,worker")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=settings.PORT, help="port to listen on")

    def handle(self, *args: Any, **options: Any) -> None:
        roles = _roles(options["only"])
        self._refuse_unsafe()
        _refuse_unmigrated()
        seeding.defaults()
        if not settings.DEBUG and "web" in roles:
            _prepare_files()
        lock = _only_worker() if "worker" in roles else None
        listener = None if roles == {"worker"} else _listen(options["host"], options["port"])
        if settings.SIMULATOR_ENABLED and "web" in roles:
            _listen("127.0.0.1", settings.SIMULATOR_PORT, _SIMULATOR_MOVES).close()
        # Asked before the loop runs, which lets nobody query.
        link = _first_run_url() if "web" in roles and not settings.DEBUG else ""
        connections.close_all()
        started = server.run(roles, listener, lambda: self._announce(roles, listener, link))
        if lock is not None:
            lock.close()
        # A thread of the pool may still wait for somebody; nothing of it is worth waiting for.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0 if started else 1)

    def _refuse_unsafe(self) -> None:
        found = checks.collation(None, databases=["default"])
        if not settings.DEBUG:
            found += checks.production(None)
        if errors := [one for one in found if isinstance(one, Error)]:
            raise CommandError("\n".join(f"{one.msg} {one.hint or ''}".strip() for one in errors))
        for warning in found:
            self.stderr.write(self.style.WARNING(str(warning.msg)))

    def _announce(self, roles: frozenset[str], listener: socket.socket | None, link: str) -> None:
        if listener is None:
            self.stdout.write(f"{settings.APP_NAME}: the worker is running.")
            self.stdout.flush()
            return
        host, port = listener.getsockname()[:2]
        self.stdout.write(f"\n{settings.APP_NAME} is ready on http://{host}:{port}  (Ctrl+C ends it)\n")
        if "web" not in roles:
            self.stdout.flush()
            return
        self.stdout.write(f"  Panel       {settings.APP_URL}/operator/")
        self.stdout.write(f"  Admin       {settings.APP_URL}/admin/")
        self.stdout.write(f"  API         {settings.APP_URL}/api/v1/docs")
        if settings.SIMULATOR_ENABLED:
            self.stdout.write(f"  Simulator   {settings.APP_URL}/simulator/split/")
        if settings.DEBUG:
            self.stdout.write("  Logins      ana, bia (operators), caio (supervisor); password: demo")
        elif link:
            self.stdout.write(
                f"\n  Nobody can log in yet. Create the supervisor (link works once):\n  {link}"
            )
        self.stdout.write("")
        self.stdout.flush()


def _roles(only: str) -> frozenset[str]:
    roles = frozenset(filter(None, only.split(",")))
    if not roles or not roles <= set(server.ROLES):
        raise CommandError(f"--only takes some of {', '.join(server.ROLES)}, with commas between them.")
    return roles


def _refuse_unmigrated() -> None:
    if health.unapplied():
        raise CommandError("The database is not up to date. Run this first: python manage.py migrate")


def _prepare_files() -> None:
    """Translations and the manifest of static files: made when missing or older than a source."""
    call_command("compile_translations")
    # The checks above may have read the catalogues before they were compiled.
    reloader.translation_file_changed(None, Path("django.mo"))
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    sources = (
        path.stat().st_mtime for folder in settings.STATICFILES_DIRS for path in Path(folder).rglob("*")
    )
    if not manifest.exists() or manifest.stat().st_mtime < max(sources, default=0):
        sys.stdout.write("Preparing the static files, once: this takes a minute.\n")
        sys.stdout.flush()
        call_command("collectstatic", interactive=False, verbosity=0)


def _only_worker() -> IO[str] | None:
    """On SQLite one worker per file: it would take no harm, but the two would only wait for each other."""
    if connection.vendor != "sqlite":
        return None
    path = Path(f"{settings.DATABASES['default']['NAME']}.worker.lock")
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise CommandError(
            f"{settings.APP_NAME} is already running on this SQLite database, perhaps in another window: end "
            "it there (Ctrl+C). Beside that worker, --only web,stream serves pages; more workers need PostgreSQL."
        ) from None
    return lock


def _listen(host: str, port: int, hint: str = "Another port: PORT=9000 make run") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CommandError(f"Cannot listen on {host}:{port} ({error.strerror}). {hint}") from error
    listener.set_inheritable(True)
    return listener


def _first_run_url() -> str:
    if not util.find_spec("operators.setup"):
        return ""
    with contextlib.suppress(AttributeError):
        return str(import_module("operators.setup").first_run_url() or "")
    return ""
