"""Canned replies: which are offered in a conversation, and what stands for the words in braces.

``{first_name}``, ``{name}``, ``{agent}``, ``{protocol}``, ``{queue}`` and ``{company}``, in English, Portuguese or
Spanish, with or without marks and capitals. What is not known stays as it is, for a person to fill in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import UUID

from django.db.models import Q

from conversations import words
from conversations.models import Conversation
from operators.models import CannedReply

MOST = 50
_BRACES = re.compile(r"\{ *([^\W\d](?:[\w -]{0,38}[\w-])?) *\}")
_MEANINGS = {
    "first_name": ("first_name", "primeiro_nome", "primer_nombre"),
    "name": ("name", "nome", "nombre"),
    "agent": ("agent", "atendente", "agente"),
    "protocol": ("protocol", "protocolo"),
    "queue": ("queue", "fila", "cola"),
    "company": ("company", "empresa"),
}
_KNOWN = {word: meaning for meaning, known in _MEANINGS.items() for word in known}


def offered(conversation: Conversation, search: str = "") -> list[CannedReply]:
    """Those of the conversation's queue first, then those of every queue; ``search`` finds by code and words."""
    found = CannedReply.objects.filter(
        Q(queue=None) | Q(queue=conversation.queue_id),
        organization=conversation.sender.organization_id,
        active=True,
    )
    wanted = words.folded(search).split()
    # Few enough to be read: no database folds accents as the others do.
    replies = sorted(found, key=lambda reply: (reply.queue_id is None, reply.order, reply.code, reply.pk))
    fitting = [reply for reply in replies if all(_says(reply, word) for word in wanted)]
    first = [reply for reply in fitting if wanted and words.folded(reply.code).startswith(wanted[0])]
    return [*first, *(reply for reply in fitting if reply not in first)][:MOST]


def one(conversation: Conversation, public_id: UUID) -> CannedReply | None:
    return next((reply for reply in offered(conversation) if reply.public_id == public_id), None)


def fill(text: str, values: Mapping[str, str]) -> str:
    """``values`` by meaning; an empty one is not known."""
    return _BRACES.sub(lambda found: values.get(meaning(found[1]), "") or found[0], text)


def gaps(text: str) -> list[str]:
    """What still stands in braces, each once."""
    return list(dict.fromkeys(found[0] for found in _BRACES.finditer(text)))


def meaning(word: str) -> str:
    """Which of the known words this is; nothing for any other."""
    return _KNOWN.get(re.sub(r"[ -]+", "_", words.folded(word.strip())), "")


def _says(reply: CannedReply, word: str) -> bool:
    """Whether one of its words begins like that."""
    return (
        re.search(rf"\b{re.escape(word)}", words.folded(f"{reply.code} {reply.title} {reply.body}"))
        is not None
    )
