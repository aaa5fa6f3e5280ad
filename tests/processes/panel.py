"""A console's event stream, as a browser holds it open."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any

PATIENCE_SECONDS = 60
COMES_BACK_AFTER = 0.5


class Panel:
    """Reads in a thread of its own. With ``returns`` it comes back with its cursor, as EventSource does."""

    def __init__(self, port: int, cookie: str, *, returns: bool = False) -> None:
        self.heard: list[tuple[str, int]] = []
        self.resyncs = 0
        self.ends: list[str] = []
        """How each of its connections has ended: cleanly, or by what."""
        self.open = threading.Event()
        self._port, self._cookie, self._returns = port, cookie, returns
        self._cursor = ""
        self._over = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def ended(self, seconds: float = PATIENCE_SECONDS) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def close(self) -> None:
        self._over.set()
        if self._connection is not None and self._connection.sock is not None:
            self._connection.sock.close()

    def _live(self) -> None:
        while not self._over.is_set():
            try:
                self.ends.append(self._once())
            except (OSError, ValueError, http.client.HTTPException) as error:
                self.ends.append(type(error).__name__)
            self.open.clear()
            if not self._returns:
                return
            time.sleep(COMES_BACK_AFTER)

    def _once(self) -> str:
        headers = {"Cookie": self._cookie} | ({"Last-Event-ID": self._cursor} if self._cursor else {})
        self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
        self._connection.request("GET", "/operator/stream", headers=headers)
        answer = self._connection.getresponse()
        if answer.status != 200:
            return str(answer.status)
        rest = b""
        # Raises where the stream was cut off; readline would take that for its end.
        while chunk := answer.read1(65_536):
            *frames, rest = (rest + chunk).split(b"\n\n")
            for frame in frames:
                self._take(dict(line.split(": ", 1) for line in frame.decode().splitlines()))
        return "cleanly"

    def _take(self, frame: dict[str, str]) -> None:
        self._cursor = frame.get("id") or self._cursor
        data: dict[str, Any] = json.loads(frame.get("data") or "{}")
        if "conversation" in data:
            self.heard.append((data["conversation"], data["seq"]))
        self.resyncs += frame.get("event") == "resync"
        self.open.set()
