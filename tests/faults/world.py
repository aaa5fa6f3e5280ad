"""A desk that may die at any moment, and a Twilio beside it that remembers everything."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handoffflow.simulator.shapes import Timing
from handoffflow.simulator.standin import StandIn, free_port
from tests.conftest import ROOT, TWILIO_AUTH_TOKEN, TWILIO_SID

NUMBER = "whatsapp:+551150280000"
PATIENCE_SECONDS = 30
POLL_SECONDS = 0.03
SETTLE_POLL_SECONDS = 0.1
"""Each of these looks is a process of its own."""


def until(happened: Callable[[], Any], what: str, *, every: float = POLL_SECONDS) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := happened()):
        assert time.monotonic() < deadline, f"did not happen: {what}"
        time.sleep(every)
    return found


class World:
    """One database, one stand-in and one desk at a time; every case has a customer of its own."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.standin = StandIn(
            ledger=folder / "ledger.sqlite3",
            account_sid=TWILIO_SID,
            auth_token=TWILIO_AUTH_TOKEN,
            number=NUMBER,
            app_url=self.url,
            timing=Timing(sent=0.02, delivered=0.05),
        ).start()
        self._numbers = itertools.count(5511900000001)
        self._zygote = self._load(database)
        self.call("migrate")
        self.team = self.call("seed")
        self.pid = self._log_before = 0

    def _load(self, database: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "handoffflow.settings",
            "ENV_FILE": os.devnull,
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": database,
            "DEBUG": "1",
            "APP_URL": self.url,
            "TWILIO_SID": TWILIO_SID,
            "TWILIO_AUTH_TOKEN": TWILIO_AUTH_TOKEN,
            "TWILIO_WHATSAPP_NUMBER": NUMBER,
            "TWILIO_API_URL": self.standin.url,
            "LANGUAGE_CODE": "pt-br",
        }
        command = [sys.executable, "-m", "tests.faults.zygote", str(self.folder)]
        zygote = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert zygote.stdout is not None
        assert zygote.stdout.readline() == "ready\n"
        return zygote

    def close(self) -> None:
        self.kill()
        assert self._zygote.stdin is not None
        self._zygote.stdin.close()
        self._zygote.wait(timeout=10)
        self.standin.stop()

    # -- the desk ------------------------------------------------------------------------------------

    def start(self, failpoints: str = "") -> None:
        arguments = ["--port", str(self.port)]
        self._log_before = len(self._log())
        self.pid = self._order(do="serve", failpoints=failpoints, arguments=arguments)
        until(self._listens, "the desk answers")

    def said(self, text: str) -> bool:
        """Whether this desk has logged ``text``."""
        return text in self._log()[self._log_before :]

    def _log(self) -> str:
        log = self.folder / "desk.log"
        return log.read_text() if log.exists() else ""

    def died(self) -> bool:
        """Whether the desk was killed by its failpoint, which this waits for."""
        status = self._order(do="wait", pid=self.pid, seconds=PATIENCE_SECONDS)
        if status is not None:
            self.pid = 0
        return bool(status == -signal.SIGKILL)

    def kill(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            assert self.died()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def call(self, name: str, *given: Any) -> Any:
        """One of the functions in ``inside``, run beside the desk."""
        answer = self._order(do="call", name=name, given=given, seconds=PATIENCE_SECONDS)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _order(self, **order: Any) -> Any:
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write(json.dumps(order) + "\n")
        self._zygote.stdin.flush()
        return json.loads(self._zygote.stdout.readline())

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    # -- who speaks to it ----------------------------------------------------------------------------

    def customer(self) -> str:
        """Somebody whom Twilio knows and the desk does not."""
        address = f"whatsapp:+{next(self._numbers)}"
        self.standin.meet(address)
        return address

    def post(self, path: str, body: dict[str, Any], *, key: str) -> int:
        """An integration's call; 0 when the connection broke, which says nothing about what happened."""
        headers = {
            "Authorization": f"Bearer {self.team['token']}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("POST", f"/api/v1/conversations/{path}", json.dumps(body), headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def insist(self, path: str, body: dict[str, Any], *, key: str) -> int:
        """The same call again until somebody answers it: 409 while the dead process still holds the key."""
        return int(until(lambda: (status := self.post(path, body, key=key)) not in {0, 409} and status, path))

    def redeliver(self, sid: str) -> None:
        """Twilio tries again what was not answered with 200, as it is told to by the webhook's address."""

        def acknowledged() -> bool:
            jobs = [job for job in self.standin.ledger.jobs(sid=sid) if job.kind == "webhook"]
            if any(job.result == "200" for job in jobs):
                return True
            if all(job.done is not None for job in jobs):
                self.standin.redeliver(sid)
            return False

        until(acknowledged, "the webhook is acknowledged")

    def answered(self, address: str) -> int:
        """How many messages Twilio took for this customer."""
        return sum(message.customer == address for message in self.standin.sent())

    def settle(self) -> None:
        left: list[str] = []

        def nothing_is_left() -> bool:
            if self.standin.ledger.pending():
                return False
            left[:] = self.call("unsettled")
            return not left and not self.standin.ledger.pending()

        try:
            until(nothing_is_left, "everything is settled", every=SETTLE_POLL_SECONDS)
        except AssertionError:
            raise AssertionError(f"stuck: {left}") from None


def new_key() -> str:
    return uuid.uuid4().hex
