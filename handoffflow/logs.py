"""Logs: one JSON object per line in production, readable in DEBUG, and nobody's secrets in either.

Message texts are never logged by the product. What other libraries would put into a line, and what exceptions
say, is left out here; and whatever still looks like a phone number, an address of a channel or a token is masked.
"""

from __future__ import annotations

import contextvars
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from conversations import trace

MOST_FRAMES = 30

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")

_ABOUT_CODE = (AttributeError, NameError, ImportError, NotImplementedError, ImproperlyConfigured)
_CODES = ("sqlstate", "sqlite_errorname", "errno")

_MASKS = (
    # Twilio's and our own keys before the digits inside them.
    (
        re.compile(r"(?i)\b(authorization|x-twilio-signature|cookie|set-cookie)(['\"]?\s*[:=]\s*)[^\r\n]+"),
        r"\1\2***",
    ),
    (re.compile(r"(?i)\b(basic|bearer)\s+[\w.~+/=-]{8,}"), r"\1 ***"),
    (
        re.compile(
            r"(?i)([\"']?\b[\w-]*(?:token|secret|password|senha|api[_-]?key|body|signature|profilename)\b[\"']?\s*[=:]\s*)"
            r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&}]+)"
        ),
        r"\1***",
    ),
    (re.compile(r"\bhf_[A-Za-z0-9]+_[A-Za-z0-9_-]+"), "hf_***"),
    (re.compile(r"(://)[^/\s:@]*:[^/\s@]*@"), r"\1***@"),
    (re.compile(r"(?i)\b(whatsapp|rcs|messenger|sms|tel)(:|%3a)[^\s\"'&,;)}\]<>]+"), r"\1:***"),
    (re.compile(r"\b[A-Z]{2}\.[A-Za-z0-9]{6,}"), "**.***"),
    (re.compile(r"(?:\+|%2[Bb])\d[\d ().-]{5,20}\d"), "+***"),
    (re.compile(r"(?<![\w.:/-])\(?\d{2}\)?[ -]?9?\d{4}[ -]?\d{4}(?![\w.:-])"), "***"),
    (re.compile(r"(?<![\w.-])\d{10,15}(?![\w.-])"), "***"),
    # A bare auth token; SIDs keep their two letters and stay readable.
    (re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])"), "***"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "***@***"),
)


def masked(text: str) -> str:
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def told(error: BaseException) -> str:
    """An exception and what led to it: kinds, codes and places. Its text may hold what somebody wrote, or who;
    only of errors that speak of the code itself is it repeated."""
    return "\n".join(line for one in _chain(error) for line in _story(one))


def _chain(error: BaseException) -> list[BaseException]:
    """What came first stands first, as in Python's own tracebacks."""
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.insert(0, following)
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)
    return found


def _story(error: BaseException) -> Iterator[str]:
    yield from (f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in _frames(error))
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    code = next(filter(None, (getattr(error, name, None) for name in _CODES)), None)
    text = masked(str(error)) if isinstance(error, _ABOUT_CODE) else str(code or "")
    yield f"{kind}: {text}" if text else kind
    if isinstance(error, BaseExceptionGroup):
        yield from (f"  | {line}" for one in error.exceptions for line in told(one).splitlines())


def _frames(error: BaseException) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__, limit=-MOST_FRAMES)


def _said(record: logging.LogRecord) -> str:
    """What a line says; of other libraries' lines only what cannot hold a value that somebody sent."""
    try:
        for logger, retold in _RETOLD:
            if record.name == logger or record.name.startswith(f"{logger}."):
                return retold(record)
        return record.getMessage()
    except (TypeError, ValueError, IndexError, AttributeError):
        # Python would print the line with all its arguments to say that they do not fit.
        return f"(unreadable) {record.msg}"


def _statement(record: logging.LogRecord) -> str:
    """SQL up to its first value: what follows the first quotation mark was written by somebody."""
    sql, quote, _values = str(getattr(record, "sql", None) or "").partition("'")
    return f"({getattr(record, 'duration', None) or 0:.3f}) {sql}{'…' if quote else ''}"


def _request(record: logging.LogRecord) -> str:
    """Django names the path last; a part of it can be a token."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    request = getattr(record, "request", None)
    return str(record.msg) % (*arguments[:-1], _place(request)) if arguments else str(record.msg)


def _place(request: Any) -> str:
    match = getattr(request, "resolver_match", None)
    if match is None:
        return "an address"
    path = str(request.path)
    for value in match.kwargs.values():
        if isinstance(value, str) and value and not value.isdigit():
            path = path.replace(value, "***")
    return path


def _refusal(record: logging.LogRecord) -> str:
    """Django's reason repeats the header that it did not like, after a dash; other refusals are such a text."""
    if not isinstance(record.args, tuple) or len(record.args) < 2:
        return "refused"
    reason, _dash, _header = str(record.args[0]).partition(" - ")
    return f"refused: {reason.rstrip('.')}: {_place(getattr(record, 'request', None))}"


def _first_line(record: logging.LogRecord) -> str:
    """asyncio appends the representation of whatever failed, exception and all."""
    return record.getMessage().partition("\n")[0]


_RETOLD: tuple[tuple[str, Callable[[logging.LogRecord], str]], ...] = (
    ("django.db.backends", _statement),
    ("django.request", _request),
    ("django.security", _refusal),
    ("asyncio", _first_line),
)


class _Masking(logging.Formatter):
    def formatException(self, ei: Any) -> str:  # noqa: N802
        return masked(super().formatException(ei))

    def _line(self, record: logging.LogRecord) -> str:
        # One record, one line: a line break in a value must not forge a second record.
        return masked(_said(record)).replace("\r", "\\r").replace("\n", "\\n")


class JsonFormatter(_Masking):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._line(record),
        }
        entry |= _origin(record)
        if record.exc_info and record.exc_info[1]:
            entry["exception"] = told(record.exc_info[1])
        return json.dumps(entry, ensure_ascii=False)


class ReadableFormatter(_Masking):
    """For developing: with the texts of exceptions, masked, and their lines of code."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        origin = "".join(f" [{value}]" for value in _origin(record).values())
        line = f"{time} {record.levelname.lower():7} {record.name}: {self._line(record)}{origin}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _origin(record: logging.LogRecord) -> dict[str, str]:
    """Which request or row of the worker a line belongs to. Django tells of an answer when its request is over."""
    named = getattr(getattr(record, "request", None), "id", "")
    found = {"request_id": request_id.get() or str(named), "work": trace.work.get()}
    return {name: value for name, value in found.items() if value}


def configuration(*, debug: bool) -> dict[str, Any]:
    """What ``LOGGING`` is set to; everything goes to stderr through one masking formatter."""
    formatter = ReadableFormatter if debug else JsonFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            # Its lines carry the whole request line, and Twilio's traffic is in our own tables.
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            # A lost race (409) and a page that is gone are answers, not news.
            "django.request": {"handlers": [], "level": "ERROR", "propagate": True},
            "django.db.backends": {"handlers": [], "level": "WARNING", "propagate": True},
            "twilio": {"level": "WARNING"},
            "uvicorn": {"level": "WARNING"},
            "uvicorn.access": {"level": "CRITICAL"},
            "aiohttp": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
            # Whoever scans the internet calls by other names; the answer is a 400, and no news.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # It names user names and addresses in its warnings.
            "axes": {"level": "CRITICAL"},
        },
    }
