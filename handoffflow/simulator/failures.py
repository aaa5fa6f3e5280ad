"""What *Fail the next send* can make happen, by Twilio's code, in the order of the list."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from handoffflow.simulator import faults
from handoffflow.simulator.ledger import Ledger

USUAL = 63018
"""WhatsApp turns the message away for now, so trying again helps."""
AT_ONCE = frozenset({14107, 20003, 20429, 21610, 21611, 63007, 63008, 63038})
"""Said in the answer to the call. The others are taken first, and a callback says what became of them."""

Choices = Sequence[tuple[str, Sequence[tuple[int, str]]]]


def choices() -> Choices:
    return (
        (
            _("This message"),
            (
                (63018, _("sending limit")),
                (63012, _("WhatsApp does not respond")),
                (63013, _("content not accepted")),
                (63019, _("file not fetched")),
                (14107, _("too many in half a minute")),
                (20429, _("too many calls at once")),
                (99999, _("a code that nobody knows")),
            ),
        ),
        (
            _("This customer"),
            (
                (63014, _("has blocked the number")),
                (21610, _("wants no messages")),
                (63024, _("is not on WhatsApp")),
                (63015, _("has not joined the sandbox")),
                (63049, _("gets no marketing now")),
            ),
        ),
        (
            _("The whole number"),
            (
                (20003, _("credentials refused")),
                (63051, _("locked by WhatsApp")),
                (63038, _("limit of the day reached")),
                (63007, _("not set up as a sender")),
            ),
        ),
    )


def arm(ledger: Ledger, customer: str, code: str) -> None:
    """Let the next message to this customer meet it; whatever else is asked for is the usual one."""
    known = {number for _group, group in choices() for number, _label in group}
    number = int(code) if code.isascii() and code.isdigit() and int(code[:9]) in known else USUAL
    faults.script(ledger, "refused" if number in AT_ONCE else "failed", customer=customer, code=number)
