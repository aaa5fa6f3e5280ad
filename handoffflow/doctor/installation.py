"""The part of the installation that is ours: database, worker, address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from conversations.models import Queue
from handoffflow import checks, health
from handoffflow.doctor.finding import Finding, advice, error, ok, warning

LATE_SECONDS = 300
_DURABLE = {
    "sqlite": ("PRAGMA synchronous", {"2", "3"}, "synchronous=FULL"),
    "postgresql": ("SHOW synchronous_commit", {"on", "remote_apply"}, "synchronous_commit=on"),
    "mysql": ("SELECT @@innodb_flush_log_at_trx_commit", {"1"}, "innodb_flush_log_at_trx_commit=1"),
}


def database(now: datetime) -> Iterator[Finding]:
    subject = _("database")
    try:
        yield from _collation(subject)
        yield _durability(subject)
        report = health.inspect(now)
    except DatabaseError as problem:
        what = _("It does not answer (%(error)s).") % {"error": type(problem).__name__}
        yield error("database_away", subject, what, _("Check DATABASE_URL and the database server."))
        return
    if report["migrations"] != "ok":
        what = _("It has not been migrated to this version.")
        yield error("migrations_missing", subject, what, "python manage.py migrate")
        return
    yield ok("migrations", subject, _("All migrations are applied."))
    yield worker(report["worker"] == "ok", int(report["oldest_due_seconds"]))


def worker(beats: bool, late: int) -> Finding:
    subject = _("worker")
    if not beats:
        what = _("It has given no sign of life for 30 seconds: nothing is sent and the bot does not answer.")
        fix = _("Start it: python manage.py serve (or serve --only worker).")
        return error("worker_silent", subject, what, fix)
    if late > LATE_SECONDS:
        what = _("Work has been overdue for %(seconds)s seconds.") % {"seconds": late}
        return error("worker_late", subject, what, _("Look at its log, and at the work page in the console."))
    return ok("worker", subject, _("At work.") if settings.WORKER_EXPECTED else _("Not expected here."))


def address() -> Finding:
    parts, subject = urlsplit(settings.APP_URL), "APP_URL"
    fix = _("Set APP_URL to the public https address that Twilio's webhooks are to call, and restart.")
    if settings.SIMULATOR_ENABLED:
        return ok("address", subject, settings.APP_URL)
    if _private(parts.hostname or ""):
        what = _("Twilio cannot reach %(address)s: it is an address of this machine or network.")
        return error("address_private", subject, what % {"address": settings.APP_URL}, fix)
    if parts.scheme != "https":
        what = _("%(address)s is not https: messages and logins could be read on the way.")
        return error("address_not_https", subject, what % {"address": settings.APP_URL}, fix)
    return ok("address", subject, settings.APP_URL)


def production() -> Iterator[Finding]:
    if not settings.DEBUG:
        for found in checks.production(None):
            if found.id != "handoffflow.E001":  # said above
                yield _checked(found, _("settings"))


def mail(queues: Iterable[Queue]) -> Iterator[Finding]:
    """A queue whose address nobody can write to would be found out on the day it is needed."""
    for queue in queues:
        if queue.alert_email and not settings.MAIL_READY:
            what = _("Its address is to be written to when nobody is there, and no mail server is set.")
            yield error("mail_missing", queue.name, what, _("Set EMAIL_URL and restart."))


def capture() -> Iterator[Finding]:
    if settings.TWILIO_CAPTURE:
        what = _("The shapes of Twilio's requests are written to %(file)s.") % {
            "file": settings.TWILIO_CAPTURE
        }
        yield advice("capture_on", "TWILIO_CAPTURE", what, _("Empty the setting once you have seen enough."))


def _private(host: str) -> bool:
    if host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host


def _collation(subject: str) -> Iterator[Finding]:
    for found in checks.collation(None, databases=["default"]):
        yield _checked(found, subject)


def _durability(subject: str) -> Finding:
    query, safe, wanted = _DURABLE[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query)
        value = str(cursor.fetchone()[0])
    if value in safe:
        name = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
        return ok("durable", subject, _("%(name)s; what was committed survives a crash.") % {"name": name})
    what = _("It may forget what it has committed when the machine fails: messages would be lost.")
    return error("not_durable", subject, what, _("Set %(setting)s in the database.") % {"setting": wanted})


def _checked(found: CheckMessage, subject: str) -> Finding:
    kind = error if isinstance(found, Error) else warning
    return kind(str(found.id), subject, str(found.msg), str(found.hint or ""))
