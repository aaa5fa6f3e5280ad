"""What is prepared and looked up in the desk's own database: each call runs in a process beside the desk's."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.db.models import Max, Model, Q, QuerySet
from django.test import Client

from conversations import clock, crypto, deadlines, delivery, merging, pacing, settling, work
from conversations.contract import Cause
from conversations.models import (
    Attachment,
    BotTurn,
    Conversation,
    Delivery,
    DeliveryState,
    Event,
    Handoff,
    InboundWebhook,
    Message,
    Note,
    Queue,
    Sender,
    Status,
    StatusReport,
    WebhookOutcome,
    WorkerHeartbeat,
    bot_turn,
)
from handoffflow import models
from operators import desk, presence
from operators.models import Operator
from tests import builders
from tests.faults.inside_beyond import (  # noqa: F401 - called by their names
    all_is_told,
    bot_hears,
    nobody_subscribes,
    studio_is,
    subscribes,
)

LEASE = timedelta(seconds=float(os.environ.get("LEASE_SECONDS", "1")))
OUTBOUND = ("bot", "operator", "system")


def quicken() -> None:
    """The same rules by a quicker clock: short leases, an unclear send given up after three seconds, customers who
    may be written to fifty times a second, and no more than a moment of grace for a deadline that passed while
    nobody worked."""
    for name, handler in work.handlers.items():
        work.handlers[name] = dataclasses.replace(handler, lease=LEASE)
    settling.LOOK_AFTER = tuple(timedelta(seconds=seconds) for seconds in (0.5, 1, 1.5, 2, 3.1))
    settling.GIVE_UP_AFTER = timedelta(seconds=3)
    settling.LOOK_AGAIN = timedelta(seconds=1)
    delivery.HOLD = timedelta(seconds=2)
    pacing.PAIR_PAUSE = timedelta(milliseconds=20)
    deadlines.GRACE = dict.fromkeys(deadlines.GRACE, timedelta(seconds=0.2))
    bot_turn.PAUSE = timedelta()
    models.ABANDONED = LEASE


def migrate() -> None:
    call_command("migrate", verbosity=0)


def seed() -> dict[str, str]:
    ana = builders.make_operator("ana", capacity=30_000)
    _key, token = models.ApiKey.objects.issue(
        organization=ana.organization, name="faults", scopes=["desk", "read"]
    )
    return {"token": token, "agent_id": str(ana.public_id)}


def session(username: str) -> str:
    """The cookie of somebody who has just logged in."""
    client = Client()
    client.force_login(Operator.objects.get(username=username))
    return f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"


def newest_event() -> int:
    return Event.objects.aggregate(newest=Max("pk"))["newest"] or 0


def events_after(newest: int) -> list[tuple[str, int]]:
    found = Event.objects.filter(pk__gt=newest).select_related("conversation").order_by("pk")
    return [(str(event.conversation.public_id), event.seq) for event in found]


def workers() -> list[str]:
    return list(WorkerHeartbeat.objects.values_list("name", flat=True))


def bot_is(engine: str, url: str) -> None:
    """Who answers from now on, whoever else may have failed before."""
    Sender.objects.update(
        bot_engine=engine,
        bot_url=url,
        bot_secret_encrypted=crypto.encrypt("secret") if url else "",
        bot_settings={"llm": {"url": url, "model": "any"}} if url else {},
        bot_failures=0,
        bot_rests_until=None,
    )


def with_bot(address: str) -> str:
    builders.make_with_bot(address=address, sid=_sid(address))
    return _settled(address)


def waiting(address: str) -> str:
    builders.make_waiting(address=address, sid=_sid(address))
    return _settled(address)


def held(address: str) -> str:
    builders.make_held(_ana(), address=address, sid=_sid(address))
    return _settled(address)


def held_by_bia(address: str) -> str:
    """By Bia, while Ana is there."""
    bia = Operator.objects.filter(username="bia").first() or builders.make_operator("bia", capacity=30_000)
    presence.beat(_ana(), now=clock.now())
    builders.make_held(bia, address=address, sid=_sid(address))
    return _settled(address)


def unanswered(address: str) -> str:
    """Ana has it, and has just let the time to her first reply pass."""
    held(address)
    return _time_is_over(address)


def to_be_offered(address: str) -> str:
    """It waits in a queue that offers, Ana is there, and nobody has looked yet."""
    waiting(address)
    ana = _ana()
    presence.beat(ana, now=clock.now())
    queue, _new = Queue.objects.get_or_create(
        organization=ana.organization, name="Oferece", defaults={"auto_offer": True}
    )
    ana.queues.add(queue)
    conversation = builders.thread(address)
    Conversation.objects.filter(pk=conversation.pk).update(queue=queue)
    Queue.objects.distribute(queue, clock.now())
    return str(conversation.public_id)


def offered(address: str) -> str:
    """Ana was offered it, and has time."""
    waiting(address)
    conversation, ana = builders.thread(address), _ana()
    desk.offer(
        conversation,
        operator=ana,
        by=Cause(kind="system", door="worker"),
        why="longest_idle",
        answer_in=timedelta(hours=1),
        now=clock.now(),
    )
    return str(conversation.public_id)


def offered_in_vain(address: str) -> str:
    """Ana was offered it, and has just let it pass."""
    offered(address)
    return _time_is_over(address)


def _time_is_over(address: str) -> str:
    conversation = builders.thread(address)
    Handoff.objects.filter(open_for=conversation).update(due_at=clock.now())
    return str(conversation.public_id)


def _ana() -> Operator:
    return Operator.objects.get(username="ana")


def transfer(address: str, to_ana: bool) -> None:
    """Whoever has it hands it on: to Ana, or to the queue."""
    conversation = builders.thread(address)
    assert conversation.operator
    desk.transfer(
        conversation,
        by=desk.cause(conversation.operator, "panel"),
        author=conversation.operator,
        operator=conversation.operator,
        to=_ana() if to_ana else Queue.objects.get(is_default=True),
        note="Já pediu o boleto duas vezes.",
        now=clock.now(),
        epoch=conversation.epoch,
    )


def take_away(address: str) -> None:
    desk.take_away(builders.thread(address), by=desk.cause(_ana(), "panel"), now=clock.now())


def decline(address: str) -> None:
    desk.decline(builders.thread(address), operator=_ana(), door="panel", now=clock.now())


def merge(address: str, other: str) -> None:
    goes_on, left = builders.thread(address), builders.thread(other)
    if left.merged_into != goes_on:
        merging.merge(goes_on, left, cause=desk.cause(_ana(), "panel"), now=clock.now())


def _sid(address: str) -> str:
    return f"SM{address.removeprefix('whatsapp:+'):0>32}"


def _settled(address: str) -> str:
    """What follows from it was sent as well, so that the desk which starts next finds nothing to do."""
    while unsettled():
        work.run_once()
    return str(builders.thread(address).public_id)


def several(situation: str, addresses: list[str]) -> list[str]:
    makes = {"with_bot": with_bot, "waiting": waiting, "held": held}
    return [makes[situation](address) for address in addresses]


def say(addresses: list[str], text: str) -> None:
    """Ana writes a line to each of them, while no worker looks."""
    ana = _ana()
    for address in addresses:
        held = builders.thread(address)
        desk.reply(
            held, operator=ana, door="panel", body=text, epoch=held.epoch, client_key=None, now=clock.now()
        )


def failed_are_due() -> int:
    """A minute later for the webhooks that could not be applied."""
    return InboundWebhook.objects.filter(outcome=WebhookOutcome.FAILED).update(due_at=clock.now())


def writable() -> bool:
    """Whether nobody is in the middle of a transaction that others would wait for."""
    return _no_row_is_held() if connection.features.has_select_for_update_nowait else _file_is_free()


def _no_row_is_held() -> bool:
    try:
        with transaction.atomic():
            for model in apps.get_app_config("conversations").get_models():
                list(model._base_manager.select_for_update(nowait=True).values_list("pk"))
    except OperationalError:
        return False
    return True


def _file_is_free() -> bool:
    with closing(sqlite3.connect(settings.DATABASES["default"]["NAME"], timeout=0.1)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True


def take_over() -> bool:
    """Another worker's look at what is due; whether it left nothing to do."""
    work.run_once()
    return not unsettled()


