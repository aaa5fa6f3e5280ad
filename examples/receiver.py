"""A receiver of webhooks, with Python's own library: it checks the signature and takes each event once.

HOOK_SECRET=… python examples/receiver.py 9001        (the secret is shown when the webhook is made)
"""

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

taken = set()  # in earnest a table with a unique key: a process that starts again has to know


def signed(header: str, body: bytes) -> bool:
    """Whether HandoffFlow wrote this, within the last five minutes."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    expected = hmac.new(
        os.environ["HOOK_SECRET"].encode(), f"{parts.get('t')}.".encode() + body, hashlib.sha256
    )
    fresh = parts.get("t", "").isdigit() and abs(time.time() - int(parts["t"])) < 300
    return fresh and hmac.compare_digest(expected.hexdigest(), parts.get("v1", ""))


def take(told: dict) -> None:
    if told["id"] not in taken:  # at least once: the same may come again
        taken.add(told["id"])
        event = told["event"]
        print(event["type"], event.get("conversation_id", ""), event.get("seq", ""), flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        known = signed(self.headers.get("X-HandoffFlow-Signature", ""), body)
        if known:
            take(json.loads(body))
        self.send_response(204 if known else 401)  # what was not taken comes again
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
