"""Twilio's error codes as data: what to tell the operator, and what can be done.

Twilio keeps refining its codes, so nothing else in the product compares them one by one, and what is not
listed is a permanent failure shown with Twilio's own words and a link to its page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WINDOW_CLOSED = 63016
CREDENTIALS = 20003
NO_SUCH_RECIPIENT = frozenset({21211, 21614, 63003})
"""With a user id as recipient these mean: try the phone."""
PAGE = "https://www.twilio.com/docs/api/errors/{code}"


class Step(StrEnum):
    RETRY = "retry"
    TEMPLATE = "template"
    SUPERVISOR = "supervisor"
    STOP = "stop"
    WAIT = "wait"
    CHANGE = "change"
    NONE = "none"


STEPS: dict[Step, str | Promise] = {
    Step.RETRY: _("Try again in a moment."),
    Step.TEMPLATE: _("Send a template, or wait until they write."),
    Step.SUPERVISOR: _("Tell your supervisor."),
    Step.STOP: _("Reach them another way; here nothing arrives until they write."),
    Step.WAIT: _("Wait until they write."),
    Step.CHANGE: _("Change the message and send it as a new one."),
    Step.NONE: "",
}


class Trouble(StrEnum):
    """What is wrong with the account or the number, and not with a message: it stops all of them."""

    CREDENTIALS = "credentials_refused"
    LOCKED = "number_locked"
    LIMIT = "daily_limit"
    SANDBOX = "sandbox_only"
    SETUP = "wrong_channel"


TROUBLES: dict[str, str | Promise] = {
    Trouble.CREDENTIALS: _("credentials refused"),
    Trouble.LOCKED: _("locked by WhatsApp"),
    Trouble.LIMIT: _("limit of the day reached"),
    Trouble.SANDBOX: _("only a sandbox number"),
    Trouble.SETUP: _("not set up as a sender"),
}


@dataclass(frozen=True, slots=True)
class Reaction:
    """``retryable``: a new attempt by a person can change the result. ``again``: refused for the moment only, so what
    surely was not sent the worker tries so often itself, the first time after ``pause``. ``trouble``: it is not
    about this message. ``stops``: nothing more goes to this address until they write."""

    text: str | Promise
    step: Step
    retryable: bool = False
    again: int = 0
    pause: timedelta = timedelta()
    trouble: Trouble | None = None
    stops: bool = False


OFTEN = 6
"""With pauses that double, from half a minute on: about half an hour in all."""
HALF_A_MINUTE = timedelta(seconds=30)

_WINDOW = Reaction(
    _("More than 24 hours since the customer's last message: only a template gets through."), Step.TEMPLATE
)
_RECIPIENT = Reaction(_("This customer cannot be reached on WhatsApp."), Step.STOP)
_LOCKED = Reaction(
    _("WhatsApp has locked this company's number."),
    Step.SUPERVISOR,
    retryable=True,
    trouble=Trouble.LOCKED,
)
_SETUP = Reaction(
    _("The sender is not set up correctly at Twilio."),
    Step.SUPERVISOR,
    retryable=True,
    trouble=Trouble.SETUP,
)
_NOT_FOUND = Reaction(_("The sender is not set up correctly at Twilio."), Step.SUPERVISOR, retryable=True)
_CREDENTIALS = Reaction(
    _("Twilio refused this sender's credentials."),
    Step.SUPERVISOR,
    retryable=True,
    trouble=Trouble.CREDENTIALS,
)
_OPTED_OUT = Reaction(_("The customer asked not to receive messages."), Step.WAIT, stops=True)
_BLOCKED = Reaction(_("The customer has blocked this number."), Step.WAIT, stops=True)
_BUSY = Reaction(
    _("Too many messages at once; try again in a moment."), Step.RETRY, retryable=True, again=OFTEN
)
_CROWDED = Reaction(
    _("Too many messages to this customer in half a minute."),
    Step.RETRY,
    retryable=True,
    again=OFTEN,
    pause=HALF_A_MINUTE,
)
_CONTENT = Reaction(_("WhatsApp does not accept this content."), Step.CHANGE)
_PASSING = Reaction(_("Not sent: WhatsApp did not respond."), Step.RETRY, retryable=True, again=1)
_LIMIT = Reaction(
    _("The number has reached WhatsApp's sending limit."),
    Step.SUPERVISOR,
    retryable=True,
    again=OFTEN,
    pause=HALF_A_MINUTE,
)
_TOMORROW = Reaction(
    _("The Twilio account has reached its limit for today."),
    Step.SUPERVISOR,
    retryable=True,
    trouble=Trouble.LIMIT,
)
_TOO_LONG = Reaction(_("The message is empty or too long for WhatsApp."), Step.CHANGE)
_MEDIA = Reaction(_("WhatsApp could not fetch the file."), Step.RETRY, retryable=True, again=1)
_UPLOAD = Reaction(_("WhatsApp had trouble with the file. Twilio tries again by itself."), Step.NONE)
_SANDBOX = Reaction(
    _('The customer has to join the sandbox again: ask them to send "join …" and the code of your sandbox.'),
    Step.WAIT,
    retryable=True,
    trouble=Trouble.SANDBOX,
)
_EXPERIMENT = Reaction(_("WhatsApp does not deliver to this customer now."), Step.WAIT)
_MARKETING = Reaction(_("WhatsApp chose not to deliver this marketing message."), Step.WAIT)
_FAULT = Reaction(_("Twilio could not read what was sent to it: a fault of this product."), Step.SUPERVISOR)
_SERVER = Reaction(_("Twilio had a fault of its own."), Step.RETRY, retryable=True)
_WEBHOOK = Reaction(_("Twilio could not reach this product."), Step.SUPERVISOR)

REACTIONS: dict[int, Reaction] = {
    11200: _WEBHOOK,
    12300: _WEBHOOK,
    14103: _TOO_LONG,
    14107: _CROWDED,
    20003: _CREDENTIALS,
    20404: _NOT_FOUND,
    20429: _BUSY,
    20500: _SERVER,
    20503: _SERVER,
    21211: _RECIPIENT,
    21603: _FAULT,
    21604: _FAULT,
    21609: _FAULT,
    21610: _OPTED_OUT,
    21611: _BUSY,
    21614: _RECIPIENT,
    21617: _TOO_LONG,
    21619: _FAULT,
    21620: _FAULT,
    21701: _NOT_FOUND,
    21703: _NOT_FOUND,
    30001: _BUSY,
    63003: _RECIPIENT,
    63007: _SETUP,
    63008: _SETUP,
    63012: _PASSING,
    63013: _CONTENT,
    63014: _BLOCKED,
    63015: _SANDBOX,
    63016: _WINDOW,
    63017: _BUSY,
    63018: _LIMIT,
    63019: _MEDIA,
    63020: _SETUP,
    63021: _CONTENT,
    63024: _RECIPIENT,
    63032: _EXPERIMENT,
    63037: _UPLOAD,
    63038: _TOMORROW,
    63049: _MARKETING,
    63051: _LOCKED,
    63059: _SETUP,
    63112: _LOCKED,
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


def known(code: int) -> bool:
    return code in REACTIONS
