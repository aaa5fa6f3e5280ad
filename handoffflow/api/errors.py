"""Every refusal of the API: one table of codes, and one place where an exception becomes problem+json.

An answer never repeats an id that was asked for: a foreign object and an absent one give the same bytes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import ninja.errors
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from conversations.errors import HandoffError, InvalidChoices, TemplateVariables
from handoffflow.api import facts

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 2


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    title: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)


CODES: dict[str, Problem] = {
    "bad_json": Problem(400, "Bad JSON", "The body is no JSON, or nests or counts further than is accepted."),
    "bad_encoding": Problem(400, "Bad encoding", "Text has to be well-formed UTF-8."),
    "bad_form": Problem(400, "Bad form", "The body is no multipart/form-data that can be read."),
    "duplicate_key": Problem(400, "Duplicate key", "An object names the same member twice."),
    "unauthenticated": Problem(
        401,
        "Unauthenticated",
        "Send a valid API key as a bearer token, or log in.",
        {"WWW-Authenticate": 'Bearer realm="api"'},
    ),
    "scope": Problem(403, "Not allowed", "Your credentials do not reach that far."),
    "csrf": Problem(403, "CSRF check failed", "A write with a session needs its CSRF token."),
    "not_found": Problem(404, "Not found", "There is nothing here that you may see."),
    "method_not_allowed": Problem(405, "Method not allowed", "This address does not answer that method."),
    "already_claimed": Problem(409, "Already claimed", "Somebody else serves this conversation."),
    "at_capacity": Problem(409, "At capacity", "The agent serves as many conversations as they may."),
    "agent_unavailable": Problem(409, "Agent unavailable", "The agent cannot take conversations now."),
    "stale_epoch": Problem(409, "Stale epoch", "The conversation has changed hands since you looked."),
    "merged": Problem(409, "Merged", "The conversation goes on in another one: merged_into."),
    "unread_message": Problem(409, "Unread message", "The customer has written since; read it first."),
    "not_human": Problem(409, "Not with a person", "No person serves this conversation."),
    "not_waiting": Problem(409, "Not waiting", "This conversation is not waiting for a person."),
    "not_yours": Problem(409, "Not yours", "Another agent serves this conversation."),
    "with_bot": Problem(409, "With the bot", "The conversation is with the bot: assign it first."),
    "nobody_waits": Problem(409, "Nobody waits", "Nobody is waiting whom this agent may take."),
    "waits_in_queue": Problem(
        409, "Waits in the queue", "They have asked for a person and wait: assign the conversation instead."
    ),
    "same_person": Problem(
        409,
        "Same person?",
        "Somebody is known by this number with or without its ninth digit: say so with same, true or false.",
    ),
    "profile_changed": Problem(
        409, "Profile changed", "Somebody else changed it at the same moment. Read it and try again."
    ),
    "not_to_pin": Problem(409, "Not to be pinned", "A whisper is for one person."),
    "pins_full": Problem(409, "Pins full", "As many notes are pinned as fit: unpin one first."),
    "cannot_merge": Problem(
        409,
        "Cannot merge",
        "These two cannot become one: itself, other_sender, merged, or has_merged (separate those first).",
    ),
    "not_merged": Problem(409, "Not merged", "These two are not one any more."),
    "not_retryable": Problem(409, "Not retryable", "Sending it again cannot change the result."),
    "already_settled": Problem(
        409, "Already settled", "The message is no longer what it was: somebody or Twilio was faster."
    ),
    "nothing_to_replay": Problem(
        409, "Nothing to replay", "It is being tried at this moment, or has come through already."
    ),
    "idempotency_in_progress": Problem(
        409, "In progress", "A request with this Idempotency-Key is still running.", {"Retry-After": "1"}
    ),
    "cursor_expired": Problem(
        410, "Cursor expired", "What lay behind that cursor is not kept any more: begin afresh, from next."
    ),
    "too_large": Problem(413, "Too large", "A body may have 256 KB, a file 16 MB."),
    "unsupported_media_type": Problem(
        415, "Unsupported media type", "Send application/json in UTF-8; a file as multipart/form-data."
    ),
    "invalid": Problem(422, "Invalid", "See errors: each names a field and what is wrong with it."),
    "unknown_agent": Problem(422, "Unknown agent", "There is no such active agent."),
    "outcome_required": Problem(422, "Outcome required", "Say how the service ended."),
    "note_required": Problem(422, "Note required", "Say what whoever takes it has to know."),
    "window_closed": Problem(
        422,
        "Window closed",
        "WhatsApp takes free text only within 24 hours of the customer's last message. "
        "Send an approved template: content_sid and variables.",
    ),
    "unknown_template": Problem(422, "Unknown template", "The sender's account has no such template."),
    "template_refused": Problem(
        422,
        "Template refused",
        "It is not approved (not_approved), or advertises without consent (no_consent).",
    ),
    "opted_out": Problem(422, "Opted out", "The customer asked not to be written to."),
    "invalid_number": Problem(422, "Invalid number", "Send the whole number with its country code: +55…"),
    "consent_required": Problem(
        422, "Consent required", "Nobody is written to first who has not agreed to it: agreed."
    ),
    "mention_refused": Problem(
        422, "Mention refused", "A colleague who is mentioned may not see this conversation."
    ),
    "empty_message": Problem(422, "Empty message", "There is nothing in the message."),
    "message_too_long": Problem(422, "Message too long", "The message is longer than is accepted."),
    "file_refused": Problem(
        422,
        "File refused",
        "WhatsApp does not take it: empty, too_big (over limit megabytes), kind, voice or broken.",
    ),
    "unknown_media": Problem(
        422, "Unknown media", "No such file waits in this conversation: sent already, or expired."
    ),
    "media_not_fetched": Problem(
        422, "Media not fetched", "The file could not be had from its address: see reason."
    ),
    "idempotency_mismatch": Problem(
        422, "Idempotency mismatch", "This Idempotency-Key was used for another request."
    ),
    "too_many_subscriptions": Problem(
        422, "Too many subscriptions", "There are as many as there may be: delete one first."
    ),
    "rate_limited": Problem(
        429, "Too many requests", "Wait as long as Retry-After says, in seconds.", {"Retry-After": "5"}
    ),
    "internal": Problem(500, "Internal error", "That is our mistake; it has been noted."),
    "unavailable": Problem(
        503,
        "Unavailable",
        "The database cannot be reached, or no stream is served here now. Try again after Retry-After.",
        {"Retry-After": str(RETRY_AFTER)},
    ),
}

_FIELD_CODES = {
    "missing": "required",
    "extra_forbidden": "unknown",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "too_long": "too_long",
    "too_short": "too_short",
    "literal_error": "choice",
    "enum": "choice",
    "string_pattern_mismatch": "format",
    "greater_than_equal": "range",
    "less_than_equal": "range",
    "finite_number": "range",
}

Fields = Iterable[tuple[str, str]]


class Refused(Exception):
    """A door's own refusal; the engine's are ``HandoffError``."""

    def __init__(
        self, code: str, fields: Fields = (), *, headers: Mapping[str, str] | None = None, **extras: Any
    ) -> None:
        super().__init__(code)
        self.code = code
        self.fields = tuple(fields)
        self.headers = headers or {}
        self.extras = extras


def respond(
    code: str, fields: Fields = (), *, headers: Mapping[str, str] | None = None, **extras: Any
) -> HttpResponse:
    problem = CODES[code]
    return HttpResponse(
        json.dumps(document(code, fields, **extras)),
        status=problem.status,
        content_type=MEDIA_TYPE,
        headers={**problem.headers, **(headers or {})},
    )


def document(code: str, fields: Fields, **extras: Any) -> dict[str, Any]:
    problem = CODES[code]
    return {
        "type": f"/problems/{code}",
        "title": problem.title,
        "status": problem.status,
        "code": code,
        "detail": problem.detail,
        "errors": [{"field": name, "code": what} for name, what in fields],
        **extras,
    }


def answer(_request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """The answer to any exception of an operation."""
    if isinstance(error, Refused):
        return respond(error.code, error.fields, headers=error.headers, **error.extras)
    if isinstance(error, TemplateVariables):
        wrong = error.extras["fields"].items()
        return respond("invalid", [(f"variables.{plain(name)}", what) for name, what in wrong])
    if isinstance(error, InvalidChoices):
        wrong = error.extras["fields"].items()
        return respond("invalid", [(f"choices.{place}".rstrip("."), what) for place, what in wrong])
    if isinstance(error, HandoffError):
        return respond(error.code, **facts.told(error.extras))
    if isinstance(error, ninja.errors.ValidationError):
        return respond("invalid", [_field(item) for item in error.errors])
    code = next((code for kinds, code in _KINDS if isinstance(error, kinds)), "internal")
    if CODES[code].status >= 500:
        logger.error(
            "The API could not answer: %s", code, exc_info=error if isinstance(error, Exception) else None
        )
    return respond(code)


_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (Http404, "not_found"),
    (RequestDataTooBig, "too_large"),
    ((MultiPartParserError, TooManyFieldsSent, TooManyFilesSent), "bad_form"),
    (UnreadablePostError, "bad_json"),
    ((OperationalError, InterfaceError), "unavailable"),
    # A value that fits our schema and not the column.
    (DataError, "invalid"),
    (ninja.errors.AuthenticationError, "unauthenticated"),
)


def _field(item: dict[str, Any]) -> tuple[str, str]:
    """``("body", "body", "slots", "x")`` is the field ``slots.x``; a name the caller made up is not repeated."""
    where = [str(part) for part in item["loc"]]
    path = where[1:] if len(where) == 2 or where[0] == "query" else where[2:]
    kind = str(item["type"])
    if kind == "extra_forbidden":
        path = [plain(part) for part in path]
    default = "type" if kind.endswith(("_type", "_parsing")) else "invalid"
    return ".".join(path)[:200], _FIELD_CODES.get(kind, default)


def plain(name: str) -> str:
    """A member's name as it may be repeated: one that could carry a person's data is not."""
    fits = name.isidentifier() or name.isdigit()
    return name if fits and name.isascii() and len(name) <= 40 else "?"
