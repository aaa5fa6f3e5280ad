"""What is written in the panel: said or noted, and its draft gone with it, in one transaction."""

from __future__ import annotations

from datetime import datetime

from conversations.atomically import atomically
from conversations.choices import Choices
from conversations.models import Conversation, Message, Note
from conversations.uploads import Upload
from operators import desk, drafts, mentions
from operators.models import Draft, Operator


@atomically
def reply(
    conversation: Conversation,
    *,
    operator: Operator,
    body: str,
    epoch: int,
    client_key: str | None,
    seen: int,
    now: datetime,
    upload: Upload | None = None,
    offered: Choices | None = None,
) -> list[Message]:
    """``seen`` is the version of the draft that became this reply."""
    said = desk.reply(
        conversation,
        operator=operator,
        door="panel",
        body=body,
        epoch=epoch,
        client_key=client_key,
        now=now,
        upload=upload,
        offered=offered,
    )
    drafts.sent(conversation, operator=operator, kind=Draft.Kind.REPLY, seen=seen, now=now)
    return said


@atomically
def note(
    conversation: Conversation,
    *,
    author: Operator,
    body: str,
    seen: int,
    now: datetime,
    whisper_to: Operator | None = None,
    client_key: str | None = None,
) -> Note:
    written = mentions.note(
        conversation,
        author=author,
        body=body,
        door="panel",
        now=now,
        whisper_to=whisper_to,
        client_key=client_key,
    )
    kind = Draft.Kind.WHISPER if whisper_to else Draft.Kind.NOTE
    drafts.sent(conversation, operator=author, kind=kind, seen=seen, now=now)
    return written
