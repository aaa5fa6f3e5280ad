"""Reading of .po files: enough of the format for our own, and an error for what is not."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

_KEYWORD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d)\])?\s*(".*")$')


@dataclass
class Entry:
    line: int
    fuzzy: bool = False
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def forms(self) -> list[str]:
        return [text for name, text in sorted(self.texts.items()) if name.startswith("msgstr")]

    @property
    def is_usable(self) -> bool:
        """Half a translation is none: gettext then shows the source."""
        return all(self.forms) and (not self.fuzzy or not self.texts["msgid"])

    @property
    def key(self) -> bytes:
        key = self.texts["msgid"]
        if "msgctxt" in self.texts:
            key = f"{self.texts['msgctxt']}\x04{key}"
        if "msgid_plural" in self.texts:
            key = f"{key}\0{self.texts['msgid_plural']}"
        return key.encode()

    @property
    def value(self) -> bytes:
        return "\0".join(self.forms).encode()


def parse(text: str) -> list[Entry]:
    """All entries, the header (an empty msgid) included; raises ValueError with the line."""
    entries: list[Entry] = []
    fuzzy, current = False, ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#,"):
            fuzzy = fuzzy or "fuzzy" in line
        elif not line or line.startswith("#"):
            current = ""
        elif line.startswith('"'):
            if not current:
                raise ValueError(f"line {number}: a text that belongs to nothing")
            entries[-1].texts[current] += _unquoted(line, number)
        else:
            current, fuzzy = _keyword(line, number, entries, fuzzy), False
    if incomplete := [entry for entry in entries if "msgid" not in entry.texts or not entry.forms]:
        raise ValueError(f"line {incomplete[0].line}: an incomplete entry")
    return entries


def _keyword(line: str, number: int, entries: list[Entry], fuzzy: bool) -> str:
    match = _KEYWORD.match(line)
    if not match:
        raise ValueError(f"line {number}: not understood")
    word, form, quoted = match.groups()
    begins = word == "msgctxt" or (word == "msgid" and (not entries or entries[-1].forms))
    if begins:
        entries.append(Entry(line=number))
    if not entries:
        raise ValueError(f"line {number}: {word} before msgid")
    entries[-1].fuzzy = entries[-1].fuzzy or fuzzy
    name = f"{word}[{form}]" if form else word
    if name in entries[-1].texts:
        raise ValueError(f"line {number}: {name} twice")
    entries[-1].texts[name] = _unquoted(quoted, number)
    return name


def _unquoted(quoted: str, number: int) -> str:
    try:
        return str(ast.literal_eval(quoted))
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"line {number}: a quote that does not end") from error
