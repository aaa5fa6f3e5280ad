"""Desks that may die at any moment, and a Twilio beside them that remembers everything."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from handoffflow.simulator.callbacks import Desk as Reached
from handoffflow.simulator.shapes import Timing
from handoffflow.simulator.standin import StandIn, free_port
from tests import migrated
from tests.conftest import TWILIO_AUTH_TOKEN, TWILIO_SID
from tests.conversations.botserver import Bot, Said, serving
from tests.conversations.modelserver import completion
from tests.faults.forks import PATIENCE_SECONDS, Desk, Zygote
from tests.faults.verdict import Stuck

ANSWER = "Está a caminho."
"""What a bot elsewhere says, in the form of either kind."""
NUMBER = "whatsapp:+551150280000"
POLL_SECONDS = 0.03
LOOK_SECONDS = 0.3
"""Each of these looks is a process of its own, which takes a tenth of that from the others."""


def until(happened: Callable[[], Any], what: str, *, every: float = POLL_SECONDS) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := happened()):
        if time.monotonic() > deadline:
            raise Stuck(f"did not happen: {what}")
        time.sleep(every)
    return found


class Balanced(Reached):
    """One public address and several ports behind it, one after the other, as a proxy does it."""

    def __init__(self, app_url: str, ports: list[int]) -> None:
        super().__init__(app_url, app_url)
        object.__setattr__(self, "_ports", ports)
        object.__setattr__(self, "_turns", itertools.count())

    _ports: list[int]
    _turns: Iterator[int]

    def reached(self, url: str) -> str | None:
        known = super().reached(url)
        port = self._ports[next(self._turns) % len(self._ports)]
        return known and f"http://127.0.0.1:{port}{known.removeprefix(self.app_url)}"


class World:
    """One database, one stand-in and the desks of a test; every case has a customer of its own.

    Twilio and the integrations reach ``ports``: one desk's, unless a test says otherwise.
    """

    def __init__(self, folder: Path, database: str = "", *, lease: float = 1) -> None:
        self.folder, self.lease = folder, lease
        self.own_port = free_port()
        self.ports = [self.own_port]
        self.url = f"http://127.0.0.1:{self.port}"
        self.standin = StandIn(
            ledger=folder / "ledger.sqlite3",
            account_sid=TWILIO_SID,
            auth_token=TWILIO_AUTH_TOKEN,
            number=NUMBER,
            app_url=self.url,
            timing=Timing(sent=0.02, delivered=0.05),
        )
        self.standin.desk = Balanced(self.url, self.ports)
        self.standin.start()
        self._numbers = itertools.count(5511900000001)
        self._logs = itertools.count(1)
        self.zygote = Zygote(folder, self._environment(database))
        self.call = self.zygote.call
        if database:
            self.call("migrate")
        else:
            migrated.place(folder)
        self.team = self.call("seed")
        self.desks: list[Desk] = []
        self._open = ExitStack()

    def _environment(self, database: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "handoffflow.settings",
            "ENV_FILE": os.devnull,
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": database,
            "DEBUG": "1",
            "INTERNAL_HOSTS": "127.0.0.1",
            "APP_URL": self.url,
            "TWILIO_SID": TWILIO_SID,
            "TWILIO_AUTH_TOKEN": TWILIO_AUTH_TOKEN,
            "TWILIO_WHATSAPP_NUMBER": NUMBER,
            "TWILIO_API_URL": self.standin.url,
            "LANGUAGE_CODE": "pt-br",
            "LEASE_SECONDS": str(self.lease),
        }

    @property
    def port(self) -> int:
        return self.ports[0]

    @cached_property
    def bot(self) -> Bot:
        """One that runs somewhere else."""
        bot = self._open.enter_context(serving())
        bot.says = [Said({"messages": [ANSWER], **completion(ANSWER)})]
        return bot

    def close(self) -> None:
        self.kill()
        self._open.close()
        self.zygote.close()
        self.standin.stop()

    # -- the desks -----------------------------------------------------------------------------------

    def start(self, failpoints: str = "", *, only: str = "web,stream,worker", port: int = 0) -> Desk:
        """Another process of the product, once it answers."""
        port = 0 if only == "worker" else port or self.port
        log = self.folder / f"desk-{next(self._logs)}.log"
        arguments = ["--port", str(port), "--only", only]
        pid = self.zygote.order(do="serve", failpoints=failpoints, arguments=arguments, log=str(log))
        self.desks.append(Desk(self.zygote, pid, port, log))
        self.desks[-1].wait_until_up()
        return self.desks[-1]

    def begin(self, failpoints: str, name: str, *given: Any) -> None:
        """A process that does one thing of ``inside``, beside no desk at all, and may die of it."""
        log = self.folder / f"desk-{next(self._logs)}.log"
        pid = self.zygote.order(do="begin", failpoints=failpoints, name=name, given=given, log=str(log))
        self.desks.append(Desk(self.zygote, pid, 0, log))

    @property
    def desk(self) -> Desk:
        return self.desks[-1]

    def said(self, text: str) -> bool:
        return self.desk.said(text)

    def died(self) -> bool:
        return self.desk.died()

    def freeze(self) -> None:
        """Stop it where it is, but not in the middle of another thread's write, for which everybody would wait."""
        self.desk.send(signal.SIGSTOP)
        while not self.call("writable"):
            self.desk.send(signal.SIGCONT)
            time.sleep(random.uniform(0.001, 0.02))  # noqa: S311
            self.desk.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.desk.send(signal.SIGCONT)

    def kill(self) -> None:
        for desk in self.desks:
            desk.kill()
        self.desks.clear()
        self.ports[:] = [self.own_port]

    # -- who speaks to them --------------------------------------------------------------------------

    def customer(self) -> str:
        """Somebody whom Twilio knows and the desk does not."""
        address = f"whatsapp:+{next(self._numbers)}"
        self.standin.meet(address)
        return address

    def post(self, path: str, body: dict[str, Any], *, key: str, port: int = 0) -> int:
        """An integration's call; 0 when the connection broke, which says nothing about what happened."""
        headers = {
            "Authorization": f"Bearer {self.team['token']}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=PATIENCE_SECONDS)
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

    def acknowledged(self, sid: str) -> bool:
        return any(job.result == "200" for job in self.standin.ledger.jobs(sid=sid) if job.kind == "webhook")

    def redeliver(self, sid: str) -> None:
        """Twilio tries again what was not answered with 200, as it is told to by the webhook's address."""

        def acknowledged() -> bool:
            if self.acknowledged(sid):
                return True
            if all(job.done is not None for job in self.standin.ledger.jobs(sid=sid)):
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
            until(nothing_is_left, "everything is settled", every=LOOK_SECONDS)
        except Stuck:
            raise Stuck(f"left to do: {left}") from None


def new_key() -> str:
    return uuid.uuid4().hex
