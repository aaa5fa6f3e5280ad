"""The OpenAPI document: what ninja derives from the views, and every refusal they share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from handoffflow.api import errors

IDEMPOTENCY_KEY = r"^[\x21-\x7e]{1,255}$"

_EVERYWHERE = ("unauthenticated", "scope", "invalid", "rate_limited", "unavailable")
_WRITES = (
    "csrf",
    "idempotency_in_progress",
    "too_large",
    "unsupported_media_type",
    "idempotency_mismatch",
)
_OF_JSON = ("bad_json", "bad_encoding", "duplicate_key")
_BUDGET = {
    "RateLimit": {
        "schema": {"type": "string"},
        "description": "What is left: calls (r), and seconds until all are (t).",
    },
    "RateLimit-Policy": {"schema": {"type": "string"}, "description": "Calls (q) in so many seconds (w)."},
}
_EXTRAS: dict[str, dict[str, Any]] = {
    "already_claimed": {
        "agent_id": "6a1b8b0e-43cf-4a53-9c3e-6f0f2d1c7b11",
        "name": "Bia",
        "handoff_at": "2026-11-20T13:05:00Z",
    },
    "not_yours": {"agent_id": "6a1b8b0e-43cf-4a53-9c3e-6f0f2d1c7b11", "name": "Bia"},
    "at_capacity": {"limit": 6},
    "stale_epoch": {"epoch": 3},
    "merged": {"epoch": 3, "merged_into": "0e0b7c56-2f0e-4b0c-9d55-9a1c3a1f5f6e"},
    "too_many_subscriptions": {"limit": 50},
    "cursor_expired": {"next": "MWUuMA"},
    "template_refused": {"reason": "not_approved"},
    "unread_message": {"messages": []},
    "message_too_long": {"limit": 20000},
    "pins_full": {"limit": 5},
    "cannot_merge": {"reason": "other_sender"},
    "file_refused": {"reason": "too_big", "limit": 16},
    "media_not_fetched": {"reason": "not_found"},
}
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "A refusal (RFC 9457). It never repeats an id that was asked for.",
    "required": ["type", "title", "status", "code", "detail", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": sorted(errors.CODES)},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code"],
                "properties": {"field": {"type": "string"}, "code": {"type": "string"}},
            },
        },
    },
}
# Whatever is named in an address is named by its id.
_ID = {"type": "string", "format": "uuid"}
_DESCRIPTION = """\
Conversations, handoffs and messages of the desk, for bots and integrations.

