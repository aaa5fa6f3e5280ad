"""Contact cards as customers send them: whose they are and how to call them. Tolerant, because every phone's differ."""

from __future__ import annotations

import quopri
import re
from typing import Any

MOST_CARDS, MOST_PHONES, LONGEST = 20, 5, 120
_FOLDED = re.compile(r"\r?\n[ \t]")
_SOFT_BREAK = re.compile(r"=\r?\n")


def read(data: bytes) -> list[dict[str, Any]]:
    """``[{"name": …, "phones": […]}]``, in the file's order; what cannot be read is left out."""
    text = data.decode("utf-8", "replace").replace("\x00", "\u2400")
    lines = _SOFT_BREAK.sub("", _FOLDED.sub("", text)).splitlines()
    cards: list[dict[str, Any]] = []
    for line in lines:
        name, parameters, value = _property(line)
        if name == "BEGIN" and len(cards) < MOST_CARDS:
            cards.append({"name": "", "phones": []})
        elif cards:
            _take(cards[-1], name, _decoded(value, parameters))
    return [card for card in cards if card["name"] or card["phones"]]


def _property(line: str) -> tuple[str, str, str]:
    head, _colon, value = line.partition(":")
    name, _semicolon, parameters = head.partition(";")
    return name.rpartition(".")[2].strip().upper(), parameters.upper(), value.strip()


def _take(card: dict[str, Any], name: str, value: str) -> None:
    if name == "FN" and value:
        card["name"] = value
    elif name == "N" and not card["name"]:
        family, _semicolon, given = value.partition(";")
        card["name"] = " ".join(f"{given.partition(';')[0]} {family}".split())
    elif name == "TEL" and value and len(card["phones"]) < MOST_PHONES:
        card["phones"].append(value.removeprefix("tel:"))


def _decoded(value: str, parameters: str) -> str:
    if "QUOTED-PRINTABLE" in parameters:
        value = quopri.decodestring(value.encode()).decode("utf-8", "replace").replace("\x00", "\u2400")
    plain = re.sub(r"\\([,;\\])", r"\1", value.replace("\\n", " ").replace("\\N", " "))
    return " ".join(plain.split())[:LONGEST]
