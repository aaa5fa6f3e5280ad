"""The two spellings of one phone: Brazil's ninth digit, Mexico's 1 after the country code. Pure.

WhatsApp has old numbers without the one and with the other. They are matched for finding somebody and for asking
whether two are one person; an address is never rewritten for sending, which would write to a stranger.
"""

from __future__ import annotations

import re

_BRAZILIAN_MOBILE = re.compile(r"(.*\+)?55(\d\d)(9?)([6-9]\d{7})\Z", re.ASCII)
_MEXICAN = re.compile(r"(.*\+)?52(1?)([2-9]\d{9})\Z", re.ASCII)


def twin(address: str) -> str | None:
    """How else the same phone may be written, ``whatsapp:+`` before it or not; None where there is one way only."""
    if number := _BRAZILIAN_MOBILE.match(address):
        before, area, ninth, rest = number.groups()
        return f"{before or ''}55{area}{'' if ninth else '9'}{rest}"
    if number := _MEXICAN.match(address):
        before, one, rest = number.groups()
        return f"{before or ''}52{'' if one else '1'}{rest}"
    return None


def spellings(address: str) -> list[str]:
    other = twin(address)
    return [address, other] if other else [address]


_PIECES = tuple(
    (re.compile(pattern, re.ASCII), spelt)
    for pattern, spelt in (
        (r"(55\d\d|)9([6-9]\d{7})", r"\1\2"),  # the whole number, its area left out or with the country code
        *((rf"({area})9([6-9]\d{{2,7}})", r"\1\2") for area in (r"\d\d", r"55\d\d")),
        *((rf"({area})([6-9]\d{{2,7}})", r"\g<1>9\2") for area in (r"\d\d", r"55\d\d")),
        (r"(52)1([2-9]\d{1,9})", r"\1\2"),
        (r"(52)([2-9]\d{1,9})", r"\g<1>1\2"),
    )
)


def fragments(digits: str) -> list[str]:
    """A piece of a number as somebody types it, its country code left out or not, and how else that phone may be
    written. A piece may be read in more than one way: 55 is a country and an area."""
    others = [found.expand(spelt) for piece, spelt in _PIECES if (found := piece.fullmatch(digits))]
    return list(dict.fromkeys([digits, *others]))