def unsettled() -> list[str]:
    """Rows that somebody still has to do something about, of any conversation."""
    deliveries = Delivery.objects.filter(
        Q(state__in=(DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNKNOWN))
        | ~Q(leased_until=None)
    )
    turns = BotTurn.objects.filter(~Q(open_for=None) | ~Q(due_at=None) | ~Q(leased_until=None))
    known = Message.objects.exclude(provider_sid=None).values("provider_sid")
    parked = StatusReport.objects.filter(applied_at=None, provider_sid__in=known)
    failed = InboundWebhook.objects.filter(outcome=WebhookOutcome.FAILED)
    overdue = Handoff.objects.filter(Q(due_at__lte=clock.now()) | ~Q(leased_until=None)).exclude(
        open_for=None
    )
    queues = Queue.objects.filter(~Q(due_at=None) | ~Q(leased_until=None))
    # Accepted without any report, a message goes on showing that it is being sent; Twilio has it.
    waiting = Message.objects.filter(status__in=(Status.QUEUED, Status.SENDING, Status.UNKNOWN)).exclude(
        delivery__state=DeliveryState.ACCEPTED
    )
    return [
        *(f"delivery {row.pk} {row.state}" for row in deliveries),
        *(f"turn {row.pk}" for row in turns),
        *(f"file {row.pk} {row.state}" for row in Attachment.objects.exclude(due_at=None, leased_until=None)),
        *(f"webhook {row.pk}" for row in failed),
        *(f"deadline {row.pk} {row.due_kind}" for row in overdue),
        *(f"queue {row.pk}" for row in queues),
        *(f"report {row.pk} of a known message" for row in parked),
        *(f"message {row.pk} {row.status}" for row in waiting),
    ]


