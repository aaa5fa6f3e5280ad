"""How often one caller may call: a budget in this process's memory, so that reading costs no write.

Each name has a bucket that holds a minute's calls and refills evenly; all that is kept of it is the moment at which it
will be full again. Several processes do not know of each other: see docs/decisions/0016-api-limits.md.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from handoffflow.api.errors import Refused

WINDOW = 60.0
FAILURES = 60
"""Answers 401 a minute to one address, before its guesses are not even looked up."""
MOST_NAMES = 10_000
_INSTANT = 1e-6
"""Sums of fractions miss their mark by less than this."""
clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Left:
    """``wait`` is 0 for a call that may pass; ``full_in`` seconds from now the budget is whole again."""

    limit: int
    remaining: int
    wait: float
    full_in: float


class Budgets:
    """One bucket for each name; the least recently used is forgotten, full, when there are too many."""

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def spend(self, name: str, rate: int, now: float) -> Left:
        """Take one call of ``rate`` a minute; nothing is taken when none is left."""
        share = WINDOW / rate
        with self._lock:
            full_at = max(self._full_at.get(name, now), now)
            wait = full_at + share - now - WINDOW
            if wait <= _INSTANT:
                full_at += share
                self._full_at[name] = full_at
                self._full_at.move_to_end(name)
                if len(self._full_at) > self._most:
                    self._full_at.popitem(last=False)
        return self._left(full_at, rate, now, wait)

    def left(self, name: str, rate: int, now: float) -> Left:
        """What a call would find, without taking anything."""
        with self._lock:
            full_at = max(self._full_at.get(name, now), now)
        return self._left(full_at, rate, now, full_at + WINDOW / rate - now - WINDOW)

    def forget(self) -> None:
        with self._lock:
            self._full_at.clear()

    @staticmethod
    def _left(full_at: float, rate: int, now: float, wait: float) -> Left:
        remaining = int((WINDOW - (full_at - now)) * rate / WINDOW + 1e-6)
        return Left(rate, max(remaining, 0), wait if wait > _INSTANT else 0.0, full_at - now)


class Known:
    """Tokens that were let in here, by their hashes."""

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def add(self, token: str) -> None:
        with self._lock:
            self._seen[_digest(token)] = None
            self._seen.move_to_end(_digest(token))
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)

    def drop(self, token: str) -> None:
        with self._lock:
            self._seen.pop(_digest(token), None)

    def forget(self) -> None:
        with self._lock:
            self._seen.clear()

    def __contains__(self, token: str) -> bool:
        with self._lock:
            return _digest(token) in self._seen


calls, failures, known = Budgets(), Budgets(), Known()


def spend(request: HttpRequest, principal: str) -> None:
    """One call of this caller's; Refused when they have made too many."""
    if not settings.API_RATE:
        return
    left = calls.spend(principal, settings.API_RATE, clock())
    request.calls_left = left  # type: ignore[attr-defined]  # for ``tell``
    if left.wait:
        raise _too_many(left)


def before_guessing(request: HttpRequest, token: str) -> None:
    """Refuse a token from an address that has brought too many wrong ones, before anybody looks it up.

    One that was let in here before is looked up all the same: a caller shares an address with others, behind one proxy.
    """
    if settings.API_RATE and token not in known:
        left = failures.left(_address(request), FAILURES, clock())
        if left.wait:
            raise _too_many(left)


def failed(request: HttpRequest, token: str | None = None) -> Refused:
    """What to answer to somebody whom nobody knows."""
    if token is not None:
        known.drop(token)
    if settings.API_RATE:
        left = failures.spend(_address(request), FAILURES, clock())
        if left.wait:
            return _too_many(left)
    return Refused("unauthenticated")


def tell(request: HttpRequest, response: HttpResponseBase) -> None:
    """Say in the answer's head what is left."""
    left: Left | None = getattr(request, "calls_left", None)
    if left is not None:
        response["RateLimit-Policy"] = f'"minute";q={left.limit};w={WINDOW:.0f}'
        response["RateLimit"] = f'"minute";r={left.remaining};t={math.ceil(left.full_in)}'


def forget() -> None:
    calls.forget()
    failures.forget()
    known.forget()


def _too_many(left: Left) -> Refused:
    return Refused("rate_limited", headers={"Retry-After": str(max(math.ceil(left.wait), 1))})


def _address(request: HttpRequest) -> str:
    """Whoever has an address of IPv6 has 2^64 of them."""
    given = str(request.META.get("REMOTE_ADDR", ""))
    try:
        address = ipaddress.ip_address(given.partition("%")[0])
    except ValueError:
        return given
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
