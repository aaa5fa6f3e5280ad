"""Logs: one JSON object per line in production, readable in DEBUG, and nobody's secrets in either.

Message texts are never logged by the product; what is masked here is what slips into exception
texts and into other people's log lines: phone numbers, channel addresses, tokens, query strings.
"""

from __future__ import annotations

import contextvars
import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")

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


class _Masking(logging.Formatter):
    def formatException(self, ei: Any) -> str:  # noqa: N802
        return masked(super().formatException(ei))

    def _line(self, record: logging.LogRecord) -> str:
        # One record, one line: a line break in a value must not forge a second record.
        return masked(record.getMessage()).replace("\r", "\\r").replace("\n", "\\n")


class JsonFormatter(_Masking):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._line(record),
        }
        if request_id.get():
            entry["request_id"] = request_id.get()
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


class ReadableFormatter(_Masking):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        line = f"{time} {record.levelname.lower():7} {record.name}: {self._line(record)}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


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
