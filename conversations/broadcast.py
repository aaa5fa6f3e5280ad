"""News between the processes that share a PostgreSQL: that something has happened, never what.

A NOTIFY takes a lock over the whole database while its transaction commits, so it is never sent in one that writes:
a thread sends it over a connection of its own, once for all that happened within a moment. Whoever misses one
looks by itself soon after. The other databases have no such thing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.db import Error, connection

from conversations import wakeup

logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.025
TROUBLE_SECONDS = 1.0
LISTEN_SECONDS = 0.5
_CHANNEL = "handoffflow_news"


class _Thread:
    """Runs ``_round`` until it is stopped; whatever the database does to it, it tries again."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._main, name=type(self).__name__.lower(), daemon=True)

    def start(self) -> None:
        if connection.vendor == "postgresql":
            self._thread.start()

    def stop(self) -> None:
        """From a signal handler, too: it does not wait."""
        self._over.set()

    def join(self, seconds: float) -> bool:
        if self.alive:
            self._thread.join(seconds)
        return not self.alive

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _round(self) -> None:
        raise NotImplementedError

    def _main(self) -> None:
        while not self._over.is_set():
            try:
                self._round()
            except Error as error:
                logger.warning("no news to or from other processes: %s", type(error).__name__)
                connection.close()
                self._over.wait(TROUBLE_SECONDS)
        connection.close()


class Announcer(_Thread):
    """Tells the other processes when ``wakeup.news`` has rung in this one."""

    def __init__(self) -> None:
        super().__init__()
        self._rung = threading.Event()

    def start(self) -> None:
        self._unlisten = wakeup.news.listen(self._rung.set)
        super().start()

    def stop(self) -> None:
        super().stop()
        self._unlisten()
        self._rung.set()

    def _round(self) -> None:
        self._rung.wait()
        self._rung.clear()
        with connection.cursor() as sql:
            sql.execute(f"NOTIFY {_CHANNEL}")
        self._over.wait(GATHER_SECONDS)


class Ear(_Thread):
    """Calls back, in its own thread, when some process has announced news."""

    def __init__(self, heard: Callable[[], None]) -> None:
        super().__init__()
        self._heard = heard
        self.listening = threading.Event()

    def _round(self) -> None:
        with connection.cursor() as sql:
            sql.execute(f"LISTEN {_CHANNEL}")
        self.listening.set()
        # What was announced while nobody listened is not told again.
        self._heard()
        while not self._over.is_set():
            with connection.wrap_database_errors:
                for _notice in connection.connection.notifies(timeout=LISTEN_SECONDS):
                    self._heard()
                    if self._over.is_set():
                        return
