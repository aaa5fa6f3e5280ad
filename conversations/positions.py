"""Where in the queue somebody waits, and when they are told: on entry, and when they ask, not too often.

``Handoff.position_told_at`` counts, so that of two who ask at once one is answered. An entry that named no place
leaves it empty, and so does a move to another queue: whoever asks right after is told.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Q

from conversations import errors, notices, texts
from conversations.contract import Cause
from conversations.models import Conversation, Handoff, Queue

AGAIN = timedelta(minutes=10)


def welcome(
    conversation: Conversation, queue: Queue | None, priority: int, now: datetime, *, said: bool
) -> tuple[notices.Lines, bool]:
    """What somebody hears who enters the queue: its words, and their place; and whether they heard that.

    Silence stays silence.
    """
    language = conversation.contact.language
    own = queue.text(texts.WAITING, language) if queue else None
    place = _words(queue, language)
    if own is not None or said or not notices.may_speak(conversation, now):
        words, named = own or "", texts.PLACE in (own or "")
    else:
        words, named = " ".join(filter(None, [texts.default(texts.WAITING, language), place])), bool(place)
    if texts.PLACE in words:
        words = words.replace(texts.PLACE, str(_ahead(conversation, queue, priority) + 1))
    lines = notices.system(conversation, words, now)
    return lines, named and bool(lines)


def tell(taken: Conversation, *, cause: Cause, now: datetime) -> bool:
    """Tell a waiting customer their place, unless they heard it a moment ago; whether it was said."""
    words = _words(taken.queue, taken.contact.language)
    if not words.strip() or not notices.may_speak(taken, now):
        return False
    waiting = Conversation.objects.queued()
    with transaction.atomic():
        if not waiting.hold(taken.pk, 0):
            raise errors.NotWaiting
        long_ago = Q(position_told_at=None) | Q(position_told_at__lte=now - AGAIN)
        if not Handoff.objects.filter(long_ago, open_for=taken).update(position_told_at=now):
            return False
        lines = notices.system(taken, words.replace(texts.PLACE, str(of(taken))), now)
        numbers = notices.numbers(lines) - 1
        held = waiting.take(taken.pk, numbers, **notices.last_line(lines, now))
        if held is not None:
            notices.say(held, lines, seq=held.seq - numbers + 1, cause=cause, now=now)
    return True


def of(waiting: Conversation) -> int:
    """1 for whoever is next."""
    before = Q(priority__gt=waiting.priority) | Q(
        priority=waiting.priority, waiting_since__lt=waiting.waiting_since
    )
    return _line(waiting, waiting.queue).filter(before).count() + 1


def _ahead(conversation: Conversation, queue: Queue | None, priority: int) -> int:
    """Those who wait already, and are not overtaken by this priority."""
    return _line(conversation, queue).filter(priority__gte=priority).count()


def _line(conversation: Conversation, queue: Queue | None) -> models.QuerySet[Conversation]:
    """The demo's customers stand in a line of their own: whoever is really there goes before them."""
    return Conversation.objects.queued().filter(queue=queue, sender__demo=conversation.sender.demo)


def _words(queue: Queue | None, language: str) -> str:
    own = queue.text(texts.POSITION, language) if queue else None
    return own if own is not None else texts.default(texts.POSITION, language)
