"""What is done over the API and in the panel is one thing: it leaves the same story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from conversations.models import Conversation, Event, Handoff, Queue
from operators.models import Operator, Tag
from tests.api.calls import Api, caller
from tests.builders import (
    fresh,
    make_held,
    make_offered,
    make_operator,
    make_present,
    make_queue,
    make_waiting,
    make_with_bot,
)

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Scene:
    ana: Operator
    bia: Operator
    queue: Queue
    tag: Tag


@pytest.fixture
def scene() -> Scene:
    ana, bia = make_operator("ana"), make_present("bia")
    tag = Tag.objects.create(organization=ana.organization, name="Entrega")
    return Scene(ana, bia, make_queue("Financeiro"), tag)


def waiting(_scene: Scene, address: str) -> Conversation:
    return make_waiting(address=address)


def with_bot(_scene: Scene, address: str) -> Conversation:
    return make_with_bot(address=address)


def held(scene: Scene, address: str) -> Conversation:
    return make_held(scene.ana, address=address)


def offered(scene: Scene, address: str) -> Conversation:
    conversation = make_waiting(address=address)
    make_offered(conversation, scene.ana)
    return fresh(conversation)


Ready = Callable[[Scene, str], Conversation]
Body = Callable[[Scene, Conversation], dict[str, Any]]


def nothing(_scene: Scene, _conversation: Conversation) -> dict[str, Any]:
    return {}


# what: (from where, the panel's form, the API's call)
ACTIONS: dict[str, tuple[Ready, tuple[str, Body], tuple[str, Body]]] = {
    "claim": (
        waiting,
        ("claim", nothing),
        ("handoff/assign", lambda scene, _: {"agent_id": str(scene.ana.public_id)}),
    ),
    "take over": (
        with_bot,
        ("claim", nothing),
        ("handoff/assign", lambda scene, _: {"agent_id": str(scene.ana.public_id)}),
    ),
    "decline": (
        offered,
        ("decline", nothing),
        ("handoff/decline", lambda scene, _: {"agent_id": str(scene.ana.public_id)}),
    ),
    "say": (
        held,
        ("send", lambda _, one: {"body": "Bom dia", "epoch": one.epoch}),
        (
            "messages",
            lambda scene, _: {
                "message_owner": "agent",
                "agent_id": str(scene.ana.public_id),
                "body": "Bom dia",
            },
        ),
    ),
    "note": (
        held,
        ("note", lambda *_: {"body": "Ligar amanhã"}),
        ("notes", lambda *_: {"body": "Ligar amanhã"}),
    ),
    "tag": (
        held,
        ("tags", lambda scene, _: {"tag": str(scene.tag.public_id)}),
        ("tags", lambda scene, _: {"tag_id": str(scene.tag.public_id), "agent_id": str(scene.ana.public_id)}),
    ),
    "transfer to a queue": (
        held,
        (
            "transfer",
            lambda scene, one: {
                "to": f"queue:{scene.queue.public_id}",
                "note": "Boleto",
                "epoch": one.epoch,
            },
        ),
        ("handoff/transfer", lambda scene, _: {"queue_id": str(scene.queue.public_id), "note": "Boleto"}),
    ),
    "transfer to a colleague": (
        held,
        (
            "transfer",
            lambda scene, one: {
                "to": f"operator:{scene.bia.public_id}",
                "note": "Boleto",
                "epoch": one.epoch,
            },
        ),
        ("handoff/transfer", lambda scene, _: {"agent_id": str(scene.bia.public_id), "note": "Boleto"}),
    ),
    "release": (
        held,
        (
            "release",
            lambda _, one: {
                "outcome": "solved",
                "summary": "Pago",
                "last_seen_seq": one.seq,
                "resume": "wait",
            },
        ),
        (
            "handoff/release",
            lambda _, one: {
                "outcome": "solved",
                "summary": "Pago",
                "last_seen_seq": one.seq,
                "resume": "wait",
            },
        ),
    ),
}


def story(conversation: Conversation) -> list[tuple[Any, ...]]:
    """Without what differs between any two stories: ids, times, and who did it through which door."""
    return [
        (
            event.seq,
            event.kind,
            event.epoch_before,
            event.epoch_after,
            {name: value for name, value in event.data.items() if name not in {"door", "message", "note"}},
        )
        for event in Event.objects.filter(conversation=conversation).order_by("seq")
    ]


def state(conversation: Conversation) -> tuple[Any, ...]:
    now, handoff = fresh(conversation), Handoff.objects.filter(conversation=conversation).latest("number")
    holders = (now.operator, now.offered_to, now.queue)
    return now.mode, now.epoch, now.seq, *holders, handoff.outcome, handoff.context_out, handoff.reason


@pytest.mark.parametrize("action", ACTIONS)
def test_the_panel_and_the_api_leave_equal_events(action: str, scene: Scene, client: Client) -> None:
    ready, (form, typed), (call, body) = ACTIONS[action]
    client.force_login(scene.ana)
    api: Api = caller("desk")
    in_panel, over_api = ready(scene, "whatsapp:+5511900000001"), ready(scene, "whatsapp:+5511900000002")
    before = len(story(in_panel))

    told = client.post(f"/operator/c/{in_panel.public_id}/{form}", typed(scene, in_panel))
    answered = api.post(f"/conversations/{over_api.public_id}/{call}", body(scene, over_api))

    assert told.status_code == 303, told.content
    assert answered.status_code in {200, 201, 202}, answered.content
    assert len(story(in_panel)) > before
    assert story(over_api) == story(in_panel)
    assert state(over_api) == state(in_panel)
