"""What the admin's lists, pages and search cost with a million messages behind them.

One process without a server, on the throw-away database of ``DATABASE_URL``; the rows are copied inside the database.
Each is asked for ``TIMES`` times, warm; what counts is the wall clock, because a supervisor waits for it.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from bench import figures, paths

MESSAGES = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
TIMES = 15
LIST, BUBBLES = "/admin/conversations/conversation/", "/admin/conversations/message/"


def main() -> None:
    paths.prepare()
    from django.conf import settings
    from django.test import Client

    from tests import builders, rows

    # Nobody has collected the files of this throw-away installation.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    caio = builders.make_operator("caio", staff=True)
    began = time.monotonic()
    story = rows.fill(MESSAGES)
    print(f"{MESSAGES} messages in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    client = Client(headers={"host": "desk.example.com"})
    client.force_login(caio, backend="django.contrib.auth.backends.ModelBackend")
    json.dump([_measured(client, name, path) for name, path in asked(story)], sys.stdout)


def asked(story: Any) -> list[tuple[str, str]]:
    some, bubble = story.pk + 4321 % (MESSAGES // 40), f"SM{MESSAGES // 2}x"
    return [
        ("conversations, first page", LIST),
        ("conversations, twentieth page", f"{LIST}?p=20"),
        ("conversations with a person", f"{LIST}?mode__exact=human"),
        ("conversations of one operator", f"{LIST}?operator__id__exact={story.operator_id}"),
        ("search by a name", f"{LIST}?q=cliente+4321"),
        ("search by a name that is everywhere", f"{LIST}?q=souza"),
        ("search by a name that nobody has", f"{LIST}?q=fulano"),
        ("search by a number", f"{LIST}?q=%2B5521900004321"),
        ("search by an id", f"{LIST}?q={story.public_id}"),
        ("one conversation", f"{LIST}{some}/change/"),
        ("messages, first page", BUBBLES),
        ("messages, twentieth page", f"{BUBBLES}?p=20"),
        ("messages that failed (there are none)", f"{BUBBLES}?status__exact=failed"),
        ("messages by SID", f"{BUBBLES}?q={bubble}"),
        ("messages of one conversation", f"{BUBBLES}?q={story.public_id}"),
        ("handoffs, first page", "/admin/conversations/handoff/"),
    ]


def _measured(client: Any, name: str, path: str) -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        response = client.get(path)
    assert response.status_code == 200, (name, response.status_code)
    statements = len(captured.captured_queries)
    cpu, clock = [], []
    for _ in range(TIMES):
        began = time.process_time(), time.perf_counter()
        client.get(path)
        cpu.append((time.process_time() - began[0]) * 1000)
        clock.append((time.perf_counter() - began[1]) * 1000)
    return {
        "page": name,
        "statements": statements,
        "cpu_ms": figures.summed(cpu),
        "clock_ms": figures.summed(clock),
    }


if __name__ == "__main__":
    main()
