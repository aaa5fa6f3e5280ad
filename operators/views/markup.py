"""A message's text in pieces, as WhatsApp shows it: *bold*, _italic_, ~struck~ and addresses one can open.

The pieces stay plain text; the template puts each into its own element.
"""

from __future__ import annotations

import re

_MARKS = {"*": "b", "_": "i", "~": "s"}
_PIECE = re.compile(
    r"(?P<link>https?://[^\s<>\"]+[^\s<>\".,;:!?)\]])"
    r"|(?<![\w*_~])(?P<mark>[*_~])(?P<marked>\S(?:[^\n*_~]*\S)?)(?P=mark)(?![\w*_~])"
)


def pieces(text: str) -> list[tuple[str, str]]:
    """(kind, text), kind being "" for plain text, ``b``, ``i``, ``s`` or ``a``."""
    found: list[tuple[str, str]] = []
    at = 0
    for match in _PIECE.finditer(text):
        if match.start() > at:
            found.append(("", text[at : match.start()]))
        kind = "a" if match["link"] else _MARKS[match["mark"]]
        found.append((kind, match["link"] or match["marked"]))
        at = match.end()
    return [*found, ("", text[at:])] if at < len(text) else found
