"""Reading a request strictly, once, before anything looks at it.

What plain code accepts in silence (NaN, a key given twice) or dies of (a lone surrogate, numbers of 5,000
digits, 100,000 brackets) is refused here.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser
from pydantic import BaseModel

from handoffflow.api import errors
from handoffflow.api.errors import Refused

MAX_BYTES = 256 * 1024
MAX_DEPTH = 31
"""MariaDB stores JSON of 32 levels, and some of what is sent is stored a level further down."""
_LARGEST = 2**63 - 1
_JSON = re.compile(r"application/json\s*(;\s*charset\s*=\s*\"?utf-8\"?\s*)?", re.IGNORECASE)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")


class ReadyParser(Parser):
    """Ninja's parser, given what was read already."""

    def parse_body(self, request: HttpRequest) -> Any:
        return request.document  # type: ignore[attr-defined]

    def parse_querydict(
        self, data: MultiValueDict[str, str], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        return {name: data[name] for name in data}


def check_headers(request: HttpRequest) -> None:
    length = request.headers.get("Content-Length") or ""
    if length.isascii() and length.isdigit() and (len(length) > 9 or int(length) > MAX_BYTES):
        raise Refused("too_large")
    kind = request.headers.get("Content-Type", "")
    if not _JSON.fullmatch(kind.strip()) and (kind or length not in {"", "0"}):
        raise Refused("unsupported_media_type")


def check_query(request: HttpRequest, known: type[BaseModel] | None) -> None:
    """No parameter nobody reads (a typing error would widen a list), and none given twice."""
    names = set(known.model_fields) if known else set()
    odd = [(name if name in names else "?", name) for name in request.GET]
    wrong = [(shown, "unknown") for shown, name in odd if name not in names]
    wrong += [(name, "repeated") for name in names if len(request.GET.getlist(name)) > 1]
    wrong += [(name, "nul") for name in names if "\x00" in request.GET.get(name, "")]
    if wrong:
        raise Refused("invalid", wrong)


def document(request: HttpRequest) -> dict[str, Any]:
    """The body as an object; no body is an empty one."""
    body = request.body
    if len(body) > MAX_BYTES:
        raise Refused("too_large")
    if not body:
        return {}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Refused("bad_encoding") from None
    found = _load(text)
    if not isinstance(found, dict):
        raise Refused("invalid", [("", "type")])
    for name, value in found.items():
        _inspect(name, name, 0)
        _inspect(name, value, 1)
    return found


def _load(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError):
        raise Refused("bad_json") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Refused("duplicate_key")
    return made


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -_LARGEST <= int(digits) <= _LARGEST:
        raise Refused("bad_json")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Refused("bad_json")
    return value


def _refuse(_constant: str) -> NoReturn:
    raise Refused("bad_json")


def _inspect(name: str, value: Any, depth: int) -> None:
    """Refuse what no database or screen can hold, wherever it stands below the member ``name``."""
    if depth > MAX_DEPTH:
        raise Refused("bad_json")
    if isinstance(value, str):
        _inspect_text(name, value)
    elif isinstance(value, dict | list):
        for item in value:
            _inspect(name, item, depth + 1)
        for item in value.values() if isinstance(value, dict) else ():
            _inspect(name, item, depth + 1)


def _inspect_text(name: str, text: str) -> None:
    if _SURROGATE.search(text):
        raise Refused("bad_encoding")
    if "\x00" in text:
        raise Refused("invalid", [(errors.plain(name), "nul")])


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None
