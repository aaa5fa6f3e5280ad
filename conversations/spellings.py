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
