"""Twilio's shared number: how somebody joins it."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from urllib.parse import quote

from django.utils.translation import gettext as _

from conversations.models import Sender
from handoffflow.doctor.finding import Finding, advice

WORDS = "join "


def link(sender: Sender, code: str = "") -> str:
    """Opens WhatsApp with the words that join written already; the account's own two come from Twilio's console."""
    number = sender.address.removeprefix("whatsapp:+")
    return f"https://wa.me/{number}?text={quote(WORDS + code.removeprefix(WORDS).strip())}"


def picture(url: str) -> str:
    """The code to point a phone at, as an address for an image."""
    import segno

    return str(segno.make(url, micro=False).svg_data_uri(scale=4, border=2))


def drawn(url: str) -> str:
    """The same for a terminal."""
    import segno

    out = StringIO()
    segno.make(url, micro=False).terminal(out=out, compact=True)
    return out.getvalue()


def invite(senders: list[Sender], code: str = "") -> Iterator[Finding]:
    for sender in senders:
        if sender.sandbox:
            what = _(
                "This is Twilio's sandbox: who wants to write to it, or be written to, has to join it first, and again"
                " after three days."
            )
            fix = _(
                "Let them open %(link)s and send the words of your sandbox (manage.py doctor --code two-words)."
            )
            yield advice("sandbox", sender.name, what, fix % {"link": link(sender, code)})
