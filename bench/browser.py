"""The console in a real browser, on a slow computer: the longest task of the page, and what Lighthouse says.

``python -m bench.browser`` opens a chat of a busy desk in Chromium whose CPU is slowed down four times, lets messages
arrive, and prints the longest tasks. With ``LIGHTHOUSE`` naming the program (``npm install lighthouse``), that is asked
as well, logged in and with the stream open; the median of five. Neither belongs to the suite: both measure the machine.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench import databases, environment, machine, processes, requests

SLOWER = 4
LOADS, MESSAGES = 5, 40
RUNS = int(os.environ.get("LIGHTHOUSE_RUNS", "5"))
BETWEEN_SECONDS = 0.25
RETRIES = 4
CATEGORIES = ("performance", "accessibility", "best-practices")
FORMS: dict[str, tuple[str, ...]] = {"desktop": ("--preset=desktop",), "phone": ()}
CHROMIUM = ("--no-sandbox", "--disable-background-networking")
WATCH = """
globalThis.tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.duration)))
  .observe({ type: "longtask", buffered: true });
"""


def main() -> None:
    with databases.temporary("sqlite") as (database, folder):
        port = environment.free_port()
        twilio = f"http://{environment.HOST}:{environment.free_port()}"
        env = environment.settings(folder, database.url, port=port, twilio=twilio)
        os.environ.update(env)
        cookie, path = _prepared()
        url = f"{env['APP_URL']}{path}"
        serve = ("manage.py", "serve", "--port", str(port))
        with processes.running(*serve, env=os.environ, port=port, path="/healthz"):
            print(f"Commit `{machine.commit()}`, {machine.described()}, load average {machine.load():.1f}.\n")
            print("\n".join(_tasks(url, cookie)))
            if program := os.environ.get("LIGHTHOUSE"):
                print("\n".join(_lighthouse(program, url, cookie)))


def _prepared() -> tuple[str, str]:
    """A desk where one operator has fifty chats and fifty more wait: her cookie, and the address of a long chat."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from bench import cast
    from tests import builders

    held = cast.held()[:50]
    for number in range(50):
        builders.make_waiting(address=f"whatsapp:+55219{number:08d}")
        builders.says(f"mensagem {number} com *marca*", address=cast.ADDRESSES[0])
    ana = held[0].operator
    assert ana is not None
    return cast.cookie(ana), f"/operator/c/{held[0].public_id}/"


# The longest tasks ------------------------------------------------------------------------------------------------


def _tasks(url: str, cookie: str) -> Iterator[str]:
    """The page for logging in has hardly a script: what it takes is the browser's own, on this machine."""
    floors, loads, lives = [], [], []
    for _load in range(LOADS):
        with _slow_page() as page:
            floors.append(_opened(page, f"{os.environ['APP_URL']}/operator/login/"))
        with _slow_page(cookie) as page:
            loads.append(_opened(page, url))
            _messages()
            page.wait_for_timeout(2_000)
            lives.append(_longest(page))
    yield f"| CPU {SLOWER} times slower | the longest task: median ms | most |"
    yield "|---|---:|---:|"
    found = {"opening the login page": floors, "opening a chat": loads, f"{MESSAGES} live messages": lives}
    for said, times in found.items():
        yield f"| {said} | {statistics.median(times):.0f} | {max(times):.0f} |"


def _opened(page: Any, url: str) -> float:
    page.goto(url, wait_until="load")
    page.wait_for_timeout(3_000)
    return _longest(page)


@contextmanager
def _browser(cookie: str, *options: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        context = playwright.chromium.launch_persistent_context(
            folder,
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=[*CHROMIUM, *options],
            locale="pt-BR",
            viewport={"width": 1440, "height": 900},
        )
        if cookie:
            name, _equal, value = cookie.partition("=")
            context.add_cookies([{"name": name, "value": value, "url": os.environ["APP_URL"]}])
        yield context
        context.close()


@contextmanager
def _slow_page(cookie: str = "") -> Iterator[Any]:
    with _browser(cookie) as context:
        context.add_init_script(WATCH)
        page = context.new_page()
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        yield page


def _longest(page: Any) -> float:
    """Tasks shorter than 50 ms are not told of."""
    return float(page.evaluate("Math.max(0, ...tasks.splice(0))"))


def _messages() -> None:
    """Written by customers into the open chat and into others, as Twilio delivers them."""
    from bench import cast

    for said in requests.webhooks(MESSAGES, cast.ADDRESSES[:4], url=os.environ["APP_URL"]):
        with socket.create_connection((environment.HOST, int(os.environ["PORT"])), timeout=30) as connection:
            connection.sendall(said.raw)
            answer = connection.recv(65536)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"a webhook was answered {answer[:40]!r}")
        time.sleep(BETWEEN_SECONDS)


# Lighthouse -------------------------------------------------------------------------------------------------------


def _lighthouse(program: str, url: str, cookie: str) -> Iterator[str]:
    yield ""
    yield f"| Lighthouse, median of {RUNS} | {' | '.join(CATEGORIES)} | first paint ms | blocked ms |"
    yield f"|---|{'---:|' * (len(CATEGORIES) + 2)}"
    for form, options in FORMS.items():
        runs = [_run(program, url, cookie, options) for _run_number in range(RUNS)]
        scores = [
            f"{100 * statistics.median(run['categories'][name]['score'] for run in runs):.0f}"
            for name in CATEGORIES
        ]
        times = [
            f"{statistics.median(run['audits'][name]['numericValue'] for run in runs):.0f}"
            for name in ("first-contentful-paint", "total-blocking-time")
        ]
        yield f"| {form} | {' | '.join([*scores, *times])} |"
        for title in sorted({title for run in runs for title in _faults(run)}):
            yield f"<!-- {form}: {title} -->"


def _run(program: str, url: str, cookie: str, options: tuple[str, ...]) -> dict[str, Any]:
    """A run whose trace has no beginning counts for nothing, and Lighthouse asks to run it again."""
    for _try in range(RETRIES):
        done = _asked(program, url, cookie, options)
        if done.returncode == 0:
            return dict(json.loads(done.stdout))
    raise RuntimeError(f"Lighthouse gave up {RETRIES} times: {done.stderr.strip()[-500:]}")


def _asked(program: str, url: str, cookie: str, options: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """In a browser of ours, which is logged in: a header would not reach what the page asks for later."""
    port = environment.free_port()
    with _browser(cookie, f"--remote-debugging-port={port}"):
        command = [
            *(program, url, "--output=json", "--quiet", "--max-wait-for-load=15000"),
            *(f"--port={port}", "--disable-storage-reset", f"--only-categories={','.join(CATEGORIES)}"),
            *options,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)


def _faults(run: dict[str, Any]) -> Iterator[str]:
    """What costs a point of the two that shall have all of them."""
    for name in CATEGORIES[1:]:
        for audit in run["categories"][name]["auditRefs"]:
            found = run["audits"][audit["id"]]
            if audit["weight"] and found["score"] not in {1, None}:
                yield f"{name}: {found['title']} {[one.get('description') for one in found['details']['items']]}"


if __name__ == "__main__":
    main()
