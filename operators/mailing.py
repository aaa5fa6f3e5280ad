"""A letter to a queue's address when somebody waits and nobody who could take the chat is there.

It says how many wait and since when, and leads to the console: no name, no text. One row for each queue, looked at
while somebody waits in it; sent in a thread of the worker, and again later when the mail server does not take it.
"""

from __future__ import annotations

import logging
import zoneinfo
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import formats, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations import leases, work
from conversations.models import Conversation, Queue
from operators import presence
from operators.devices import QueueAlarm

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=5)
LEASE = timedelta(seconds=60)
AT_MOST_EVERY = timedelta(minutes=15)
"""One queue is written about at most so often."""
LOOK_AGAIN = timedelta(seconds=30)
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 900.0
MOST = 500


def watch(queue: Queue, now: datetime) -> None:
    """A queue that has an address has an alarm."""
    if queue.alert_email:
        QueueAlarm.objects.get_or_create(queue=queue, defaults={"due_at": now})


@work.begins
def watch_all(now: datetime) -> None:
    for queue in Queue.objects.filter(alarm=None).exclude(alert_email=""):
        watch(queue, now)


def ringing(_now: datetime) -> QuerySet[QueueAlarm]:
    """Of the queues in which somebody waits."""
    waiting = Conversation.objects.queued().filter(queue=OuterRef("queue"))
    return QueueAlarm.objects.filter(Exists(waiting)).exclude(queue__alert_email="")


@work.handles(QueueAlarm, name="alarm", candidates=ringing, at_once=1, lease=LEASE, look_every=LOOK_EVERY)
def run(row: QueueAlarm, now: datetime) -> None:
    queue = Queue.objects.get(pk=row.queue_id)
    line = waiting(queue)
    if later := _not_before(row, queue, line, now):
        leases.reschedule(row, later, attempts=0)
        return
    try:
        letter(queue, [one for one in line if _late_at(one, queue) <= now]).send()
    except (SMTPException, OSError) as error:
        logger.error("a queue's address could not be written to: %s", type(error).__name__)
        pause = leases.back_off(row.attempts, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
        leases.reschedule(row, now + pause)
        return
    told = [_episode(one) for one in line]
    leases.reschedule(row, now + AT_MOST_EVERY, attempts=0, mailed_at=now, told=told)


def waiting(queue: Queue) -> list[Conversation]:
    line = Conversation.objects.queued().filter(queue=queue, sender__demo=False)
    return list(line.order_by("waiting_since", "pk")[:MOST])


def somebody_is_there(queue: Queue, now: datetime) -> bool:
    """Available, at an open console, and serving it; supervisors take from every queue."""
    may = Q(queues=queue) | Q(is_staff=True)
    return presence.available(now).filter(may, organization=queue.organization_id).exists()


def _not_before(row: QueueAlarm, queue: Queue, line: list[Conversation], now: datetime) -> datetime | None:
    """When to look again, if there is nothing to write now."""
    news = [_late_at(one, queue) for one in line if _episode(one) not in row.told]
    if not news or not settings.MAIL_READY:
        return now + LOOK_AGAIN
    if min(news) > now:
        return min(*news, now + LOOK_AGAIN)
    if row.mailed_at and now < row.mailed_at + AT_MOST_EVERY:
        return row.mailed_at + AT_MOST_EVERY
    return now + LOOK_AGAIN if somebody_is_there(queue, now) else None


def _late_at(conversation: Conversation, queue: Queue) -> datetime:
    return (conversation.waiting_since or conversation.created_at) + queue.alert_delay


def letter(queue: Queue, late: list[Conversation]) -> EmailMessage:
    """In the installation's language and time."""
    count, since = len(late), late[0].waiting_since
    with translation.override(settings.LANGUAGE_CODE):
        local = since.astimezone(zoneinfo.ZoneInfo(settings.TIME_ZONE)) if since else None
        subject = ngettext("%(n)d person waits in %(queue)s", "%(n)d people wait in %(queue)s", count)
        lines = [
            _("The first has waited since %(time)s, and nobody who could take the chat is there.")
            % {"time": formats.date_format(local, "SHORT_DATETIME_FORMAT") if local else ""},
            settings.APP_URL + reverse("operator-queue"),
        ]
        named = subject % {"n": count, "queue": " ".join(queue.name.split())}
    return EmailMessage(
        f"{settings.APP_NAME}: {named}", "\n\n".join([f"{named}.", *lines]), to=[queue.alert_email]
    )


def _episode(conversation: Conversation) -> str:
    return f"{conversation.pk}-{conversation.handoff_count}"
