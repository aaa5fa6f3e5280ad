"""Whom the story calls while they have no console open, and whether they still are to be called.

The events are read on from a cursor, in the worker: what a call is made of costs whoever writes nothing, and after an
outage it goes on where it was. The cursor moves in the transaction that notes the calls. Each call is looked at again
right before it leaves: somebody may have taken the chat, or opened a console.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from conversations import events, leases, work
from conversations.atomically import atomically
from conversations.models import Conversation, Event, Mode, Note
from operators import preferences, push, subscribing
from operators.devices import CallKind, PushCall, PushSubscription, Story
from operators.models import Operator, Presence, PresenceStatus

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=1)
GAP = timedelta(seconds=1)
"""How often it looks for an event whose id was given out and which is not there yet."""
AGAIN_AFTER = timedelta(seconds=30)
"""One chat calls one browser at most so often, however much its customer writes."""
MOST_ATTEMPTS = 6
MOST_FAILURES = 10
"""Calls in a row that failed: then the device counts as gone."""
KEPT = timedelta(days=1)
LEASE = timedelta(seconds=30)
WAITS_SECONDS, OFFER_SECONDS = 600, 60
ENTERS = {
    *("handoff.requested", "handoff.requeued", "handoff.transferred", "handoff.inherited"),
    *("handoff.declined", "handoff.offer_expired"),
}
OFFERS = {"handoff.offered", "handoff.transferred", "handoff.inherited"}


# The story --------------------------------------------------------------------------------------


def behind(_now: datetime) -> QuerySet[Story]:
    found = [row.pk for row in Story.objects.all() if events.behind(row.cursor)]
    return Story.objects.filter(pk__in=found)


@work.handles(Story, name="calls", candidates=behind, at_once=1, look_every=LOOK_EVERY)
def follow(row: Story, now: datetime) -> None:
    _read(row, now)


@atomically
def _read(row: Story, now: datetime) -> None:
    feed = events.since(row.cursor, organization=None)
    for event in feed.events:
        _note(event, now)
    later = now if feed.events else now + GAP
    if feed.events:
        PushCall.objects.filter(due_at=None, made_at__lt=now - KEPT).delete()
    leases.finish_or_undo(row, cursor=feed.cursor, due_at=later)


def _note(event: Event, now: datetime) -> None:
    called = _called(event)
    if called is None:
        return
    kind, people = called
    devices = people.filter(
        operator__organization=event.organization_id, operator__is_active=True
    ).values_list("pk", "operator__public_id")
    _call([pk for pk, who in devices if str(who) != _actor(event)], kind, event, now)


def _called(event: Event) -> tuple[CallKind, QuerySet[PushSubscription]] | None:
    """Who is called by it, judged by how the conversation stands now: what has been settled since calls nobody."""
    conversation, everybody = event.conversation, PushSubscription.objects.all()
    waits = conversation.mode == Mode.QUEUED
    if event.kind in OFFERS and waits and conversation.offered_to_id:
        return CallKind.OFFERED, everybody.filter(operator=conversation.offered_to_id)
    if event.kind in ENTERS and waits and not conversation.offered_to_id:
        if conversation.queue_id is None:
            return CallKind.WAITING, everybody
        return CallKind.WAITING, everybody.filter(operator__queues=conversation.queue_id)
    if event.kind == "message.received" and conversation.mode == Mode.HUMAN:
        return CallKind.MESSAGE, everybody.filter(operator=conversation.operator_id)
    if event.kind == "note.added":
        return CallKind.MENTION, everybody.filter(_mentioned(event))
    return None


def _mentioned(event: Event) -> Q:
    """Those a note names (``mentioned``, by the id of their row), and the one it was whispered to."""
    note = Note.objects.filter(pk=event.data.get("note"), conversation=event.conversation_id).first()
    named = Q(operator__in=list(event.data.get("mentioned") or []))
    return named | Q(operator=note.for_operator_id) if note and note.for_operator_id else named


def _actor(event: Event) -> str:
    return event.actor_id if event.actor_kind == "operator" else ""


def _call(devices: Collection[int], kind: CallKind, event: Event, now: datetime) -> None:
    if not devices:
        return
    about = PushCall.objects.filter(subscription__in=devices, conversation=event.conversation_id)
    fresh = {"kind": kind, "event": event.pk, "made_at": event.created_at, "due_at": now, "attempts": 0}
    about.filter(event__lt=event.pk).update(**fresh, leased_until=None, lease_number=F("lease_number") + 1)
    known = set(about.values_list("subscription", flat=True))
    PushCall.objects.bulk_create(
        PushCall(subscription_id=pk, conversation_id=event.conversation_id, **fresh)
        for pk in devices
        if pk not in known
    )


def try_out(subscription: PushSubscription, now: datetime) -> None:
    """Call this device once, whether somebody looks at a console or not."""
    PushCall.objects.create(subscription=subscription, kind=CallKind.TEST, made_at=now, due_at=now)


# The calls --------------------------------------------------------------------------------------


@work.handles(PushCall, name="push", at_once=8, lease=LEASE, look_every=LOOK_EVERY)
async def run(row: PushCall, now: datetime) -> None:
    letter = await work.in_thread(_write, row, now)
    if letter is None or not leases.ours(row):
        return
    answer = await push.send(letter)
    await work.in_thread(_settle, row, answer, now)


def _write(row: PushCall, now: datetime) -> push.Letter | None:
    """What is sent, or None when nobody need be called any more, or not yet."""
    device = PushSubscription.objects.select_related("operator").filter(pk=row.subscription_id).first()
    if device is None:
        return None
    if not subscribing.holds(device):
        device.delete()
        return None
    if row.kind == CallKind.TEST:
        return _letter(row, device, None)
    if later := _not_before(row, device.operator, now):
        leases.reschedule(row, later, attempts=0)
        return None
    conversation = _still(row, device.operator) if _absent(row, device.operator, now) else None
    if conversation is None:
        leases.finish(row)
        return None
    return _letter(row, device, conversation)


def _not_before(row: PushCall, operator: Operator, now: datetime) -> datetime | None:
    """A console that was seen before the call may have been closed just then: it has to be silent for a while first."""
    if row.sent_at and now < row.sent_at + AGAIN_AFTER:
        return row.sent_at + AGAIN_AFTER
    there = Presence.objects.filter(operator=operator, expires_at__gt=now, seen_at__lte=row.made_at)
    available = there.filter(status=PresenceStatus.AVAILABLE)
    return available.values_list("expires_at", flat=True).first()


def _absent(row: PushCall, operator: Operator, now: datetime) -> bool:
    """No console is open, and they have not said that they are on break or off."""
    presence = Presence.objects.filter(operator=operator).first()
    if presence is None:
        return True
    return presence.status == PresenceStatus.AVAILABLE and presence.expires_at <= now


def _still(row: PushCall, operator: Operator) -> Conversation | None:
    """The conversation, if it still calls this operator."""
    about = Conversation.objects.filter(push_calls=row.pk).select_related("contact")
    mine = about.visible_to(operator)
    served = Q(queue=None) | Q(queue__in=operator.queues.all())
    calls = {
        CallKind.WAITING: mine.queued().filter(served, offered_to=None),
        CallKind.OFFERED: mine.queued().filter(offered_to=operator),
        CallKind.MESSAGE: mine.held_by(operator).filter(unread__gt=0, last_inbound_seq__gt=F("answered_seq")),
        CallKind.MENTION: mine,
    }
    return calls[CallKind(row.kind)].first()


def _letter(row: PushCall, device: PushSubscription, conversation: Conversation | None) -> push.Letter:
    name = conversation.contact.name if conversation else ""
    with translation.override(device.operator.reads(translation.get_language() or "")):
        told = {
            "title": str(_titles()[CallKind(row.kind)]),
            "body": "" if preferences.of(device.operator)["hide"] == "on" else name[:80],
            "tag": str(conversation.public_id) if conversation else "test",
            "url": f"/operator/c/{conversation.public_id}/" if conversation else "/operator/settings/",
            "lang": translation.get_language(),
        }
    return push.Letter(
        endpoint=device.endpoint,
        p256dh=device.p256dh,
        auth=device.auth,
        text=json.dumps(told, ensure_ascii=False).encode(),
        topic=conversation.public_id.hex if conversation else "test",
        seconds=OFFER_SECONDS if row.kind in {CallKind.OFFERED, CallKind.TEST} else WAITS_SECONDS,
    )


def _titles() -> dict[CallKind, str]:
    return {
        CallKind.WAITING: _("New chat in the queue"),
        CallKind.OFFERED: _("Offered to you"),
        CallKind.MESSAGE: _("New message"),
        CallKind.MENTION: _("Somebody mentioned you"),
        CallKind.TEST: _("Notifications work on this device"),
    }


@atomically
def _settle(row: PushCall, answer: push.Answer, now: datetime) -> None:
    """What came of it. A row that was taken from us, by fresher news or another worker, is theirs to settle."""
    device = PushSubscription.objects.filter(pk=row.subscription_id)
    if answer.outcome == push.Outcome.GONE:
        device.delete()
    elif answer.outcome == push.Outcome.SENT:
        device.update(last_ok_at=now, failures=0)
        _done(row, sent_at=now)
    elif answer.outcome == push.Outcome.LATER and row.attempts < MOST_ATTEMPTS:
        pause = leases.back_off(row.attempts, retry_after=answer.retry_after, first=5, longest=300)
        leases.reschedule(row, now + pause)
    else:
        logger.warning("push given up after %d attempts: %s", row.attempts, answer.outcome)
        device.update(failures=F("failures") + 1)
        device.filter(failures__gte=MOST_FAILURES).delete()
        _done(row)


def _done(row: PushCall, **changes: datetime) -> None:
    leases.finish(row, **changes)
    PushCall.objects.filter(pk=row.pk, kind=CallKind.TEST, due_at=None).delete()
