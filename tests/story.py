"""Every conversation's row beside what its story says of it."""

from __future__ import annotations

from collections import defaultdict

from conversations import replay
from conversations.models import Conversation, Event


def disagreements() -> list[str]:
    """What is wrong, conversation by conversation. Two queries; one while there are none.

    A row says up to which number its story is told, so whoever goes on writing meanwhile disturbs nothing.
    """
    rows = list(
        Conversation.objects.order_by("pk").values_list(
            *("pk", "public_id", "seq", "mode", "epoch"),
            *("operator__public_id", "offered_to__public_id", "merged_into__public_id"),
        )
    )
    stories: defaultdict[int, list[Event]] = defaultdict(list)
    if rows:
        for event in Event.objects.order_by("conversation", "seq"):
            stories[event.conversation_id].append(event)
    found = []
    for pk, public_id, seq, mode, epoch, operator, offered_to, merged_into in rows:
        row = replay.State(str(mode), epoch, _text(operator), _text(offered_to), _text(merged_into))
        try:
            told = replay.replay(event for event in stories[pk] if event.seq <= seq)
        except replay.ImpossibleStory as impossible:
            found.append(f"{public_id}: {type(impossible).__name__} {impossible}")
            continue
        if told != row:
            found.append(f"{public_id}: the row is {row}, its story leads to {told}")
    return found


def _text(public_id: object) -> str | None:
    return None if public_id is None else str(public_id)
