"""Twilio's forms as Twilio posts them: captured shapes, signed with its own SDK at test time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.test import Client
from django.utils.datastructures import MultiValueDict
from twilio.request_validator import RequestValidator

WEBHOOK = "/api/twilio/webhook"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
PAYLOADS = Path(__file__).parent / "payloads" / "twilio"
KINDS = sorted(path.stem for path in PAYLOADS.glob("*.json"))


def payload(kind: str) -> dict[str, str]:
    return cast("dict[str, str]", json.loads((PAYLOADS / f"{kind}.json").read_text(encoding="utf-8")))


def signature(params: Mapping[str, Any], *, url: str = "", token: str | None = None) -> str:
    token = settings.TWILIO_AUTH_TOKEN if token is None else token
    form = MultiValueDict(
        {name: value if isinstance(value, list) else [value] for name, value in params.items()}
    )
    return str(RequestValidator(token).compute_signature(url or settings.APP_URL + WEBHOOK, form))


def post(
    client: Client,
    params: Mapping[str, Any],
    *,
    path: str = WEBHOOK,
    signed: str | bytes | None = "",
    url: str = "",
    token: str | None = None,
    content_type: str = FORM,
) -> Any:
    """Post ``params``; signed properly unless ``signed`` (None: no header) or ``url`` or ``token`` differ."""
    if signed == "":
        signed = signature(params, url=url or settings.APP_URL + path, token=token)
    headers = {} if signed is None else {"HTTP_X_TWILIO_SIGNATURE": signed}
    return client.generic("POST", path, urlencode(params, doseq=True), content_type=content_type, **headers)  # type: ignore[arg-type]
