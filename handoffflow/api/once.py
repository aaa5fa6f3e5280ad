"""Idempotency-Key: the same POST again is the same answer, not a second effect.

Whoever inserts the row of (principal, key) acts; the unique key decides between fifty copies. The answer is
stored after the effect has been committed. A process that dies in between leaves a row without an answer:
after a minute the key may try again, and the engine's own rules (a message's client key, one open handoff)
keep that second try from doing anything twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError, IntegrityError, transaction
from django.http import HttpResponse

from conversations import clock, crypto
from handoffflow.api import errors, openapi
from handoffflow.api.auth import ApiRequest
from handoffflow.api.errors import Refused
from handoffflow.models import IdempotentRequest

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
_SWEEP_EVERY = 3600.0
_swept = [0.0]


def perform(request: ApiRequest, act: Callable[[], HttpResponse], *, sealed: bool = False) -> HttpResponse:
    """Answer with ``act``, or with what it answered to this key before. ``sealed``: the answer holds a secret."""
    key = idempotency_key(request)
    if key is None:
        return act()
    now = clock.now()
    row, mine = _claim(request, key, now)
    if not mine:
        return _replay(row, sealed=sealed)
    try:
        response = act()
    except Exception as error:  # noqa: BLE001 (whatever it is, errors.answer has the one answer to it)
        response = errors.answer(request, error)
    _keep(row, response, sealed=sealed)
    _sweep(now)
    return response


def idempotency_key(request: ApiRequest) -> str | None:
    key = request.headers.get(HEADER)
    if key is not None and not re.fullmatch(openapi.IDEMPOTENCY_KEY, key):
        raise Refused("invalid", [(HEADER, "format")])
    return key


def client_key(request: ApiRequest) -> str | None:
    """The key under which the engine keeps a message for ever: no caller's can meet another's."""
    key = idempotency_key(request)
    if key is None:
        return None
    return "api:" + hashlib.sha256(f"{request.auth.principal} {key}".encode()).hexdigest()


def _claim(request: ApiRequest, key: str, now: datetime) -> tuple[IdempotentRequest, bool]:
    principal, path, mark = request.auth.principal, request.path[:255], _fingerprint(request)
    try:
        with transaction.atomic():
            fresh = IdempotentRequest.objects.create(
                principal=principal, key=key, fingerprint=mark, path=path, created_at=now
            )
            return fresh, True
    except IntegrityError:
        row = IdempotentRequest.objects.filter(principal=principal, key=key).first()
    if row is None:  # swept away between the two looks
        raise Refused("idempotency_in_progress")
    if row.expired(now) or (row.abandoned(now) and row.fingerprint == mark):
        if not IdempotentRequest.objects.take_over(row, fingerprint=mark, path=path, now=now):
            raise Refused("idempotency_in_progress")
        row.attempt += 1
        return row, True
    if row.fingerprint != mark:
        raise Refused("idempotency_mismatch")
    return row, False


def _replay(row: IdempotentRequest, *, sealed: bool) -> HttpResponse:
    if row.status is None:
        raise Refused("idempotency_in_progress")
    body = crypto.decrypt(row.body) if sealed else row.body
    media_type = "application/json; charset=utf-8" if row.status < 400 else errors.MEDIA_TYPE
    response = HttpResponse(body, status=row.status, content_type=media_type)
    response["Idempotency-Replayed"] = "true"
    return response


def _keep(row: IdempotentRequest, response: HttpResponse, *, sealed: bool) -> None:
    """Store the answer, unless trying again may bring a better one."""
    mine = IdempotentRequest.objects.filter(pk=row.pk, attempt=row.attempt)
    try:
        if response.status_code >= 500 or response.status_code == 429:
            mine.delete()
        else:
            body = response.content.decode()
            mine.update(status=response.status_code, body=crypto.encrypt(body) if sealed else body)
    except DatabaseError:
        # What was asked for has happened: the caller must hear so. The row frees itself after a minute.
        logger.warning("An answer could not be kept for its Idempotency-Key.", exc_info=True)


def _sweep(now: datetime) -> None:
    """Forget old answers, once an hour and process."""
    if time.monotonic() - _swept[0] < _SWEEP_EVERY:
        return
    _swept[0] = time.monotonic()
    try:
        IdempotentRequest.objects.forgotten(now).delete()
    except DatabaseError:
        logger.warning("Old answers could not be removed.", exc_info=True)


def _fingerprint(request: ApiRequest) -> str:
    body = json.dumps(request.document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()
