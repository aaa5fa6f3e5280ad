"""A stand-in Twilio: its REST API on a socket of its own, its webhooks and callbacks out of its ledger.

standin = StandIn(ledger=path, account_sid=…, auth_token=…, number="whatsapp:+55…", app_url="https://desk…")
standin.start()
standin.receive("whatsapp:+5511…", "Oi")          # a customer writes: signed webhook to the desk
standin.script("reset_after_accept")              # the next create breaks in this way
standin.sent()                                    # what was really accepted, in order
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from django.conf import settings

from handoffflow.simulator import books, customers, faults, rest
from handoffflow.simulator.callbacks import Desk
from handoffflow.simulator.console import Console
from handoffflow.simulator.courier import Courier
from handoffflow.simulator.customers import Customer
from handoffflow.simulator.door import Door
from handoffflow.simulator.ledger import Ledger, Message
from handoffflow.simulator.rest import Request
from handoffflow.simulator.shapes import Account, Timing
from handoffflow.simulator.studio import Studio


class Server(ThreadingHTTPServer):
    """Knows the stand-in it answers for, and which connections are open."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], standin: StandIn) -> None:
        self.standin = standin
        self.stopping = threading.Event()
        super().__init__(address, Door)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the play, not an error to print."""


class StandIn:
    """Starts, stops and scripts the stand-in. Several may exist; each has its own ledger and port."""

    def __init__(
        self,
        *,
        ledger: Path,
        account_sid: str,
        auth_token: str,
        number: str,
        app_url: str,
        host: str = "127.0.0.1",
        port: int = 0,
        webhook_base: str | None = None,
        strict: bool = True,
        timing: Timing | None = None,
    ) -> None:
        timing = timing or Timing()
        self.accounts = [Account(account_sid, auth_token, number, strict=strict, timing=timing)]
        self.ledger = Ledger(ledger)
        self._consoles: dict[str, Console] = {}
        app_url = app_url.rstrip("/")
        self.desk = Desk(app_url, (webhook_base or app_url).rstrip("/"))
        self.studio = Studio(self.ledger, lambda: self.desk, self.console_of)
        self.host, self.port = host, port
        self._server: Server | None = None
        self._courier: Courier | None = None

    @classmethod
    def from_settings(cls) -> StandIn:
        return cls(
            ledger=Path(settings.SIMULATOR_LEDGER),
            account_sid=settings.TWILIO_SID,
            auth_token=settings.TWILIO_AUTH_TOKEN,
            number=settings.TWILIO_WHATSAPP_NUMBER,
            app_url=settings.APP_URL,
            port=settings.SIMULATOR_PORT,
        )

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> StandIn:
        """Answer on the port and deliver what is due, left-overs of an earlier life included."""
        self._server = Server((self.host, self.port), self)
        self.port = self._server.server_address[
            1
        ]  # kept, so that a stopped stand-in comes back at the same URL
        self._courier = Courier(self.ledger, self.account_of, self.desk, lambda: self.url, self.studio)
        self._courier.start()
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True, name="simulator"
        ).start()
        return self

    def stop(self, *, timeout: float = 2) -> None:
        """Refuse connections from now on. What was planned stays in the ledger."""
        if self._server is not None:
            self._server.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if self._courier is not None:
            self._courier.stop(timeout=timeout)
            self._courier = None
        self.ledger.close()

    def __enter__(self) -> StandIn:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    # -- its accounts: one, unless a test opens another ---------------------------------------------------

    @property
    def account(self) -> Account:
        return self.accounts[0]

    @property
    def console(self) -> Console:
        return self.console_of(self.account)

    def console_of(self, account: Account) -> Console:
        return self._consoles.setdefault(account.sid, Console(account, self.desk.app_url))

    def open_account(self, account: Account) -> Account:
        self.accounts.append(account)
        return account

    def change(self, account: Account, **changes: Any) -> Account:
        """What happens to an account in Twilio's console: a second token, its promotion, a suspension."""
        changed = replace(account, **changes)
        self.accounts[self.accounts.index(account)] = changed
        return changed

    def account_of(self, number: str) -> Account:
        return next((one for one in self.accounts if one.number == number), self.account)

    def asked(self, request: Request) -> Account:
        """Whom a call is about: the account in its path, else the one that signs in."""
        name = rest.login(request.authorization)
        for one in self.accounts:
            if request.path.startswith((f"{one.path}/", f"{one.path}.json")):
                return one
        return next((one for one in self.accounts if name == one.sid or name in one.keys), self.account)

    # -- what a test or a demo does with it --------------------------------------------------------------

    def receive(
        self,
        customer: str,
        body: str = "",
        media: Sequence[tuple[str, bytes]] | None = None,
        *,
        deliver: bool = True,
        number: str = "",
        **params: str,
    ) -> str:
        """A customer writes. ``params`` go into the webhook's form; ``deliver=False`` loses the webhook."""
        customers.meet(self.ledger, customer, name=params.get("ProfileName", ""))
        return books.receive(
            self.ledger,
            customer=customer,
            number=number or self.account.number,
            body=body,
            media=media or (),
            extra=params,
            deliver=deliver,
        )

    def redeliver(self, sid: str, *, times: int = 1) -> None:
        """The same webhook again."""
        books.redeliver(self.ledger, sid, times=times)

    def meet(
        self, address: str, *, name: str = "", refuses: int | None = None, in_window: bool = True
    ) -> Customer:
        """Make a customer known without a webhook, by default with an open 24-hour window.

        ``refuses`` is the error code every message to them ends with (63024, 63015, 21610 …).
        """
        return customers.meet(self.ledger, address, name=name, refuses=refuses, in_window=in_window)

    def open_chat(self, customer: str) -> None:
        """The customer looks at the chat: delivered messages become read."""
        books.look(self.ledger, customer)

    def advance(self, customer: str, *, hours: float = 24) -> None:
        books.advance(self.ledger, customer, hours=hours)

    def script(self, name: str, *, times: int = 1, customer: str | None = None, **options: Any) -> None:
        """Let the next messages meet a fault; the names are in ``faults``."""
        faults.script(self.ledger, name, times=times, customer=customer, **options)

    def sent(self) -> list[Message]:
        """Every message that was accepted, in order: the witness against sending twice."""
        return self.ledger.sent()

    def requests(self) -> list[dict[str, Any]]:
        return self.ledger.requests()

    def wait_for_sent(self, count: int, *, timeout: float = 10) -> list[Message]:
        """The accepted messages once there are ``count`` of them."""
        if not self.ledger.wait_for(lambda: len(self.sent()) >= count, timeout=timeout):
            raise TimeoutError(f"{len(self.sent())} of {count} messages arrived")
        return self.sent()

    def settle(self, *, timeout: float = 10) -> None:
        """Wait until every planned webhook and callback has been delivered or given up."""
        if not self.ledger.wait_for(lambda: not self.ledger.pending(), timeout=timeout):
            raise TimeoutError("callbacks are still waiting")


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
