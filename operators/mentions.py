"""Colleagues named in a note: who can be, who is meant by an ``@``, and who has not read it yet.

A mention is read out of the text itself, so that it works without script and says what anybody reads: the ``@`` and a
name by which one colleague is known. Only whoever may see the conversation can be meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from conversations import errors, messages, notes, words
from conversations.contract import Cause, Door
from conversations.models import Conversation, Mention, Note
from operators import desk
from operators.models import Operator

MOST = 20
"""Of the marks in one note, so many are looked at."""
_AT = re.compile(r"(?<![\w@.])@(?=\w)")


@dataclass(frozen=True, slots=True)
class Colleague:
    operator: Operator
    handle: str
    """What is written behind the @: the first name where one only has it, else more of it."""


def note(
    conversation: Conversation,
    *,
    author: Operator | None,
    body: str,
    door: Door,
    now: datetime,
    whisper_to: Operator | None = None,
    by: Cause | None = None,
    client_key: str | None = None,
) -> Note:
    """A note of the team's, and the row of each colleague it names. ``author`` is None for an integration: ``by``."""
    text = messages.storable(body).replace("\r\n", "\n")
    return notes.add(
        conversation,
        author=author,
        body=text,
        cause=by or (desk.cause(author, door) if author else Cause(kind="api", door=door)),
        now=now,
        whisper_to=whisper_to,
        mentioned=_meant(conversation, author, text),
        client_key=client_key,
    )


def colleagues(conversation: Conversation, operator: Operator) -> list[Colleague]:
    """Whoever of the team may see this conversation, by name, without the one who asks."""
    team = list(_team(operator.organization_id))
    seeing = _seeing(conversation)
    return [
        Colleague(one, handle)
        for one, handle in zip(team, _handles(team), strict=True)
        if one.pk in seeing and one.pk != operator.pk
    ]


def unread(operator: Operator) -> set[int]:
    """The conversations in which this operator is named and has not read it, where they go on now."""
    return Mention.objects.unread_by(operator).places()


def newest(operator: Operator, most: int) -> list[Mention]:
    """Those not read yet, of what they may see."""
    rows = Mention.objects.unread_by(operator).within(Conversation.objects.visible_to(operator))
    known = rows.select_related(
        "note__author", "note__conversation__contact", "note__conversation__merged_into"
    )
    return list(known.order_by("-pk")[:most])


def read(conversation: Conversation, operator: Operator, now: datetime) -> int:
    """They have opened it; how many mentions that were."""
    return Mention.objects.unread_by(operator).of(conversation).update(read_at=now)


def _meant(conversation: Conversation, author: Operator | None, text: str) -> list[tuple[Operator, str]]:
    """Each colleague that the text names, once, as it calls them; MentionRefused for one who cannot see it."""
    places = [match.end() for match in _AT.finditer(text)][:MOST]
    if not places:
        return []
    known = _known(list(_team(conversation.sender.organization_id)))
    longest = 2 * max(map(len, known), default=0)
    found: dict[int, tuple[Operator, str]] = {}
    for place in places:
        if named := _named(text, place, known, longest):
            found.setdefault(named[0].pk, named)
    if author is not None:
        found.pop(author.pk, None)
    seeing = _seeing(conversation) if found else set()
    for operator, _said in found.values():
        if operator.pk not in seeing:
            raise errors.MentionRefused(name=operator.shown_name)
    return list(found.values())


def _team(organization: int) -> QuerySet[Operator]:
    team = Operator.objects.filter(organization=organization, is_active=True)
    return team.order_by("first_name", "last_name", "username")


def _seeing(conversation: Conversation) -> set[int]:
    """The ids of whoever ``Conversation.objects.visible_to`` would show it to."""
    team = _team(conversation.sender.organization_id)
    if conversation.queue_id is not None:
        here = Q(pk__in=[conversation.operator_id or 0, conversation.offered_to_id or 0])
        serving = Operator.queues.through._default_manager.filter(queue_id=conversation.queue_id)
        team = team.filter(here | Q(is_staff=True) | Q(pk__in=serving.values("operator_id")))
    return set(team.values_list("pk", flat=True))


def _handles(team: Sequence[Operator]) -> list[str]:
    """The shortest name of each that is nobody else's."""
    counted = Counter(name for one in team for name in {words.folded(text) for text in _names(one)})
    return [
        next((name for name in _names(one) if counted[words.folded(name)] == 1), one.username) for one in team
    ]


def _names(operator: Operator) -> list[str]:
    return [name for name in (operator.first_name, operator.get_full_name(), operator.username) if name]


def _known(team: Sequence[Operator]) -> dict[str, Operator]:
    """By every name that means one of them only."""
    meant: dict[str, set[Operator]] = {}
    for one in team:
        for name in _names(one):
            meant.setdefault(words.folded(name), set()).add(one)
    return {name: next(iter(people)) for name, people in meant.items() if len(people) == 1}


def _named(text: str, place: int, known: dict[str, Operator], longest: int) -> tuple[Operator, str] | None:
    """Whoever is called by the longest name that the text goes on with; accents and capitals make no difference."""
    for end in range(min(len(text), place + longest), place, -1):
        if end < len(text) and _belongs(text[end]):
            continue
        said = text[place:end]
        if (one := known.get(words.folded(said))) is not None:
            return one, said
    return None


def _belongs(char: str) -> bool:
    """To the word before it."""
    return char.isalnum() or char == "_" or bool(unicodedata.combining(char))


def said_in(note: Note) -> Collection[str]:
    """What a note calls those it names. One query, unless they were fetched along."""
    return sorted({mention.said for mention in note.mentions.all() if mention.said}, key=len, reverse=True)
