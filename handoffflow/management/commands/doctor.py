"""Looks the installation over and says what to fix."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from handoffflow import checks, health

TWILIO = "https://api.twilio.com"
PATIENCE = 10
HERE = {"localhost", "127.0.0.1", "::1"}


class Finding(NamedTuple):
    subject: str
    fine: bool
    says: str
    fix: str = ""


class Command(BaseCommand):
    help = "Checks the installation and the Twilio account, and says what to fix."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        for finding in [*_database(), _address(), *_production(), _account()]:
            broken += not finding.fine
            mark = self.style.SUCCESS("ok  ") if finding.fine else self.style.ERROR("FIX ")
            self.stdout.write(f"{mark} {finding.subject}: {finding.says}")
            if finding.fix:
                self.stdout.write(f"     {finding.fix}")
        if broken:
            raise CommandError(f"{broken} to fix.")


def _database() -> Iterator[Finding]:
    try:
        for error in checks.collation(None, databases=["default"]):
            yield Finding("database", False, str(error.msg), str(error.hint or ""))
        report = health.inspect(timezone.now())
    except DatabaseError as error:
        yield Finding(
            "database", False, f"no answer ({type(error).__name__})", "Check DATABASE_URL and the server."
        )
        return
    yield Finding("database", True, settings.DATABASES["default"]["ENGINE"].rpartition(".")[2])
    if report["migrations"] != "ok":
        yield Finding("migrations", False, "not all are applied", "python manage.py migrate")
        return
    yield Finding("migrations", True, "all applied")
    yield _worker(report)


def _worker(report: dict[str, Any]) -> Finding:
    if report["worker"] != "ok":
        return Finding("worker", False, "no heartbeat for 30 s", "python manage.py serve (or --only worker)")
    late = report["oldest_due_seconds"]
    if late > 300:
        return Finding(
            "worker", False, f"work is overdue since {late} s", "Look at its log; is Twilio reachable?"
        )
    return Finding("worker", True, "at work" if settings.WORKER_EXPECTED else "not expected here")


def _address() -> Finding:
    host = urlsplit(settings.APP_URL).hostname or ""
    if settings.SIMULATOR_ENABLED or host not in HERE:
        return Finding("APP_URL", True, settings.APP_URL)
    fix = "Set APP_URL to the public https address that Twilio's webhooks are configured with."
    return Finding("APP_URL", False, f"{settings.APP_URL} cannot be reached by Twilio", fix)


def _production() -> Iterator[Finding]:
    if settings.DEBUG:
        return
    for found in checks.production(None):
        yield Finding("production", False, str(found.msg), str(found.hint or ""))


def _account() -> Finding:
    """Ask Twilio for the account itself: the cheapest call that proves address, SID and token."""
    if not settings.TWILIO_SID:
        return Finding("Twilio", True, "no account in the environment; senders bring their own")
    base = settings.TWILIO_API_URL or TWILIO
    question = _signing_in(f"{base}/2010-04-01/Accounts/{settings.TWILIO_SID}.json")
    try:
        with build_opener(_Stay).open(question, timeout=PATIENCE) as answer:
            status = json.load(answer).get("status", "unknown")
    except HTTPError as error:
        fix = "Check TWILIO_SID and TWILIO_AUTH_TOKEN." if error.code == 401 else ""
        return Finding("Twilio", False, f"answered {error.code}", fix)
    except (URLError, TimeoutError, ValueError, AttributeError) as error:
        fix = (
            "Is the simulator running (manage.py serve)?"
            if settings.SIMULATOR_ENABLED
            else "Check the network."
        )
        return Finding("Twilio", False, f"no answer ({type(error).__name__})", fix)
    fine = status == "active"
    return Finding("Twilio", fine, f"the account is {status}", "" if fine else "Look at Twilio's console.")


class _Stay(HTTPRedirectHandler):
    """The token goes to nobody else, wherever an answer points."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _signing_in(url: str) -> Request:
    pair = f"{settings.TWILIO_SID}:{settings.TWILIO_AUTH_TOKEN}".encode()
    return Request(url, headers={"Authorization": f"Basic {base64.b64encode(pair).decode()}"})  # noqa: S310
