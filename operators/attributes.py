"""An attribute's kinds: what may be written, how it is stored, and how it reads. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, URLValidator
from django.db import models
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

LONGEST = 500
LONGEST_NAME = 120
YES, NO = "yes", "no"
_MARKS: dict[str, Callable[[str], bool]] = {
    "9": lambda char: char.isascii() and char.isdigit(),
    "A": str.isalpha,
    "X": lambda char: char.isalpha() or (char.isascii() and char.isdigit()),
}


class Kind(models.TextChoices):
    TEXT = "text", gettext_lazy("text")
    NUMBER = "number", gettext_lazy("number")
    DATE = "date", gettext_lazy("date")
    YES_NO = "yes_no", gettext_lazy("yes or no")
    LIST = "list", gettext_lazy("list")
    URL = "url", gettext_lazy("web address")
    EMAIL = "email", gettext_lazy("e-mail")


class Wrong(Exception):
    """The value cannot be that; says why and what would do."""


def parse(kind: str, typed: str, *, choices: list[str], pattern: str) -> Any:
    """The value as it is stored, None for an empty one; Wrong where there is none."""
    text = line(typed)
    if not text:
        return None
    if kind == Kind.TEXT and pattern and not fits(text, pattern):
        raise Wrong(_("It has to look like this: %(pattern)s") % {"pattern": pattern})
    if kind == Kind.LIST:
        if text not in choices:
            raise Wrong(_("Choose one of the list."))
        return text
    reader = _READERS.get(kind)
    return reader(text) if reader else text


def line(typed: str) -> str:
    """One line without spaces around it; Wrong for what no line holds."""
    text = typed.strip()
    if len(text) > LONGEST:
        raise Wrong(_("That is too long: up to %(limit)s characters.") % {"limit": LONGEST})
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in text):
        raise Wrong(_("Write it in one line, without control characters."))
    return text


def person(typed: str) -> str:
    """A contact's name."""
    text = " ".join(line(typed).split())
    if len(text) > LONGEST_NAME:
        raise Wrong(_("That is too long: up to %(limit)s characters.") % {"limit": LONGEST_NAME})
    return text


def language(typed: str) -> str:
    """The language a contact is written to in."""
    text = line(typed)
    if text not in dict(settings.LANGUAGES):
        raise Wrong(_("Choose one of the list."))
    return text


def fits(text: str, pattern: str) -> bool:
    """9 is a digit, A a letter, X either of them, all else is itself; | stands between two patterns.

    No regular expression on purpose: a careless one takes minutes over a single value.
    """
    return any(_fits(text, one.strip()) for one in pattern.split("|"))


def _fits(text: str, pattern: str) -> bool:
    return len(text) == len(pattern) and all(
        _MARKS[mark](char) if mark in _MARKS else char == mark
        for char, mark in zip(text, pattern, strict=True)
    )


def typed(kind: str, value: Any) -> str:
    """A stored value as it stands in its field."""
    if value is None:
        return ""
    if kind == Kind.YES_NO and isinstance(value, bool):
        return YES if value else NO
    if kind == Kind.NUMBER and isinstance(value, int | float) and not isinstance(value, bool):
        return plain(value).replace(".", _separator())
    return plain(value)


def shown(kind: str, value: Any) -> str:
    """A stored value as people read it. What is not of its kind reads as it is: a bot or the API has set it."""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if kind == Kind.DATE and (found := day(value)):
        return formats.date_format(found, "SHORT_DATE_FORMAT")
    return typed(kind, value)


def plain(value: Any) -> str:
    """Whatever is in the JSON as one text: 12.0 is 12, true is true."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return format(Decimal(repr(value)).normalize(), "f") if value == value and abs(value) < 1e300 else ""
    return str(value)


def _number(text: str) -> int | float:
    separator = _separator()
    if not re.fullmatch(rf"-?[0-9]{{1,15}}(?:{re.escape(separator)}[0-9]{{1,6}})?", text):
        raise Wrong(
            _("Write a number such as 1234%(separator)s5, without a separator of thousands.")
            % {"separator": separator}
        )
    found = Decimal(text.replace(separator, "."))
    return int(found) if found == found.to_integral_value() else float(found)


def _separator() -> str:
    return str(formats.get_format("DECIMAL_SEPARATOR"))


def _date(text: str) -> str:
    found = day(text)
    if found is None or found.year < 1000:
        raise Wrong(_("Write a day of the calendar, such as 2026-11-30."))
    return found.isoformat()


def day(value: Any) -> date | None:
    """The day that an ISO date is."""
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None


def _yes_no(text: str) -> bool:
    if text not in {YES, NO}:
        raise Wrong(_("Choose yes or no."))
    return text == YES


def _url(text: str) -> str:
    try:
        URLValidator(schemes=["http", "https"])(text)
    except ValidationError:
        raise Wrong(_("Write a whole web address, beginning with https://.")) from None
    return text


def _email(text: str) -> str:
    try:
        EmailValidator()(text)
    except ValidationError:
        raise Wrong(_("Write an e-mail address such as ana@example.com.")) from None
    return text


_READERS: dict[str, Callable[[str], Any]] = {
    Kind.NUMBER: _number,
    Kind.DATE: _date,
    Kind.YES_NO: _yes_no,
    Kind.URL: _url,
    Kind.EMAIL: _email,
}
