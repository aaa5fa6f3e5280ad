"""What the REST API costs beside the panel's forms that do the same, and its queue before a hundred thousand others.

One process without a server, on the throw-away database of ``DATABASE_URL``: CPU milliseconds, the least of all rounds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bench import paths

CONVERSATIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
ROUNDS, LINE = 40, 50


def main() -> None:
    paths.prepare()
    from django.test import Client

    from tests import builders, rows
    from tests.api.calls import caller

    began = time.monotonic()
    rows.fill(CONVERSATIONS, each=1)
    print(f"{CONVERSATIONS} conversations in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    bia = builders.make_operator("bia", capacity=10 * ROUNDS)
    host = {"host": "desk.example.com"}
    panel, api = Client(headers=host), caller("desk", "read")
    api.headers |= host
    panel.force_login(bia, backend="django.contrib.auth.backends.ModelBackend")
    for number in range(LINE):
        builders.make_waiting(address=f"whatsapp:+55219{number:08d}")
    queue = _queue(api.headers)
    json.dump([{"what": f"queue of {LINE}", "api_ms": queue}, *_pairs(panel, api, bia)], sys.stdout)


def _queue(headers: dict[str, str]) -> float:
    """From the request as it has arrived to its answer: a client's own work is not the desk's."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import RequestFactory

    from tests.api.calls import ROOT

    desk, path = WSGIHandler(), f"{ROOT}/conversations/handoff/queue"
    asked = [
        RequestFactory().get(path, {"waiting": "true"}, headers=headers, secure=True)
        for _ in range(ROUNDS + 1)
    ]
    return min([_cpu(partial(_answered, partial(desk.get_response, one), 200)) for one in asked][1:])


def _pairs(panel: Any, api: Any, bia: Any) -> list[dict[str, Any]]:
    """Ways into a conversation and out of it: each round a fresh one for either side."""
    from tests import builders

    spent: dict[str, dict[str, list[float]]] = {
        what: {"panel": [], "api": []} for what in ("assign", "release")
    }
    for number in range(ROUNDS):
        for side in ("panel", "api"):
            held = builders.make_waiting(address=f"whatsapp:+55{len(side)}19{number:08d}")
            form, call = f"/operator/c/{held.public_id}", f"/conversations/{held.public_id}/handoff"
            agent, ended = {"agent_id": str(bia.public_id)}, {"outcome": "solved", "last_seen_seq": 99}
            into, out = (
                partial(panel.post, f"{form}/claim", secure=True),
                partial(panel.post, f"{form}/release", ended, secure=True),
            )
            if side == "api":
                into, out = (
                    partial(api.post, f"{call}/assign", agent),
                    partial(api.post, f"{call}/release", ended),
                )
            for what, step in {"assign": into, "release": out}.items():
                spent[what][side].append(_cpu(partial(_answered, step, 303 if side == "panel" else 200)))
    return [
        {"what": what, "api_ms": min(sides["api"]), "panel_ms": min(sides["panel"])}
        for what, sides in spent.items()
    ]


def _answered(call: Callable[[], Any], status: int) -> None:
    response = call()
    if response.status_code != status:
        raise RuntimeError(response.status_code)


def _cpu(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return (time.process_time() - began) * 1000


if __name__ == "__main__":
    main()
