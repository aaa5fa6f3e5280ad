"""The processes that are measured: started, awaited, held still, ended."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from bench import environment, machine

PATIENCE_SECONDS = 180  # the first start of an installation compresses its static files


class Process:
    def __init__(
        self, *arguments: str, env: Mapping[str, str], port: int | None = None, path: str = "/"
    ) -> None:
        self.port = port or 0
        command = [sys.executable, *arguments]
        self._name = " ".join(arguments)
        self._process = subprocess.Popen(command, cwd=environment.ROOT, env=env, stdout=subprocess.DEVNULL)
        self.pid = self._process.pid
        if port:
            self._until_it_answers(path)

    def cpu_seconds(self) -> float:
        return machine.cpu_seconds(self.pid)

    def pss_mb(self) -> float:
        return machine.pss_mb(self.pid)

    @contextmanager
    def held_still(self) -> Iterator[None]:
        """Whoever is not measured right now shall not be seen."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _until_it_answers(self, path: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"ended at its start: {self._name}")
            with suppress(OSError):
                connection = http.client.HTTPConnection(environment.HOST, self.port, timeout=5)
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"does not answer: {self._name}")


@contextmanager
def running(
    *arguments: str, env: Mapping[str, str], port: int | None = None, path: str = "/"
) -> Iterator[Process]:
    process = Process(*arguments, env=env, port=port, path=path)
    try:
        yield process
    finally:
        process.end()
