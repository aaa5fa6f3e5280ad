"""A whole bot over HTTP, with Python's own library: it knows one order and calls a person for everything else.

BOT_SECRET=… python examples/webhook_bot.py 9000      (the secret is shown when the bot is entered in the admin)
"""

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def signed(header: str, body: bytes) -> bool:
    """Whether HandoffFlow wrote this, within the last five minutes."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    expected = hmac.new(
        os.environ["BOT_SECRET"].encode(), f"{parts.get('t')}.".encode() + body, hashlib.sha256
    )
    fresh = parts.get("t", "").isdigit() and abs(time.time() - int(parts["t"])) < 300
    return fresh and hmac.compare_digest(expected.hexdigest(), parts.get("v1", ""))


def answer(asked: dict) -> dict:
    if asked["kind"] == "released":  # a person has finished: what was settled is in asked["release"]
        return {"messages": ["I am back. Is there anything else?"]}
    text = (asked["message"] or {}).get("text", "").lower()
    if "48213" in text:
        return {"messages": ["Order 48213 arrives tomorrow."], "attributes": {"order": "48213"}}
    return {
        "messages": ["I will call somebody."],
        "handoff": {"reason": "not_understood", "summary": text[:200]},
    }


class Bot(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        known = signed(self.headers.get("X-HandoffFlow-Signature", ""), body)
        said = json.dumps(answer(json.loads(body)) if known else {}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Bot).serve_forever()
