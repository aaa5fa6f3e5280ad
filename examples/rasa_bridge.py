"""Rasa as the bot of a sender: each question goes to Rasa's REST channel, and what Rasa says goes back.

BOT_SECRET=… RASA_URL=http://localhost:5005 python examples/rasa_bridge.py 9000
"""

import json
import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from webhook_bot import signed

SAID_BY_US = {
    "released": "/service_ended",
    "operator_message": None,
}  # an intent of yours; nothing is said to None


def asked_rasa(conversation: str, text: str) -> list:
    body = json.dumps({"sender": conversation, "message": text}).encode()
    url = os.environ["RASA_URL"].rstrip("/") + "/webhooks/rest/webhook"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=8) as answer:
        return json.load(answer)


def answer(asked: dict) -> dict:
    text = SAID_BY_US.get(asked["kind"], (asked["message"] or {}).get("text"))
    said = asked_rasa(asked["conversation"]["id"], text) if text else []
    lines = [one["text"] for one in said if one.get("text")]
    # In the domain: utter_person: [{custom: {handoff: {reason: customer_asked}}}]
    handoffs = [one["custom"]["handoff"] for one in said if "handoff" in (one.get("custom") or {})]
    return {"messages": lines[:5], "handoff": handoffs[0] if handoffs else None}


class Bridge(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        known = signed(self.headers.get("X-HandoffFlow-Signature", ""), body)
        said = json.dumps(answer(json.loads(body)) if known else {}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Bridge).serve_forever()
