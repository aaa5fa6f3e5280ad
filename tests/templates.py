"""Templates for any test, and a chat whose window has closed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from conversations import clock
from conversations.models import Conversation, Message, Sender, Template
from operators import desk
from operators.models import Operator
from tests.builders import fresh

_sids = itertools.count(1)


def make_template(sender: Sender, *, gaps: Mapping[str, str] | None = None, **fields: Any) -> Template:
    """An approved text with the gap ``{{1}}``, unless ``fields`` say otherwise."""
    samples = {"1": "Maria"} if gaps is None else gaps
    given = {
        "organization": sender.organization,
        "account_sid": sender.account_sid,
        "content_sid": f"HX{next(_sids):032x}",
        "name": "retomar_o_atendimento",
        "language": "pt_BR",
        "category": "utility",
        "approval": "approved",
        "kind": "twilio/text",
        "body": "Oi, {{1}}. Podemos continuar de onde paramos?",
        "variables": [{"name": name, "sample": sample} for name, sample in samples.items()],
        "synced_at": clock.now(),
    }
    return Template.objects.create(**given | fields)


def close_window(conversation: Conversation, *, hours: int = 25) -> Conversation:
    """The customer's last word was ``hours`` ago."""
    ago = clock.now() - timedelta(hours=hours)
    Conversation.objects.filter(pk=conversation.pk).update(
        last_inbound_at=ago, window_expires_at=ago + timedelta(hours=24)
    )
    return fresh(conversation)


def send(
    conversation: Conversation,
    operator: Operator,
    template: Template,
    values: Mapping[str, str],
    *,
    epoch: int | None = None,
    client_key: str | None = None,
) -> Message:
    current = fresh(conversation)
    return desk.send_template(
        current,
        operator=operator,
        door="panel",
        template=template,
        values=values,
        epoch=current.epoch if epoch is None else epoch,
        client_key=client_key,
        now=clock.now(),
    )
