"""Everything the work page shows of one company at one moment, in a fixed number of statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations import heartbeats
from conversations.models import Organization, Sender, WorkerHeartbeat
from operators.views import wording
from operators.views.work import hour, jobs, moments, tiles
from operators.views.work.hour import Hour
from operators.views.work.jobs import Jobs
from operators.views.work.moments import Moment
from operators.views.work.tiles import Tile

WORKERS = 20
GONE_FOR = timedelta(hours=1)
"""How long a worker that was killed is shown while another works."""

COMPARED_LATE = timedelta(minutes=2)
FETCHED_SHOWN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    host: str
    number: str
    since: str
    beat: Moment
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    verdict: str
    alarm: bool
    gaps: list[str]
    tiles: list[Tile]
    jobs: Jobs
    workers: list[Worker]
    hour: Hour


def read(organization: Organization, now: datetime) -> Board:
    numbers = list(Sender.objects.for_organization(organization).select_related("reconciliation"))
    senders = [number.pk for number in numbers]
    owed = [
        tiles.sends(senders, now),
        tiles.answers(senders, now),
        tiles.deadlines(senders, now),
        tiles.webhooks(organization, now),
    ]
    waiting = jobs.jobs(organization, senders, now, owed[-1].count)
    workers = _workers(now)
    nobody = all(worker.gone for worker in workers)
    return Board(
        verdict=_silence() if nobody else _verdict(owed, waiting),
        alarm=nobody,
        gaps=[said for number in numbers if (said := _gap(number, now))],
        tiles=owed,
        jobs=waiting,
        workers=workers,
        hour=hour.last(organization, senders, now),
    )


def _gap(sender: Sender, now: datetime) -> str:
    """What the comparison with Twilio's list has to say; most of the time nothing."""
    compared = getattr(sender, "reconciliation", None)
    if compared is None:
        return ""
    if compared.failing_since and now - compared.failing_since > COMPARED_LATE:
        since = wording.recent(compared.failing_since, now)
        if compared.cause == "credentials":
            said = _(
                "{name}: Twilio has refused the credentials since {time}. Lost messages are not fetched."
            )
        else:
            said = _(
                "{name}: Twilio's list has not been readable since {time}. Lost messages are not fetched."
            )
        return said.format(name=sender.name, time=since)
    if compared.found_at and now - compared.found_at < FETCHED_SHOWN:
        said = ngettext(
            "{name}: {n} message had not reached us and was fetched from Twilio ({time}).",
            "{name}: {n} messages had not reached us and were fetched from Twilio ({time}).",
            compared.found,
        )
        return said.format(name=sender.name, n=compared.found, time=wording.recent(compared.found_at, now))
    return ""


def _silence() -> str:
    return _("No worker gives a sign of life: nothing goes out, and the bot does not answer.")


def _workers(now: datetime) -> list[Worker]:
    beats = WorkerHeartbeat.objects.filter(beat_at__gt=now - heartbeats.FORGOTTEN).order_by("-beat_at")
    found = [_worker(beat, now) for beat in beats[:WORKERS]]
    if all(worker.gone for worker in found):
        return found
    return [worker for worker in found if now - worker.beat.at < GONE_FOR]


def _worker(row: WorkerHeartbeat, now: datetime) -> Worker:
    host, _dash, number = row.name.rpartition("-")
    return Worker(
        host=host or row.name,
        number=number if host else "",
        since=wording.recent(row.started_at, now),
        beat=moments.ago(row.beat_at, now),
        gone=now - row.beat_at >= heartbeats.FRESH,
    )


def _verdict(owed: list[Tile], waiting: Jobs) -> str:
    """One sentence that says whether anybody is needed."""
    late = {
        "sends": _("Sends are late."),
        "answers": _("The bot's answers are late."),
        "deadlines": _("Deadlines are late."),
    }
    said = [late[kind] for kind in tiles.late(owed)]
    wanted = _wanted(waiting)
    if not said and not wanted:
        return _("All on time.")
    return format_html("{} {}", " ".join(said) or _("Sends and bot on time."), wanted)


def _wanted(waiting: Jobs) -> str:
    sends, webhooks = waiting.sends_count, waiting.webhooks_count
    some_sends = ngettext("{n} send", "{n} sends", sends).format(n=waiting.sends_shown)
    some_webhooks = ngettext("{n} webhook", "{n} webhooks", webhooks).format(n=waiting.webhooks_shown)
    if sends and webhooks:
        both = _("<b>{sends}</b> and <b>{webhooks}</b> need your decision.")
        return format_html(both, sends=some_sends, webhooks=some_webhooks)
    if not sends and not webhooks:
        return ""
    one = ngettext(
        "<b>{what}</b> needs your decision.", "<b>{what}</b> need your decision.", sends + webhooks
    )
    return format_html(one, what=some_sends if sends else some_webhooks)
