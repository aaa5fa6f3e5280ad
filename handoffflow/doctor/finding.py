"""One thing the doctor has looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    ADVICE = "advice"
    """Cannot be looked up from here, or would be better."""
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """``code`` is for programs; ``what`` and ``fix`` are sentences in the language of whoever asks."""

    code: str
    level: Level
    subject: str
    what: str
    fix: str = ""


def ok(code: str, subject: str, what: str) -> Finding:
    return Finding(code, Level.OK, subject, what)


def advice(code: str, subject: str, what: str, fix: str) -> Finding:
    return Finding(code, Level.ADVICE, subject, what, fix)


def warning(code: str, subject: str, what: str, fix: str) -> Finding:
    return Finding(code, Level.WARNING, subject, what, fix)


def error(code: str, subject: str, what: str, fix: str) -> Finding:
    return Finding(code, Level.ERROR, subject, what, fix)
