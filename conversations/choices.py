"""What a customer may answer with by pressing: up to three buttons, or a list of up to ten lines. Pure.

WhatsApp takes these without review while the window is open. At Twilio each has to be a content: it is made once per
shape, and what is said above the buttons fills it, line by line, so that no text of a customer's is kept there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from conversations import errors

BODY, BUTTON, LINE, NOTE = 1024, 20, 24, 72
MOST_BUTTONS, MOST_LINES = 3, 10
_RUN = re.compile(r"[^\S\n]+")


_SEE = {"pt-br": "Ver opções", "en": "See options", "es": "Ver opciones"}


@dataclass(frozen=True, slots=True)
class Line:
    title: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """Buttons, or the lines behind one button (``menu`` is what it says)."""

    lines: tuple[Line, ...]
    menu: str = ""

    def kept(self) -> dict[str, Any]:
        """As the message keeps it, with what a bubble shows as buttons."""
        kind = "line" if self.menu else "reply"
        shown = [{"kind": "list", "title": self.menu}] if self.menu else []
        shown += [{"kind": kind, "title": line.title} for line in self.lines]
        return {"menu": self.menu, "lines": [asdict(line) for line in self.lines], "buttons": shown}


def buttons(titles: Iterable[str]) -> Choices:
    """Up to three; InvalidChoices says what is wrong with which."""
    lines = tuple(Line(_one_line(title)) for title in titles)
    return _checked(Choices(lines), longest=BUTTON, most=MOST_BUTTONS)


def offered(titles: Sequence[str], language: str) -> Choices:
    """As few as fit are buttons; more are a list behind one, which says so in the customer's language."""
    if len(titles) <= MOST_BUTTONS:
        return buttons(titles)
    return menu(_SEE.get(language, _SEE["en"]), [(title, "") for title in titles])


def menu(button: str, lines: Iterable[tuple[str, str]]) -> Choices:
    """A list behind a button: up to ten lines, each with a note if there is one."""
    found = Choices(
        tuple(Line(_one_line(title), _one_line(note)) for title, note in lines), _one_line(button)
    )
    if not found.menu or _units(found.menu) > BUTTON:
        raise errors.InvalidChoices(fields={"button": "too_long" if found.menu else "required"})
    return _checked(found, longest=LINE, most=MOST_LINES)


def read(kept: Mapping[str, Any]) -> Choices:
    return Choices(tuple(Line(**line) for line in kept["lines"]), kept["menu"])


def content(choices: Choices, body: str, language: str) -> tuple[dict[str, Any], dict[str, str]]:
    """What Twilio is to keep (its ``friendly_name`` names the shape), and what fills it for this message."""
    texts = [_RUN.sub(" ", text).strip() for text in body.split("\n")]
    values = {str(number): text for number, text in enumerate(filter(None, texts), start=1)}
    numbers = iter(values)
    said = "\n".join(f"{{{{{next(numbers)}}}}}" if text else "" for text in texts)
    kind, shape = _shape(choices, said)
    row = {"language": language, "variables": dict.fromkeys(values, "…"), "types": {kind: shape}}
    print_of = json.dumps(row, sort_keys=True, ensure_ascii=False).encode()
    return row | {"friendly_name": f"session-{hashlib.sha256(print_of).hexdigest()[:32]}"}, values


def _shape(choices: Choices, said: str) -> tuple[str, dict[str, Any]]:
    named = [(f"choice_{number}", line) for number, line in enumerate(choices.lines, start=1)]
    if choices.menu:
        items = [{"id": key, "item": line.title, "description": line.note} for key, line in named]
        return "twilio/list-picker", {"body": said, "button": choices.menu, "items": items}
    actions = [{"type": "QUICK_REPLY", "title": line.title, "id": key} for key, line in named]
    return "twilio/quick-reply", {"body": said, "actions": actions}


def _checked(choices: Choices, *, longest: int, most: int) -> Choices:
    wrong = dict(_faults(choices.lines, longest))
    if not choices.lines:
        wrong[""] = "required"
    elif len(choices.lines) > most:
        wrong[""] = "too_many"
    if wrong:
        raise errors.InvalidChoices(fields=wrong)
    return choices


def _faults(lines: Sequence[Line], longest: int) -> Iterable[tuple[str, str]]:
    seen: set[str] = set()
    for place, line in enumerate(lines):
        if not line.title:
            yield str(place), "required"
        elif _units(line.title) > longest or _units(line.note) > NOTE:
            yield str(place), "too_long"
        elif line.title in seen or "{{" in line.title + line.note:
            # Twilio would read the braces as a variable, and of two alike nobody knows which was pressed.
            yield str(place), "twice" if line.title in seen else "braces"
        seen.add(line.title)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
