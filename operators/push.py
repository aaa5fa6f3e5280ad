"""Web Push: one message, encrypted for one browser, to the push service of its maker.

The address was named by a browser, so it is treated as a stranger's: https on its usual port, by name, to public
addresses, without following redirects. What is sent carries no text of anybody's messages.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import re
import time
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from py_vapid import Vapid02
from pywebpush import WebPusher, WebPushException
from yarl import URL

from conversations.twilio.downloads import DownloadFailed, PublicResolver

SECONDS = 10.0
VOUCHED_SECONDS = 3600
"""How long what we sign for a push service is good for; 24 hours are the most it takes."""
LONGEST_ANSWER = 2048
LONGEST_PAUSE = 900.0
POINT, SECRET = 65, 16
"""Bytes of a browser's public key, and of the secret beside it."""
_NAME = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


class Outcome(StrEnum):
    SENT = "sent"
    GONE = "gone"
    """The browser does not want it any more, or does not exist."""
    REFUSED = "refused"
    """Another attempt would end the same."""
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Answer:
    outcome: Outcome
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """``topic`` replaces what still waits at the push service under the same one; ``seconds`` is how long it waits."""

    endpoint: str
    p256dh: str
    auth: str
    text: bytes
    topic: str
    seconds: int


def public_key() -> str:
    """What a browser is told when it asks its push service for an address; "" while the product has no key."""
    return _public(settings.PUSH_PRIVATE_KEY)


def allowed(endpoint: str) -> bool:
    """Whether it may be called at all. Where its name leads is looked at with every call."""
    if not endpoint.isascii() or not endpoint.isprintable() or set(endpoint) & set("\\ "):
        return False
    try:
        url = URL(endpoint)
        private = url.user is not None or url.password is not None
        return (
            url.scheme == "https"
            and url.port == 443
            and not private
            and bool(_NAME.fullmatch(url.host or ""))
        )
    except ValueError:
        return False


def usable(p256dh: str, auth: str) -> bool:
    """Whether something can be encrypted for a browser with these keys."""
    try:
        point, secret = _decoded(p256dh), _decoded(auth)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        return False
    return len(point) == POINT and len(secret) == SECRET


async def send(letter: Letter) -> Answer:
    """Never raises for what the other side does."""
    if not allowed(letter.endpoint):
        return Answer(Outcome.REFUSED)
    try:
        body = _encrypted(letter)
        async with asyncio.timeout(SECONDS), _session() as session:
            return await _post(session, letter, body)
    except (DownloadFailed, WebPushException, ValueError):
        return Answer(Outcome.REFUSED)
    except (aiohttp.ClientError, OSError, TimeoutError):
        return Answer(Outcome.LATER)


async def _post(session: aiohttp.ClientSession, letter: Letter, body: bytes) -> Answer:
    headers = {
        **_vouched(URL(letter.endpoint)),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(letter.seconds),
        "Urgency": "high",
        "Topic": letter.topic,
    }
    target = URL(letter.endpoint)
    async with session.post(target, data=body, headers=headers, allow_redirects=False) as answer:
        await answer.content.read(LONGEST_ANSWER)
        return Answer(_judged(answer.status), _pause(answer.headers.get("Retry-After", "")))


def _judged(status: int) -> Outcome:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome.SENT
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return Outcome.GONE
    if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS} or status >= 500:
        return Outcome.LATER
    return Outcome.REFUSED


def _pause(said: str) -> float | None:
    return min(float(said), LONGEST_PAUSE) if said.isascii() and said.isdigit() else None


def _encrypted(letter: Letter) -> bytes:
    keys = {"p256dh": letter.p256dh, "auth": letter.auth}
    pusher = WebPusher({"endpoint": letter.endpoint, "keys": keys})
    return bytes(pusher.encode(letter.text)["body"])


def _vouched(target: URL) -> dict[str, str]:
    """Who sends it, signed for this push service (RFC 8292)."""
    claims = {
        "aud": str(target.origin()),
        "sub": settings.PUSH_CONTACT,
        "exp": int(time.time()) + VOUCHED_SECONDS,
    }
    signed: dict[str, str] = _signer(settings.PUSH_PRIVATE_KEY).sign(claims)
    return signed


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=SECONDS),
        connector=connector(),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def connector() -> aiohttp.TCPConnector:
    """Without proxies, and to public addresses only."""
    return aiohttp.TCPConnector(resolver=PublicResolver())


@functools.cache
def _signer(private: str) -> Vapid02:
    return Vapid02.from_raw(private.encode())


@functools.cache
def _public(private: str) -> str:
    if not private:
        return ""
    point = _signer(private).public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]+=*", text):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
