"""Personal data out of what leaves for a language model, and back into what comes from it.

``hide`` puts ``[phone 1]`` and the like in the place of phones, e-mail addresses, CPF, CNPJ, cards, long numbers and
the customer's own name; ``show`` puts back what stood there. The table lives as long as one turn: an answer can only
bring back what this very customer's turn has hidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

SHORTEST = 8
"""Digits of a number that is hidden: the shortest phone has as many."""
_KINDS = "phone|email|cpf|cnpj|card|number|name"
_MARK = re.compile(rf"\[\s*((?:{_KINDS}) \d+)\s*\]", re.IGNORECASE)

_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
# Letters stand in newer ones.
_CNPJ = re.compile(r"\b[0-9A-Za-z]{2}\.[0-9A-Za-z]{3}\.[0-9A-Za-z]{3}/[0-9A-Za-z]{4}-\d{2}\b")
_BETWEEN = r"[ \t.()\u00a0\u2010-\u2015\u200b-\u200d\u2060\ufeff-]{0,3}"
_YEAR = r"(?:19|20)\d\d"
_DATE = rf"{_YEAR}-\d\d-\d\d(?![-./]?\d)|\d{{1,2}}[-./]\d{{1,2}}[-./]{_YEAR}(?![-./]?\d)"
_NUMBER = re.compile(rf"(?<!\d)(?:(?P<date>{_DATE})|\+?\(?\d(?:{_BETWEEN}\d){{{SHORTEST - 1},}})")
_CPF = re.compile(r"\d{3}\.\d{3}\.\d{3}-\d{2}")


class Masks:
    """The table of one turn. ``hides`` off: everything goes as it is."""

    def __init__(self, *, hides: bool, name: str = "") -> None:
        self.hides = hides
        self._names = tuple(_named(name)) if hides else ()
        self._marks: dict[str, str] = {}
        self._hidden: dict[str, str] = {}

    def hide(self, text: str) -> str:
        if not self.hides:
            return text
        text = plain(text)
        text = _EMAIL.sub(self._as("email"), text)
        text = _CNPJ.sub(self._as("cnpj"), text)
        text = _NUMBER.sub(self._number, text)
        for name in self._names:
            text = name.sub(self._as("name"), text)
        return text

    def show(self, text: str) -> str:
        return _MARK.sub(lambda found: self._hidden.get(found[1].lower(), found[0]), text)

    def hide_in(self, value: Any) -> Any:
        """In every text of a JSON value, and in its names and numbers."""
        return _texts(value, self.hide) if self.hides else value

    def show_in(self, value: Any) -> Any:
        return _texts(value, self.show)

    def _as(self, kind: str) -> Callable[[re.Match[str]], str]:
        return lambda found: self._mark(kind, found[0])

    def _number(self, found: re.Match[str]) -> str:
        return found[0] if found["date"] else self._mark(_kind(found[0]), found[0])

    def _mark(self, kind: str, text: str) -> str:
        if text not in self._marks:
            number = sum(mark.startswith(f"{kind} ") for mark in self._hidden) + 1
            self._marks[text] = f"{kind} {number}"
            self._hidden[f"{kind} {number}"] = text
        return f"[{self._marks[text]}]"


def plain(text: str) -> str:
    """Whoever writes ``[phone 1]`` themselves is not taken at their word."""
    return _MARK.sub(r"(\1)", text)


def _texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(str(name)): _texts(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(item, change) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        changed = change(str(value))
        return value if changed == str(value) else changed
    return value


def _named(name: str) -> Iterable[re.Pattern[str]]:
    """The whole name, and the first of it."""
    whole = " ".join(name.split())
    for one in dict.fromkeys((whole, whole.partition(" ")[0])):
        if sum(map(str.isalpha, one)) > 2:
            spelled = r"\s+".join(re.escape(word) for word in one.split())
            yield re.compile(rf"(?<![\w\[]){spelled}(?![\w\]])", re.IGNORECASE)


def _kind(text: str) -> str:
    digits = [int(char) for char in text if char.isdigit()]
    if _CPF.fullmatch(text) or _sums_up(digits, 11):
        return "cpf"
    if _sums_up(digits, 14):
        return "cnpj"
    if text.startswith("+"):
        return "phone"
    if 13 <= len(digits) <= 19 and _luhn(digits):
        return "card"
    written = any(char in "+( -" for char in text)
    return "phone" if 10 <= len(digits) <= 13 or (len(digits) < 10 and written) else "number"


def _sums_up(digits: list[int], length: int) -> bool:
    """Whether the last two are the check digits of a CPF (11) or a CNPJ (14)."""
    if len(digits) != length or len(set(digits)) == 1:
        return False
    most = 11 if length == 11 else 9
    for end in (length - 2, length - 1):
        total = sum(digit * (2 + place % (most - 1)) for place, digit in enumerate(reversed(digits[:end])))
        if digits[end] != (0 if total % 11 < 2 else 11 - total % 11):
            return False
    return True


def _luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
