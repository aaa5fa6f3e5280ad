"""Twilio's error codes as data: what to tell the operator, and what can be done.

Twilio keeps refining its codes, so nothing else in the product compares them one by one, and what is not
listed is a permanent failure shown with its code.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WINDOW_CLOSED = 63016
CREDENTIALS = 20003
NO_SUCH_RECIPIENT = frozenset({21211, 21614, 63003})
"""With a user id as recipient these mean: try the phone."""


class Step(StrEnum):
    RETRY = "retry"
    TEMPLATE = "template"
    SUPERVISOR = "supervisor"
    STOP = "stop"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Reaction:
    """``retryable``: a new attempt by a person can change the result. ``again``: refused for the moment only,
    so when Twilio refuses at once (and surely sent nothing) the worker itself tries later."""

    text: str | Promise
    step: Step
    retryable: bool = False
    again: bool = False


_WINDOW = Reaction(
    _("More than 24 hours since the customer's last message: only a template gets through."), Step.TEMPLATE
)
_RECIPIENT = Reaction(_("This customer cannot be reached on WhatsApp."), Step.STOP)
_LOCKED = Reaction(_("WhatsApp has locked this company's number."), Step.SUPERVISOR)
_SETUP = Reaction(_("The sender is not set up correctly at Twilio."), Step.SUPERVISOR, retryable=True)
_OPTED_OUT = Reaction(_("The customer asked not to receive messages."), Step.STOP)
_BUSY = Reaction(
    _("Too many messages at once; try again in a moment."), Step.RETRY, retryable=True, again=True
)
_CONTENT = Reaction(_("WhatsApp does not accept this content."), Step.NONE)
_PASSING = Reaction(_("Not sent: WhatsApp did not respond."), Step.RETRY, retryable=True)
_LIMIT = Reaction(
    _("The number has reached WhatsApp's sending limit."), Step.SUPERVISOR, retryable=True, again=True
)
_TOMORROW = Reaction(
    _("The Twilio account has reached its limit for today."), Step.SUPERVISOR, retryable=True
)
_TOO_LONG = Reaction(_("The message is empty or too long for WhatsApp."), Step.NONE)
_MEDIA = Reaction(_("WhatsApp could not fetch the file."), Step.RETRY, retryable=True)
_SANDBOX = Reaction(_('The customer has to join the sandbox again: ask them to send "join …".'), Step.STOP)
_EXPERIMENT = Reaction(_("WhatsApp does not deliver to this customer now; wait until they write."), Step.NONE)
_MARKETING = Reaction(_("WhatsApp chose not to deliver this marketing message."), Step.NONE)

REACTIONS: dict[int, Reaction] = {
    63016: _WINDOW,
    63015: _SANDBOX,
    63018: _LIMIT,
    63017: _BUSY,
    63024: _RECIPIENT,
    63032: _EXPERIMENT,
    63049: _MARKETING,
    63051: _LOCKED,
    63112: _LOCKED,
    63014: _OPTED_OUT,
    63013: _CONTENT,
    63007: _SETUP,
    63003: _RECIPIENT,
    63019: _MEDIA,
    63021: _CONTENT,
    63008: _SETUP,
    63020: _SETUP,
    63059: _SETUP,
    63012: _PASSING,
    63038: _TOMORROW,
    21211: _RECIPIENT,
    21614: _RECIPIENT,
    21610: _OPTED_OUT,
    21611: _BUSY,
    30001: _BUSY,
    21617: _TOO_LONG,
    14103: _TOO_LONG,
    14107: _BUSY,
    20429: _BUSY,
    20003: _SETUP,
    20404: _SETUP,
}

CAUSES: dict[str, Reaction] = {
    "not_sent": Reaction(
        _("Twilio has no trace of this message: it was not sent."), Step.RETRY, retryable=True
    ),
    "redirect": Reaction(
        _("The address for Twilio's API answers with a redirect."), Step.SUPERVISOR, retryable=True
    ),
}
"""Failures that carry no code of Twilio's."""

DEFAULT = Reaction(_("WhatsApp refused this message."), Step.NONE)


def reaction(code: int | None, cause: str = "") -> Reaction:
    if code is None:
        return CAUSES.get(cause, DEFAULT)
    return REACTIONS.get(code, DEFAULT)
