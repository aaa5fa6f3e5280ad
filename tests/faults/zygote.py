"""A process that has loaded the product and forks it: a desk starts in a moment instead of seconds.

One JSON line in, one JSON line out. Each desk and each look at the database is a process of its own, which
begins as ``manage.py`` does; the zygote itself never opens a connection.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module, reload
from pathlib import Path
from typing import Any

import django
from django.core.management import execute_from_command_line
from django.urls import get_resolver

POLL_SECONDS = 0.005


def load() -> None:
    """Everything a desk imports, and clocks that run quicker than a customer would like."""
    django.setup()
    import twilio.rest  # noqa: F401
    import uvicorn.protocols.http.httptools_impl  # noqa: F401

    from conversations import work
    from tests.faults import inside

    assert get_resolver().url_patterns
    work.load_handlers()
    inside.quicken()
    gc.collect()
    gc.freeze()  # what is shared stays shared: a child's collector does not touch it


def fork(child: Callable[[], None], *, output: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        child()
    except SystemExit:
        raise  # ends as any process does, which waits for its threads
    except BaseException:  # noqa: BLE001 (a child must never go on as the zygote)
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)


def serve(order: dict[str, Any]) -> None:
    arm(order)
    execute_from_command_line(["manage.py", "serve", *order["arguments"]])


def begin(order: dict[str, Any]) -> None:
    """Run one function of ``inside`` as the product would, and die of it where a point says so."""
    arm(order)
    getattr(import_module("tests.faults.inside"), order["name"])(*order["given"])
    os._exit(0)


def arm(order: dict[str, Any]) -> None:
    from conversations import failpoints

    os.environ["FAILPOINTS"] = order["failpoints"]
    reload(failpoints)


def call(order: dict[str, Any], answer: Path) -> None:
    """Run one function of ``inside`` and keep what it returns."""
    inside = import_module("tests.faults.inside")
    result = getattr(inside, order["name"])(*order["given"])
    answer.write_text(json.dumps(result))
    os._exit(0)


def wait(pid: int, seconds: float) -> int | None:
    """How the child ended: its exit code, or minus the signal; None while it lives."""
    deadline = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return None
        time.sleep(POLL_SECONDS)


def obey(order: dict[str, Any], folder: Path, children: set[int]) -> Any:
    if order["do"] in {"serve", "begin"}:
        process = serve if order["do"] == "serve" else begin
        pid = fork(lambda: process(order), output=Path(order["log"]))
        children.add(pid)
        return pid
    if order["do"] == "wait":
        status = wait(order["pid"], order["seconds"])
        if status is not None:
            children.discard(order["pid"])
        return status
    answer, log = folder / "answer.json", folder / "calls.log"
    pid = fork(lambda: call(order, answer), output=log)
    status = wait(pid, order["seconds"])
    if status is None:
        os.kill(pid, signal.SIGKILL)
    if status != 0:
        return {"error": log.read_text()[-3000:]}
    return {"result": json.loads(answer.read_text())}


def main() -> None:
    folder, children = Path(sys.argv[1]), set[int]()
    load()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(obey(json.loads(line), folder, children)) + "\n")
        sys.stdout.flush()
    for pid in children:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
