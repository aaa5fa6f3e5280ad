"""How a damaged answer looks on the wire: wrong statuses, half answers, broken and silent connections."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from handoffflow.simulator import checks
from handoffflow.simulator.faults import Fault
from handoffflow.simulator.rest import Reply, refusal

_STATUS = {20003: 401, 20404: 404, 20429: 429, 20500: 500, 20503: 503}
_CODES = {"429": 20429, "500": 20500, "503": 20503}
DRIP = 0.2


def reply(fault: Fault, accepted: Reply | None) -> Reply | None:
    """The answer of a fault that still speaks HTTP; None if it breaks the connection instead."""
    if fault.name == "slow":
        return accepted
    if fault.name in _CODES or fault.name == "refused":
        plain = _refusal(fault)
        after = fault.options.get("retry_after")
        headers = (("Retry-After", str(after)),) if after is not None else ()
        return Reply(plain.status, plain.payload, headers=headers)
    if fault.name == "html_500":
        return Reply(500, content=b"<html><body>Bad gateway</body></html>", content_type="text/html")
    if fault.name == "302":
        return Reply(302, headers=(("Location", "https://www.twilio.com/"),), content_type="text/html")
    if fault.name == "empty_201":
        return Reply(201)
    if fault.name == "not_json_201":
        return Reply(201, content=b"<queued/>", content_type="application/xml")
    if fault.name == "no_sid_201":
        payload = dict((accepted.payload if accepted else None) or {})
        payload.pop("sid", None)
        return Reply(201, payload)
    return None


def _refusal(fault: Fault) -> Reply:
    code = int(fault.options.get("code", _CODES.get(fault.name, 63018)))
    return refusal(checks.Refused(code, status=_STATUS.get(code, 400)))


def hold(fault: Fault, stop: threading.Event) -> None:
    """Let the caller wait for an answer that is written already."""
    stop.wait(float(fault.options.get("seconds", 1)) if fault.name == "slow" else 0)


def play(
    fault: Fault, handler: BaseHTTPRequestHandler, accepted: Reply | None, stop: threading.Event
) -> None:
    """Break this connection in the way the fault says. The caller sends nothing more on it."""
    handler.close_connection = True
    payload = json.dumps((accepted.payload if accepted else None) or {}).encode()
    breaks: dict[str, Callable[[], None]] = {
        "accept_then_timeout": lambda: _silence(handler.connection, stop),
        "reset_before": lambda: _reset(handler.connection),
        "reset_after_accept": lambda: _reset(handler.connection),
        "fin_after_accept": lambda: None,
        "slow_drip": lambda: _drip(handler, payload, stop),
        "truncated": lambda: _start(handler, payload, upto=len(payload) // 2),
    }
    try:
        breaks[fault.name]()
    except OSError:
        return  # the client gave up first, which is what the fault is for


def _reset(connection: socket.socket) -> None:
    """Close with RST: lingering for no time throws away what is unsent and says so."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def _silence(connection: socket.socket, stop: threading.Event) -> None:
    while not stop.is_set():
        if _gone(connection, wait=0.05):
            return


def _gone(connection: socket.socket, *, wait: float) -> bool:
    readable, _, _ = select.select([connection], [], [], wait)
    return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""


def _start(handler: BaseHTTPRequestHandler, payload: bytes, *, upto: int) -> None:
    handler.send_response(201)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(payload)))
    handler.end_headers()
    handler.wfile.write(payload[:upto])
    handler.wfile.flush()


def _drip(handler: BaseHTTPRequestHandler, payload: bytes, stop: threading.Event) -> None:
    """One byte now and then: each read succeeds, so a time-out per read never strikes."""
    _start(handler, payload, upto=1)
    for position in range(1, len(payload)):
        began = time.monotonic()
        if stop.is_set() or _gone(handler.connection, wait=DRIP):
            return
        stop.wait(max(0.0, DRIP - (time.monotonic() - began)))
        handler.wfile.write(payload[position : position + 1])
        handler.wfile.flush()
