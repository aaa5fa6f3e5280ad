"""What Twilio's own API description lets through. The table is made of it by tests/simulator/contract_table.py; a call
that is not described, or not so, is refused here before a live account has to refuse it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from handoffflow.simulator.checks import Form, Refused

TABLE = Path(__file__).with_name("operations.json")
UNDESCRIBED = (
    re.compile(r"GET /2010-04-01/Accounts/[^/]+/Messages/[^/]+/Media/\w+\Z"),  # the file itself
    re.compile(r"GET /v1/Configuration/Addresses\Z"),
)
"""Not in the description's files: Conversations, and what is no document."""

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    pattern: re.Pattern[str]
    said: Schema


@cache
def operations() -> tuple[Operation, ...]:
    rows = json.loads(TABLE.read_text())
    return tuple(Operation(f"{row['method']} {row['path']}", _pattern(row["path"]), row) for row in rows)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+?)", re.escape(path)) + r"\Z")


def operation(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    for one in operations():
        if one.said["method"] == method and (match := one.pattern.match(path)):
            return one, match.groupdict()
    return None


def check(method: str, path: str, query: Form, form: Form, body: str) -> None:
    """Refused, if Twilio's description does not know this call or forbids something in it."""
    problem = next(_problems(method, path, query, form, body), "")
    if problem:
        raise Refused(20001, detail=problem)


def _problems(method: str, path: str, query: Form, form: Form, body: str) -> Iterator[str]:
    found = operation(method, path)
    if found is None:
        if not any(pattern.match(f"{method} {path}") for pattern in UNDESCRIBED):
            yield f"no such operation: {method}"
        return
    one, in_path = found
    said = one.said
    for name, value in in_path.items():
        yield from _value(name, value, said["in_path"].get(name, {}))
    yield from _fields(query, said["query"], said["required"])
    if "json" in said and "form" not in said:
        yield from _document(body, said["json"])
    elif form or "form" in said:
        yield from _fields(form, said.get("form", {}), said.get("form_required", []))
        for group in said.get("one_of", []):
            if not any(_given(form, name) for name in group):
                yield f"one of {', '.join(group)} is missing"


def _fields(given: Form, known: dict[str, Schema], required: list[str]) -> Iterator[str]:
    yield from (f"{name} is missing" for name in required if not _given(given, name))
    for name, values in given.items():
        if name not in known:
            yield f"{name} is unknown"
            continue
        schema = known[name]
        if schema.get("type") != "array" and len(values) > 1:
            yield f"{name} comes more than once"
        for value in values:
            yield from _value(
                name, value, schema.get("items", {}) if schema.get("type") == "array" else schema
            )


def _given(form: Form, name: str) -> bool:
    return any(value != "" for value in form.get(name, ()))


def _document(body: str, schema: Schema) -> Iterator[str]:
    try:
        document = json.loads(body)
    except ValueError:
        yield "no JSON"
        return
    yield from _inside("document", document, schema)


def _inside(name: str, value: Any, schema: Schema) -> Iterator[str]:
    if value is None:
        if not schema.get("nullable"):
            yield f"{name} is null"
    elif isinstance(value, dict):
        known = schema.get("properties")
        if known is None:
            return
        yield from (f"{one} is missing" for one in schema.get("required", []) if one not in value)
        for one, inner in value.items():
            yield from _inside(one, inner, known[one]) if one in known else [f"{one} is unknown"]
    elif isinstance(value, list):
        for inner in value:
            yield from _inside(name, inner, schema.get("items", {}))
    else:
        yield from _value(name, json.dumps(value) if isinstance(value, bool) else str(value), schema)


def _value(name: str, value: str, schema: Schema) -> Iterator[str]:
    if value == "":
        return
    if not _typed(value, schema):
        yield f"{name} is no {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{name} is none of {', '.join(map(str, schema['enum']))}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{name} does not match {schema['pattern']}"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{name} is too short or too long"
    if schema.get("format") == "uri" and not _is_uri(value):
        yield f"{name} is no address"


def _typed(value: str, schema: Schema) -> bool:
    kind = schema.get("type")
    if kind == "boolean":
        return value in {"true", "false"}
    if kind not in {"integer", "number"}:
        return True
    if not re.fullmatch(r"-?\d+" if kind == "integer" else r"-?\d+(\.\d+)?", value):
        return False
    return bool(schema.get("minimum", float("-inf")) <= float(value) <= schema.get("maximum", float("inf")))


def _is_uri(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and not re.search(r"[\s<>\"{}|\\^`]", value)
