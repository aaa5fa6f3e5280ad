"""Canned replies as the console shows them: with the names of this conversation in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from conversations.models import Conversation
from operators import canned, drafts, forms
from operators.http import OperatorRequest
from operators.models import CannedReply, Draft, Operator
from operators.views import wording


@dataclass(frozen=True, slots=True)
class Filled:
    id: str
    code: str
    title: str
    text: str
    gaps: list[str]


def offered(conversation: Conversation, operator: Operator, search: str) -> list[Filled]:
    values = _values(conversation, operator)
    return [_filled(reply, values) for reply in canned.offered(conversation, search)]


def filled_in(request: OperatorRequest, conversation: Conversation) -> dict[str, Any]:
    """``?canned=`` without script: the reply box with the text after what was begun, and what it still lacks."""
    wanted = forms.uuid(request.GET.get("canned"))
    reply = canned.one(conversation, wanted) if wanted else None
    if reply is None:
        return {}
    filled = _filled(reply, _values(conversation, request.operator))
    begun = drafts.of(conversation, request.operator).get(Draft.Kind.REPLY)
    text = f"{begun.text}\n{filled.text}" if begun and begun.text else filled.text
    return {"draft": text, "reason": missing(filled.gaps)}


def missing(gaps: list[str]) -> str:
    return _("Fill in before sending: %(gaps)s") % {"gaps": ", ".join(gaps)} if gaps else ""


def _filled(reply: CannedReply, values: dict[str, str]) -> Filled:
    text = canned.fill(reply.body.replace("\r\n", "\n"), values)
    return Filled(str(reply.public_id), reply.code, reply.title, text, canned.gaps(text))


def _values(conversation: Conversation, operator: Operator) -> dict[str, str]:
    """What is not known is left to whoever writes: a number is no name."""
    name, handoff = conversation.contact.name.strip(), conversation.handoff
    return {
        "first_name": wording.first_name(name),
        "name": name,
        "agent": wording.first_name(operator.shown_name),
        "protocol": str(handoff.number) if handoff else "",
        "queue": conversation.queue.name if conversation.queue else "",
        "company": conversation.sender.name or conversation.sender.organization.name,
    }
