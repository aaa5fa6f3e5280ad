"""Delivers what is due: planned callbacks are rows of the ledger, a few threads carry them to the desk."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from handoffflow.simulator import books, callbacks, collecting, script
from handoffflow.simulator.callbacks import Desk, Outcome
from handoffflow.simulator.ledger import Job, Ledger
from handoffflow.simulator.shapes import Account
from handoffflow.simulator.studio import Studio

logger = logging.getLogger(__name__)

CARRIERS = 4
TRIES = 2  # Twilio tries a broken connection once more, and nothing else
RETRY_AFTER = 1.0
IDLE = 0.25  # another process may have written: look at least this often


class Courier:
    """One thread that finds due jobs, four that carry them; jobs of one lane never overlap."""

    def __init__(
        self,
        ledger: Ledger,
        account_of: Callable[[str], Account],
        desk: Desk,
        api_url: Callable[[], str],
        studio: Studio,
    ) -> None:
        self.studio = studio
        self.ledger = ledger
        self.account_of = account_of
        self.desk = desk
        self.api_url = api_url
        self._stopping = threading.Event()
        self._ready: queue.SimpleQueue[tuple[str, Job] | None] = queue.SimpleQueue()
        self._busy: set[str] = set()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        targets = [self._find, *[self._carry] * CARRIERS]
        self._threads = [threading.Thread(target=target, daemon=True, name="simulator") for target in targets]
        for thread in self._threads:
            thread.start()

    def stop(self, *, timeout: float = 2) -> None:
        self._stopping.set()
        with self.ledger.bell:
            self.ledger.bell.notify_all()
        for _ in range(CARRIERS):
            self._ready.put(None)
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _find(self) -> None:
        while not self._stopping.is_set():
            with self.ledger.bell:  # held while looking, so that nobody's entry falls between look and wait
                self.ledger.bell.wait(self._look())

    def _look(self) -> float:
        """Hand out what is due; returns how long there is nothing to do."""
        try:
            script.perform(self.ledger)
            self._hand_out()
            due = books.next_due(self.ledger)
        except Exception:
            logger.exception("The simulator could not read its ledger.")
            return IDLE
        return IDLE if due is None else min(max(due - self.ledger.clock(), 0.02), IDLE)

    def _hand_out(self) -> None:
        for lane, job in books.due(self.ledger):
            if lane not in self._busy:
                self._busy.add(lane)
                self._ready.put((lane, job))

    def _carry(self) -> None:
        while (item := self._ready.get()) is not None:
            lane, job = item
            try:
                self._deliver(job)
            except Exception:
                logger.exception("The simulator could not deliver a callback.")
                self._stopping.wait(IDLE)
            finally:
                with self.ledger.bell:
                    self._busy.discard(lane)
                    self.ledger.bell.notify_all()

    def _deliver(self, job: Job) -> None:
        current = self.ledger.job(job.id)
        if self._stopping.is_set() or current is None or current.done is not None or current.due > job.due:
            return
        outcome = self._webhook(job) if job.kind == "webhook" else self._status(job)
        if not outcome.connected and current.tries + 1 < TRIES:
            books.postpone(self.ledger, job, after=RETRY_AFTER)
            return
        books.finish(self.ledger, job, result=outcome.result, ms=outcome.ms)

    def _webhook(self, job: Job) -> Outcome:
        message = self.ledger.message(job.sid)
        if message is None:
            return Outcome("deleted", 0, connected=True)
        account = self.account_of(message.number)
        form = callbacks.inbound_form(self.ledger, account, message, api_url=self.api_url())
        if flow := self.studio.answering(account):
            return self.studio.receive(account, flow, form)
        url = self.desk.app_url + callbacks.WEBHOOK
        outcome = callbacks.post(self.desk, url=url, form=form, token=account.token, about=_about(job))
        self.studio.follow(account, outcome, form)
        return outcome

    def _status(self, job: Job) -> Outcome:
        sent = self.ledger.message(job.sid) if job.status == "sent" else None
        trouble = collecting.collect(self.ledger, self.desk, sent) if sent else None
        if trouble:
            books.fail_instead(self.ledger, job, error=trouble)
            return Outcome(f"not fetched: {trouble}", 0, connected=True)
        books.rise(self.ledger, job.sid, status=job.status or "", error=job.error)
        message = self.ledger.message(job.sid)
        if message is None or message.callback is None or job.silent:
            return Outcome("not told", 0, connected=True)
        account = self.account_of(message.number)
        form = callbacks.status_form(account, message, job)
        url = message.callback
        return callbacks.post(self.desk, url=url, form=form, token=account.token, about=_about(job))


def _about(job: Job) -> str:
    return f"{job.sid}/{job.id}"
