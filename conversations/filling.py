"""The text of a template with its gaps, ``{{1}}`` or ``{{name}}``, and what may fill them. Pure.

WhatsApp turns away a value with a line break, a tab or a run of spaces (63013), and a text of more than 1024
characters (63021): better said beside the field than by a message that failed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from conversations import errors

LONGEST = 1024
"""UTF-16 units of the filled text, as a phone counts them; a header may have 60."""
MOST = 100
"""Variables that a template may have."""
RUN = " " * 5

_GAP = re.compile(r"\{\{\s*([A-Za-z0-9_]{1,64})\s*\}\}")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a template's text: as it stands, or the gap of a variable."""

    text: str
    gap: str = ""


def names(texts: Iterable[str]) -> list[str]:
    """The variables of these texts in reading order, each once; numbers among themselves by size."""
    found = list(dict.fromkeys(match[1] for text in texts for match in _GAP.finditer(text)))
    if all(name.isdigit() for name in found):
        found.sort(key=int)
    return found[:MOST]


def pieces(text: str) -> Iterator[Piece]:
    at = 0
    for match in _GAP.finditer(text):
        if match.start() > at:
            yield Piece(text[at : match.start()])
        yield Piece(match[0], gap=match[1])
        at = match.end()
    if at < len(text):
        yield Piece(text[at:])


def filled(text: str, values: Mapping[str, str]) -> str:
    return _GAP.sub(lambda match: values.get(match[1], match[0]), text)


def check(wanted: Iterable[str], given: Mapping[str, str], *texts: str) -> dict[str, str]:
    """The values as they are sent; TemplateVariables names every field that is wrong."""
    wanted = list(wanted)
    values = {name: value.strip() for name, value in given.items()}
    wrong = dict.fromkeys((name for name in values if name not in wanted), "unknown")
    for name in wanted:
        if what := _wrong(values.get(name, "")):
            wrong[name] = what
    if not wrong and wanted and any(units(filled(text, values)) > LONGEST for text in texts):
        wrong[max(wanted, key=lambda name: units(values[name]))] = "too_long"
    if wrong:
        raise errors.TemplateVariables(fields=wrong)
    return {name: values[name] for name in wanted}


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _wrong(value: str) -> str:
    if not value:
        return "required"
    # Line and paragraph separators are line breaks as well, and no control character is worth a try.
    if any(unicodedata.category(char) in {"Cc", "Zl", "Zp"} for char in value):
        return "line_break"
    if RUN in value:
        return "spaces"
    return "too_long" if units(value) > LONGEST else ""
