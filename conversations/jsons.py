"""Reading JSON that a stranger wrote: strictly, once, before anything looks at it.

What plain code accepts in silence (NaN, a key given twice) or dies of (a lone surrogate, numbers of 5,000 digits,
100,000 brackets) is refused here.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

MAX_DEPTH = 31
"""MariaDB stores JSON of 32 levels, and some of what is sent is stored a level further down."""
_LARGEST = 2**63 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


class BadJson(Exception):
    """``code`` says what is wrong, ``member`` below which name of the outermost object."""

    def __init__(self, code: str, member: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.member = member


def read(body: bytes) -> dict[str, Any]:
    """The object that these bytes are, with nothing in it that no database or screen can hold; else BadJson."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadJson("bad_encoding") from None
    found = _load(text)
    if not isinstance(found, dict):
        raise BadJson("type")
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
        raise BadJson("bad_json") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise BadJson("duplicate_key")
    return made


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -_LARGEST <= int(digits) <= _LARGEST:
        raise BadJson("bad_json")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise BadJson("bad_json")
    return value


def _refuse(_constant: str) -> NoReturn:
    raise BadJson("bad_json")


def _inspect(name: str, value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BadJson("bad_json")
    if isinstance(value, str):
        _inspect_text(name, value)
    elif isinstance(value, dict | list):
        for item in value:
            _inspect(name, item, depth + 1)
        for item in value.values() if isinstance(value, dict) else ():
            _inspect(name, item, depth + 1)


def _inspect_text(name: str, text: str) -> None:
    if _SURROGATE.search(text):
        raise BadJson("bad_encoding")
    if "\x00" in text:
        raise BadJson("nul", name)
