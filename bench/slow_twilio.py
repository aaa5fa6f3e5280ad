"""Twilio as seen from the worker: takes every message after a fixed time and remembers when it came.

``python -m bench.slow_twilio PORT SECONDS``
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import uvicorn


class SlowTwilio:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.taken: list[tuple[float, str, str]] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["method"] == "GET":
            # What has come since somebody asked last.
            taken, self.taken = self.taken, []
            await _answer(send, 200, taken)
            return
        at = time.time()
        body = bytearray()
        while True:
            message = await receive()
            body += message["body"]
            if not message.get("more_body"):
                break
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        mid = parse_qs(urlsplit(form["StatusCallback"]).query)["mid"][0]
        self.taken.append((at, mid, form["To"]))
        await asyncio.sleep(self.seconds)
        await _answer(send, 201, _message(form))


def _message(form: dict[str, str]) -> dict[str, Any]:
    return {
        "sid": f"SM{uuid.uuid4().hex}",
        "status": "queued",
        "body": form["Body"],
        "to": form["To"],
        "from": form.get("From"),
        "direction": "outbound-api",
        "error_code": None,
        "num_segments": "1",
        "date_created": "Wed, 25 Nov 2026 12:00:00 +0000",
    }


async def _answer(send: Any, status: int, content: Any) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    port, seconds = sys.argv[1:]
    uvicorn.run(
        SlowTwilio(float(seconds)), port=int(port), lifespan="off", log_level="warning", access_log=False
    )
