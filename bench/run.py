"""Everything that is measured on one database, in a process of its own; the result as JSON.

``python -m bench.run NAME quick|full PARTS OUT``, started by ``bench.__main__``, which has made the environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import uvloop

from bench import environment, figures, machine, processes, requests
from bench.databases import Database
from bench.plan import CALL_SECONDS, FULL, PER_SECOND, QUICK, Plan
from bench.processes import Process

if TYPE_CHECKING:
    from conversations.models import Conversation


def main(name: str, form: str, parts: str, out: str) -> None:
    django.setup()
    from django.core.management import call_command

    from bench import cast

    call_command("migrate", verbosity=0)
    plan = QUICK if form == "quick" else FULL
    postmaster = int(os.environ["BENCH_POSTMASTER"]) or None
    database = Database(name, os.environ["DATABASE_URL"], os.environ["BENCH_FLOOR"], postmaster)
    conversations = cast.held() if parts != "paths" else []
    results: dict[str, Any] = {}
    if {"webhook", "panels"} & set(parts.split(",")):
        results |= _served(database, plan, parts)
    if "worker" in parts.split(","):
        results["worker"] = _worker(conversations, plan)
    if "pace" in parts.split(","):
        results["pace"] = _pace(plan)
    Path(out).write_text(json.dumps(results))


def _served(database: Database, plan: Plan, parts: str) -> dict[str, Any]:
    """Over real HTTP, against the one process that does it all."""
    from bench import cast

    results: dict[str, Any] = {}
    with ExitStack() as stack:
        port = int(os.environ["PORT"])
        serve = ("manage.py", "serve", "--port", str(port))
        ours = stack.enter_context(processes.running(*serve, env=os.environ, port=port, path="/healthz"))
        if "webhook" in parts:
            results["webhook"] = _webhook(database, plan, ours)
        results["pss_mb_after_webhooks"] = ours.pss_mb()
        if "panels" in parts:
            browsers = cast.cookies(max(plan.panels))
            results["panels"] = {str(count): _panels(ours, plan, browsers[:count]) for count in plan.panels}
        results["pss_mb"] = ours.pss_mb()
    return results


def _webhook(database: Database, plan: Plan, ours: Process) -> dict[str, Any]:
    from bench import webhook

    port, url = environment.free_port(), os.environ["APP_URL"]
    floor = ("-m", "bench.floor", str(port), database.floor, url, environment.TOKEN)
    make = _maker(url)
    with processes.running(*floor, env=os.environ, port=port) as bare:
        sides = (webhook.Side(bare, database, make), webhook.Side(ours, database, make))
        return uvloop.run(webhook.measure(*sides, plan)) | {"floor_pss_mb": bare.pss_mb()}


def _maker(url: str) -> Callable[[int], list[requests.Webhook]]:
    from bench import cast

    return lambda count: requests.webhooks(count, cast.ADDRESSES, url=url)


def _panels(ours: Process, plan: Plan, browsers: list[str]) -> dict[str, Any]:
    from bench import panels

    make, rounds = _maker(os.environ["APP_URL"]), []
    for _round in range(plan.panel_rounds):
        said = make(int(plan.panel_seconds * PER_SECOND))
        rounds.append(uvloop.run(panels.measure(ours, browsers, said, plan)))
    return figures.per_name(rounds)


def _pace(plan: Plan) -> dict[str, Any]:
    from bench import cast, outbox

    port = int(os.environ["TWILIO_API_URL"].rpartition(":")[2])
    slow = ("-m", "bench.slow_twilio", str(port), str(CALL_SECONDS))
    width, count = plan.paced
    with processes.running(*slow, env=os.environ, port=port):
        return outbox.pace(port, os.environ, cast.many(width), count) | {"width": width, "count": count}


def _worker(conversations: list[Conversation], plan: Plan) -> dict[str, Any]:
    from bench import outbox

    port = int(os.environ["TWILIO_API_URL"].rpartition(":")[2])
    slow = ("-m", "bench.slow_twilio", str(port), str(CALL_SECONDS))
    results: dict[str, Any] = {
        "latency": [],
        "throughput": {str(width): [] for width, _count in plan.concurrencies},
    }
    with processes.running(*slow, env=os.environ, port=port):
        for _round in range(plan.worker_rounds):
            results["latency"].append(outbox.latency(port, conversations, plan.enqueue_seconds))
            for width, count in plan.concurrencies:
                measured = outbox.throughput(port, os.environ, conversations[:width], count)
                results["throughput"][str(width)].append(measured)
    results["latency"] = figures.per_name(results["latency"])
    results["throughput"] = {width: figures.per_name(rows) for width, rows in results["throughput"].items()}
    return results | {"load": machine.load()}


if __name__ == "__main__":
    main(*sys.argv[1:])