def story(address: str) -> dict[str, Any]:
    """Everything about one customer's thread that a witness outside can compare."""
    conversation = Conversation.objects.get(contact__addresses__value=address)
    messages = Message.objects.filter(conversation=conversation).order_by("seq")
    events, notes = (model._base_manager.filter(conversation=conversation) for model in (Event, Note))
    applied = InboundWebhook.objects.filter(
        message__conversation=conversation, outcome=WebhookOutcome.APPLIED
    )
    return {
        "id": str(conversation.public_id),
        "mode": conversation.mode,
        "seq": conversation.seq,
        "numbers": sorted(
            seq for rows in (messages, events, notes) for seq in rows.values_list("seq", flat=True)
        ),
        "messages": list(messages.values("author", "body", "status", "provider_sid", "delivery__cause")),
        "files": [list(file) for file in _files(conversation)],
        "strays": _strays(),
        "kinds": list(events.order_by("seq").values_list("kind", flat=True)),
        "notes": notes.count(),
        "offered_to": conversation.offered_to and conversation.offered_to.username,
        "open": Handoff.objects.filter(open_for=conversation).count(),
        "handoffs": Handoff.objects.filter(conversation=conversation).count(),
        "applied": list(applied.values_list("provider_sid", flat=True)),
    }


def _files(conversation: Conversation) -> list[tuple[str, int]]:
    """The files of a thread: what they are said to be, and how much of them there is."""
    rows = Attachment.objects.filter(message__conversation=conversation).order_by("pk")
    there = default_storage
    return [(row.state, there.size(str(row.file)) if there.exists(str(row.file)) else 0) for row in rows]


def _strays() -> int:
    """Stored files that belong to no row."""
    known = set(Attachment.objects.values_list("file", flat=True))
    root = Path(settings.MEDIA_ROOT)
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    return len(found - known)


def stories(addresses: list[str]) -> list[dict[str, Any]]:
    return [story(address) for address in addresses]


def rows(address: str) -> list[Any]:
    """Each row that a worker may change, in full."""
    conversation = Conversation.objects.get(contact__addresses__value=address)
    kinds: list[type[Model]] = [Message, Delivery, BotTurn]
    found: list[QuerySet[Any]] = [Conversation._base_manager.filter(pk=conversation.pk)]
    found += [model._base_manager.filter(conversation=conversation) for model in kinds]
    return [[_plain(row) for row in some.order_by("pk").values()] for some in found]


def _plain(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in row.items()}
