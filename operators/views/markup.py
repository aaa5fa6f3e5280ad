"""A message's text as WhatsApp shows it: *bold*, _italic_, ~struck~, ```code```, > quoted, addresses one can open.

The one place where what a stranger wrote becomes markup. It is put together by ``format_html`` only: every piece
of text is escaped, every tag is one of ours, and an address opens only if it begins with http.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

_TAGS = {"*": "strong", "_": "em", "~": "s"}
_SPAN = re.compile(
    r"```(?P<code>[^`]+)```"
    r"|^> (?P<quoted>(?!> )[^\n]+)\n?"
    r"|(?P<link>https?://[^\s<>\"`]+[^\s<>\"`.,;:!?)\]*~'])"
    r"|(?<![\w*_~])(?P<mark>[*_~])(?P<marked>(?!(?P=mark))\S(?:(?:(?!(?P=mark))[^\n])*(?!(?P=mark))\S)?)"
    r"(?P=mark)(?![\w*_~])",
    re.MULTILINE,
)


def html(text: str, *, named: Mapping[str, bool] | None = None) -> SafeString:
    """``named``: whoever is mentioned, as the text calls them, and whether that is the reader."""
    parts: list[SafeString] = []
    at = 0
    for match in _SPAN.finditer(text):
        parts += [_plain(text[at : match.start()], named), _span(match, named)]
        at = match.end()
    return format_html_join("", "{}", ((part,) for part in [*parts, _plain(text[at:], named)]))


def plain(text: str) -> str:
    """The text without its marks, for where there is room for a line only."""
    return _SPAN.sub(_bare, text)


def _bare(match: re.Match[str]) -> str:
    quoted = match["quoted"]
    return f"{plain(quoted)} " if quoted else match["code"] or match["link"] or plain(match["marked"])


def _plain(text: str, named: Mapping[str, bool] | None) -> SafeString:
    if not named:
        return escape(text)
    names = "|".join(re.escape(name) for name in sorted(named, key=len, reverse=True))
    pieces = re.split(rf"(?<![\w@.])@({names})(?!\w)", text)
    marked = [
        format_html('<mark class="at{}">@{}</mark>', " me" if named[piece] else "", piece)
        if odd % 2
        else escape(piece)
        for odd, piece in enumerate(pieces)
    ]
    return format_html_join("", "{}", ((part,) for part in marked))


def _span(match: re.Match[str], named: Mapping[str, bool] | None) -> SafeString:
    if match["code"]:
        return format_html("<code>{}</code>", match["code"])
    if match["link"]:
        return format_html(
            '<a href="{0}" target="_blank" rel="noopener noreferrer nofollow">{0}</a>', match["link"]
        )
    if match["quoted"]:
        return format_html("<q>{}</q>", html(match["quoted"]))
    # What is inside holds no mark of this kind, so this goes no deeper than there are kinds of marks.
    inside = html(match["marked"], named=named)
    return format_html("<{0}>{1}</{0}>", _TAGS[match["mark"]], inside)
