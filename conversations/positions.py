"""Where in the queue somebody waits, and when they are told: on entry, and when they ask, not too often."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from conversations import notices, texts
from conversations.contract import Cause
from conversations.models import Conversation, Handoff, Queue

AGAIN = timedelta(minutes=10)


def welcome(
    conversation: Conversation, queue: Queue | None, priority: int, now: datetime, *, said: bool
) -> notices.Lines:
    """What somebody hears who enters the queue: its words, and their place. Silence stays silence."""
    language = conversation.contact.language
    own = queue.text(texts.WAITING, language) if queue else None
    if own is not None or said or not notices.may_speak(conversation, now):
        words = own or ""
    else:
        words = " ".join(filter(None, [texts.default(texts.WAITING, language), _words(queue, language)]))
    if texts.PLACE in words:
        words = words.replace(texts.PLACE, str(_ahead(conversation, queue, priority) + 1))
    return notices.system(conversation, words, now)


def tell(taken: Conversation, *, cause: Cause, now: datetime) -> bool:
    """Tell a waiting customer their place, unless they heard it a moment ago; whether it was said."""
    words = _words(taken.queue, taken.contact.language)
    told = Q(position_told_at=None) | Q(position_told_at__lte=now - AGAIN)
    if not words or not Handoff.objects.filter(told, open_for=taken).update(position_told_at=now):
        return False
    lines = notices.system(taken, words.replace(texts.PLACE, str(of(taken))), now)
    held = Conversation.objects.queued().take(
        taken.pk, notices.numbers(lines) - 1, **notices.last_line(lines, now)
    )
    if held is None or not lines:
        return False
    notices.say(held, lines, seq=held.seq - notices.numbers(lines) + 2, cause=cause, now=now)
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
