"""Does a signed request get through to us? ``doctor`` posts one to the public address and looks for our answer.

It is a form like Twilio's with a field that Twilio does not have and without the SID that every message has. Only who
holds the account's token can sign it; nothing is stored, and the answer shows that the installation that was reached
has the same SECRET_KEY.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping

from django.utils.crypto import salted_hmac

FIELD = "HandoffFlowProbe"
_SALT = "conversations.probe"


def form(*, account_sid: str, address: str) -> dict[str, str]:
    return {"AccountSid": account_sid, "To": address, FIELD: secrets.token_hex(16)}


def asked(given: Mapping[str, str]) -> bool:
    return FIELD in given and "MessageSid" not in given


def answer(given: Mapping[str, str]) -> str:
    return salted_hmac(_SALT, given[FIELD], algorithm="sha256").hexdigest()


def answers(given: Mapping[str, str], body: str) -> bool:
    return hmac.compare_digest(answer(given).encode(), body.strip().encode())