Ids are UUIDs, times RFC 3339 in UTC. Unknown members and parameters are refused. A body has at most 256 KB.
RateLimit says how many calls a minute are left; 429 comes with Retry-After.
Send an Idempotency-Key with every POST: the same key and body get the same answer for 24 hours."""
_SECURITY: dict[str, dict[str, Any]] = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key: `hf_<id>_<secret>`."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "session",
        "description": "A logged-in operator on the panel's own origin; writes need X-CSRFToken.",
    },
}


def codes(*refusals: str, **extras: dict[str, Any]) -> dict[str, Any]:
    """For an operation: what it may refuse beside what all do. ``extras`` of a code are told by this operation only."""
    return {"x-codes": list(refusals), "x-extras": extras}


def conditional() -> dict[str, Any]:
    """For an operation that answers 304 to whoever has the newest state."""
    tag = {"ETag": {"schema": {"type": "string"}, "description": "A weak validator."}}
    return {
        **codes(),
        "x-parameters": [
            {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}}
        ],
        "x-headers": tag,
        "x-responses": {304: {"description": "Nothing has changed.", "headers": tag}},
    }


def file() -> dict[str, Any]:
    """For an operation that answers with the bytes of a file."""
    content = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    return {**codes(), "x-responses": {200: {"description": "The file.", "content": content}}}


def upload(*refusals: str) -> dict[str, Any]:
    """For an operation that takes a form with one file."""
    shape = {
        "type": "object",
        "required": ["file"],
        "additionalProperties": False,
        "properties": {"file": {"type": "string", "format": "binary"}},
    }
    content = {"multipart/form-data": {"schema": shape, "examples": {"file": {"value": {"file": "…"}}}}}
    return {**codes(*refusals), "requestBody": {"required": True, "content": content}}


def written(*refusals: str) -> dict[str, Any]:
    """For an operation that writes and is no POST: repeated, it does the same again."""
    shared = (code for code in _WRITES if not code.startswith("idempotency"))
    return codes(*_OF_JSON, *shared, *refusals)


def streamed(*refusals: str) -> dict[str, Any]:
    """For an operation that also answers as server-sent events."""
    return {**codes(*refusals), "x-media": ["text/event-stream"]}


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    schema["info"]["description"] = _DESCRIPTION
    schema["components"]["securitySchemes"] = _SECURITY
    shapes = schema["components"]["schemas"]
    # Filters are spelled out as parameters.
    schema["components"]["schemas"] = {
        name: shape for name, shape in shapes.items() if not name.endswith("Filter")
    } | {"Problem": _PROBLEM}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            _complete_operation(operation, path, writes=method == "post")
    return schema


def _complete_operation(operation: dict[str, Any], path: str, *, writes: bool) -> None:
    operation["operationId"] = operation["operationId"].rsplit("_api_", 1)[-1].split("_", 1)[-1]
    operation["security"] = [{"key": []}, {"session": []}]
    for parameter in operation["parameters"]:
        in_path = parameter["in"] == "path"
        parameter["schema"] = dict(_ID) if in_path else _plain(parameter["schema"])
    operation["parameters"] += operation.pop("x-parameters", [])
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["schema"] = _plain(content["schema"])
    answers = operation["responses"]
    for answer in answers.values():
        answer["headers"] = {**operation.get("x-headers", {}), **_BUDGET}
    operation.pop("x-headers", None)
    for media in operation.pop("x-media", ()):
        answers[200]["content"][media] = {"schema": {"type": "string"}}
    answers |= operation.pop("x-responses", {})
    refusals, extras = [*_EVERYWHERE, *operation.pop("x-codes")], operation.pop("x-extras")
    refusals += ["not_found"] if writes or "{" in path else []
    if writes:
        refusals += _WRITES
        is_json = "application/json" in operation.get("requestBody", {}).get("content", {})
        refusals += _OF_JSON if is_json else ()
        _allow_repeating(operation)
    answers |= _problems(refusals, extras)
    operation["responses"] = {str(status): answers[status] for status in sorted(answers)}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without pydantic's detours: in a query nothing is null, and one reference needs no ``allOf``."""
    options = schema.get("anyOf") or schema.get("allOf") or []
    return next((option for option in options if option.get("type") != "null"), schema)


def _allow_repeating(operation: dict[str, Any]) -> None:
    operation["parameters"].append(
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": IDEMPOTENCY_KEY, "maxLength": 255},
            "description": "Any name of your own for this request: visible ASCII, 1 to 255 characters.",
        }
    )
    for answer in operation["responses"].values():
        answer["headers"]["Idempotency-Replayed"] = {
            "schema": {"type": "string", "enum": ["true"]},
            "description": "This is the answer to an earlier request with the same key.",
        }


def _problems(refusals: Iterable[str], extras: Mapping[str, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    by_status: dict[int, list[str]] = {}
    for code in refusals:
        by_status.setdefault(errors.CODES[code].status, []).append(code)
    return {status: _answer(found, extras) for status, found in by_status.items()}


def _answer(found: list[str], extras: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    told = {code: {**_EXTRAS.get(code, {}), **extras.get(code, {})} for code in found}
    examples = {code: {"value": errors.document(code, (), **more)} for code, more in told.items()}
    answer: dict[str, Any] = {
        "description": " · ".join(found),
        "content": {
            errors.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
        },
    }
    headers = {name for code in found for name in errors.CODES[code].headers}
    if headers:
        answer["headers"] = {name: {"schema": {"type": "string"}} for name in sorted(headers)}
    return answer
