"""What the phone shows: bubbles with days and ticks, and behind the scenes what was said over the wire."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from handoffflow.simulator import contents
from handoffflow.simulator.contents import Button, Shown
from handoffflow.simulator.customers import Customer
from handoffflow.simulator.ledger import Job, Ledger, Message, as_job

PLACES = 40
_BOLD = re.compile(r"(?<!\w)\*(?=\S)([^*\n]+?)(?<=\S)\*(?!\w)")
FACTS = 14


@dataclass(frozen=True, slots=True)
class File:
    sid: str
    family: str


@dataclass(frozen=True, slots=True)
class Run:
    text: str
    bold: bool


@dataclass(frozen=True, slots=True)
class Bubble:
    sid: str
    mine: bool
    runs: tuple[Run, ...]
    at: datetime
    gap: bool
    day: str
    tick: str
    files: tuple[File, ...]
    template: bool
    header: str = ""
    footer: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    key: str
    title: str
    detail: str
    at: datetime
    bad: bool


def bubbles(ledger: Ledger, customer: Customer) -> list[Bubble]:
    """The thread as the customer sees it. A message that could not be delivered never reached the phone."""
    thread = [
        message
        for message in ledger.thread(customer.address, limit=PLACES)
        if message.inbound or message.status in {"delivered", "read"}
    ]
    webhooks = _webhooks(ledger, customer)
    answered = max((message.id for message in thread if not message.inbound), default=0)
    zone, shown = timezone.get_current_timezone(), []
    before: Message | None = None
    for message in thread:
        at, content = _local(message.created, zone), content_of(ledger, message)
        new_day = before is None or _local(before.created, zone).date() != at.date()
        shown.append(
            Bubble(
                sid=message.sid,
                mine=message.inbound,
                runs=_runs(message.body),
                at=at,
                gap=before is not None and before.inbound != message.inbound,
                day=_day(at.date()) if new_day else "",
                tick=_tick(message, webhooks.get(message.sid), answered) if message.inbound else "",
                files=_files(ledger, message),
                template=bool(message.template) and not message.body,
                header=content.header if content else "",
                footer=content.footer if content else "",
                buttons=content.buttons if content else (),
            )
        )
        before = message
    return shown


def content_of(ledger: Ledger, message: Message) -> Shown | None:
    if message.template is None:
        return None
    return contents.shown(ledger, message.template, json.loads(message.extra.get("ContentVariables") or "{}"))


TYPING_SECONDS = 25.0


def typing(ledger: Ledger, customer: Customer) -> bool:
    """Whether the phone shows that the desk types: for 25 seconds, or until a message comes."""
    if customer.typing_at is None or ledger.clock() - customer.typing_at > TYPING_SECONDS:
        return False
    query = "SELECT 1 FROM messages WHERE customer = ? AND direction <> 'inbound' AND created > ? LIMIT 1"
    return not ledger.all(query, customer.address, customer.typing_at)


def _runs(body: str) -> tuple[Run, ...]:
    """WhatsApp shows ``*these words*`` in bold."""
    pieces = _BOLD.split(body)
    return tuple(Run(text, bold=place % 2 == 1) for place, text in enumerate(pieces) if text)


def _webhooks(ledger: Ledger, customer: Customer) -> dict[str, Job]:
    rows = ledger.all(
        "SELECT jobs.* FROM jobs JOIN messages USING (sid) WHERE messages.customer = ? AND kind = 'webhook'"
        " ORDER BY jobs.id DESC LIMIT ?",
        customer.address,
        PLACES,
    )
    return {row["sid"]: as_job(row) for row in rows}


def _tick(message: Message, webhook: Job | None, answered: int) -> str:
    """Blue once the desk has replied or shown that it types: opening a chat there tells the customer nothing."""
    if webhook is not None and webhook.done is None:
        return "waiting"
    if webhook is None or webhook.result != "200":
        return "lost"
    return "read" if message.id < answered or message.seen else "delivered"


def _files(ledger: Ledger, message: Message) -> tuple[File, ...]:
    if not message.sid.startswith("MM"):
        return ()
    return tuple(File(file.sid, file.type.partition("/")[0]) for file in ledger.media(message.sid))


def _local(at: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at, zone)


def _day(day: date) -> str:
    days = (timezone.localdate() - day).days
    if days == 0:
        return _("Today")
    return _("Yesterday") if days == 1 else date_format(day, "SHORT_DATE_FORMAT")


def facts(ledger: Ledger, customer: Customer) -> list[Fact]:
    """What passed between the two sides about this customer, newest first; times are measured ones."""
    zone = timezone.get_current_timezone()
    calls = ledger.all(
        "SELECT id, at, status, ms, fault FROM requests WHERE customer = ? ORDER BY id DESC LIMIT ?",
        customer.address,
        FACTS,
    )
    told = ledger.all(
        "SELECT jobs.id, jobs.done, jobs.kind, jobs.status, jobs.error, jobs.result, jobs.ms FROM jobs"
        " JOIN messages USING (sid) WHERE messages.customer = ? AND jobs.done IS NOT NULL"
        " ORDER BY jobs.done DESC LIMIT ?",
        customer.address,
        FACTS,
    )
    found = [_call(row, zone) for row in calls] + [_told(row, zone) for row in told]
    return sorted(found, key=lambda fact: fact.at, reverse=True)[:FACTS]


def _call(row: Any, zone: tzinfo) -> Fact:
    accepted = row["status"] == 201
    title = _("Reply accepted by WhatsApp") if accepted else _("Reply not accepted")
    if row["status"] is None:
        title, detail = _("Reply without an answer"), _("the connection broke")
    else:
        detail = _took(str(row["status"]), row["ms"])
    return Fact(f"call-{row['id']}", title, detail, _local(row["at"], zone), bad=not accepted)


def _told(row: Any, zone: tzinfo) -> Fact:
    heard = str(row["result"]).startswith("2") or row["result"] == "not told"
    if row["kind"] == "webhook":
        title = _("Webhook accepted") if heard else _("Webhook refused")
    else:
        title = _outcome(row["status"], row["error"])
    detail = _("no callback") if row["result"] == "not told" else _took(str(row["result"]), row["ms"])
    return Fact(
        f"job-{row['id']}", title, detail, _local(row["done"], zone), bad=not heard or bool(row["error"])
    )


def _outcome(status: str, error: int | None) -> str:
    titles = {"sent": _("Reply sent"), "delivered": _("Reply delivered"), "read": _("Reply read")}
    if error:
        return _("Reply failed with code %(code)s") % {"code": error}
    return titles.get(status, status)


def _took(result: str, ms: float | None) -> str:
    """``200 in 38 ms`` for a status; the name of the error when the connection broke."""
    if not result.isdecimal():
        return _("no connection") if result == "ConnectionRefusedError" else result
    return _("%(status)s in %(ms)s ms") % {"status": result, "ms": max(1, round(ms or 0))}
