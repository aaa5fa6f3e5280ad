"""The product's processes as a test meets them: started in a moment, ended by signals, read by their log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.faults.verdict import Stuck

PATIENCE_SECONDS = 60


class Zygote:
    """The process that has loaded the product and forks it: one order, one answer."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "tests.faults.zygote", str(folder)]
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._read() == "ready\n"

    def order(self, **order: Any) -> Any:
        with self._turn:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return json.loads(self._read())

    def call(self, name: str, *given: Any) -> Any:
        """One of the functions in ``inside``, run in a process beside the desks."""
        answer = self.order(do="call", name=name, given=given, seconds=PATIENCE_SECONDS)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@dataclass
class Desk:
    """One process of the product. ``port`` is 0 for one that is nothing but a worker."""

    zygote: Zygote
    pid: int
    port: int
    log: Path
    ended: int | None = None
    """Its exit code, or minus the signal it died of."""

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        # Its own word: whoever tries a free port again and again may end up connected to themselves.
        while not self.said("is ready on" if self.port else "worker is running"):
            if self.wait(0) == -signal.SIGKILL:
                return  # by its failpoint: there was work for it at once
            if self.ended is not None or time.monotonic() > deadline:
                raise Stuck(f"it does not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.03)

    def said(self, text: str) -> bool:
        """Whether it has printed or logged ``text``."""
        return self.log.exists() and text in self.log.read_text()

    def wait(self, seconds: float) -> int | None:
        if self.ended is None:
            self.ended = self.zygote.order(do="wait", pid=self.pid, seconds=seconds)
        return self.ended

    def died(self) -> bool:
        """Whether it was killed by its failpoint, which this waits for."""
        return self.wait(PATIENCE_SECONDS) == -signal.SIGKILL

    def kill(self) -> None:
        if self.ended is None:
            os.kill(self.pid, signal.SIGKILL)
            assert self.died()

    def send(self, sign: signal.Signals) -> None:
        os.kill(self.pid, sign)

    def terminate(self) -> float:
        """Seconds from SIGTERM to its end; its exit code is in ``ended``."""
        began = time.monotonic()
        self.send(signal.SIGTERM)
        self.wait(PATIENCE_SECONDS)
        return time.monotonic() - began
