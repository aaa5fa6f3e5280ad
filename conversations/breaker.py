"""A bot that does not answer is left alone for a while: meanwhile customers go to people at once.

After three turns in a row that were given up it rests for a minute; then one turn tries it, and the others still go to
people until that one was answered. The database decides which one tries.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F

from conversations.models import Sender

PATIENCE = 3
REST = timedelta(minutes=1)


def lets(sender: Sender, now: datetime) -> bool:
    """Whether its bot is to be asked now. The one that asks first after a rest begins the next rest for all others."""
    if sender.bot_rests_until is None:
        return True
    over = Sender.objects.filter(pk=sender.pk, bot_rests_until__lte=now)
    return bool(over.update(bot_rests_until=now + REST))


def rests(sender: Sender, now: datetime) -> bool:
    """Whether it was given up meanwhile: whoever waits for another attempt then waits no longer."""
    return sender.bot_rests_until is not None and now < sender.bot_rests_until


def answered(sender: Sender) -> None:
    """It works (again)."""
    if sender.bot_failures or sender.bot_rests_until:
        Sender.objects.filter(pk=sender.pk).update(bot_failures=0, bot_rests_until=None)


def gave_up(sender: Sender, now: datetime) -> None:
    """One more turn without an answer of any use."""
    this = Sender.objects.filter(pk=sender.pk)
    this.update(bot_failures=F("bot_failures") + 1)
    this.filter(bot_failures__gte=PATIENCE, bot_rests_until=None).update(bot_rests_until=now + REST)
