"""The socket side: read one call, write it down, answer it or break it as scripted."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, urlsplit

from handoffflow.simulator import checks, damage, faults, rest
from handoffflow.simulator.rest import Reply, Request

if TYPE_CHECKING:
    from handoffflow.simulator.standin import Server

LARGEST = 1_000_000


class Door(BaseHTTPRequestHandler):
    """One connection carries one call: nothing of a stopped stand-in can answer later."""

    protocol_version = "HTTP/1.1"
    server_version = "Simulator"
    timeout = 30

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Calls are in the ledger, not on the console."""

    def _serve(self) -> None:
        server, started = cast("Server", self.server), time.monotonic()
        request = self._read()
        ledger, account = server.standin.ledger, server.standin.asked(request)
        number = ledger.note_request(method=request.method, path=request.path, form=request.form)
        fault = None
        if rest.is_create(request, account):
            fault = faults.take(ledger, "rest", checks.one(request.form, "To"))
        reply, accepted = self._decide(request, fault)
        ledger.note_answer(
            number,
            status=None if reply is None else reply.status,
            ms=(time.monotonic() - started) * 1000,
            fault=fault.name if fault else None,
            sid=accepted.sid if accepted else None,
        )
        if fault is not None:
            damage.hold(fault, server.stopping)
        if reply is not None:
            self._write(reply)
        elif fault is not None:
            damage.play(fault, self, accepted, server.stopping)

    def _decide(self, request: Request, fault: faults.Fault | None) -> tuple[Reply | None, Reply | None]:
        """The answer to write (None when the fault breaks the connection), and the acceptance behind it."""
        standin = cast("Server", self.server).standin
        if fault is not None and not fault.accepts:
            return damage.reply(fault, None), None
        account = standin.asked(request)
        if standin.studio.serves(request):
            return standin.studio.answer(account, request), None
        reply = rest.answer(standin.ledger, account, request, standin.console_of(account))
        if reply.sid is None:
            return reply, None
        return (reply if fault is None else damage.reply(fault, reply)), reply

    def _read(self) -> Request:
        parts = urlsplit(self.path)
        length = min(int(self.headers.get("Content-Length") or 0), LARGEST)
        body = self.rfile.read(length).decode("utf-8", "replace")
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        return Request(
            method=self.command,
            path=parts.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            form={} if is_json else parse_qs(body, keep_blank_values=True),
            authorization=self.headers.get("Authorization", ""),
            body=body,
        )

    def _write(self, reply: Reply) -> None:
        content = json.dumps(reply.payload).encode() if reply.payload is not None else reply.content
        self.close_connection = True
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
