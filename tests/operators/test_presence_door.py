"""The panel's sign of life over HTTP, and what the stream tells the others of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient, Client

from conversations import clock
from conversations.models import Queue
from operators import presence
from operators.models import Operator, Presence, Viewing
from operators.stream import hub
from tests.builders import make_operator, make_stranger, make_waiting
from tests.operators.test_stream import Stream, browser, listening

pytestmark = pytest.mark.django_db


def panel(operator: Operator) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def beat(operator: Operator, **told: Any) -> int:
    return panel(operator).post("/operator/presence", told).status_code


class TestTheDoor:
    def test_a_beat_makes_available(self) -> None:
        ana = make_operator("ana")

        assert beat(ana) == 204
        assert presence.state(ana, clock.now()) == "available"

    def test_hands_off_for_ten_minutes_is_away(self) -> None:
        ana = make_operator("ana")

        beat(ana, idle=599)
        assert presence.state(ana, clock.now()) == "available"
        beat(ana, idle=600)
        assert presence.state(ana, clock.now()) == "away"
        beat(ana, idle=1)
        assert presence.state(ana, clock.now()) == "available"

    def test_a_choice_outlives_beats(self) -> None:
        ana = make_operator("ana")

        assert panel(ana).post("/operator/presence", {"status": "on_break"}).status_code == 303
        beat(ana)
        assert presence.state(ana, clock.now()) == "on_break"

    def test_whoever_chose_to_be_offline_stays_so(self) -> None:
        ana = make_operator("ana")
        beat(ana)

        panel(ana).post("/operator/presence", {"status": "offline"})
        beat(ana)
        assert presence.state(ana, clock.now()) == "offline"

    def test_an_unknown_status_is_a_beat(self) -> None:
        ana = make_operator("ana")

        assert beat(ana, status="elsewhere", idle="soon") == 204
        assert presence.state(ana, clock.now()) == "available"

    def test_signing_out_ends_it_at_once(self) -> None:
        ana = make_operator("ana")
        client = panel(ana)
        client.post("/operator/presence")
        client.post("/operator/presence", {"conversation": str(make_waiting().public_id)})

        client.post("/accounts/logout/")

        assert presence.state(ana, clock.now()) == "offline"
        assert not Viewing.objects.exists()

    def test_tells_what_is_looked_at_and_left(self) -> None:
        ana, waiting = make_operator("ana"), make_waiting()
        seen = str(waiting.public_id)

        beat(ana, conversation=seen, typing="1")
        row = Viewing.objects.get()
        assert (row.conversation, row.typing_until is not None) == (waiting, True)
        beat(ana, conversation="")
        assert Viewing.objects.exists(), "another tab may look at it"
        beat(ana, left=seen)
        assert not Viewing.objects.exists()

    def test_nobody_looks_at_what_they_may_not_see(self) -> None:
        seen = str(make_waiting().public_id)
        stranger, elsewhere = make_stranger(), make_operator("bia")
        elsewhere.queues.clear()

        for one in (stranger, elsewhere):
            assert beat(one, conversation=seen, left="rubbish") == 204
        assert not Viewing.objects.exists()

    def test_needs_a_login(self) -> None:
        assert Client().post("/operator/presence", headers={"HX-Request": "true"}).status_code == 401
        assert not Presence.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestTheStream:
    def test_tells_colleagues_and_nobody_else(self) -> None:
        ana, bia, davi = make_operator("ana"), make_operator("bia"), make_stranger()
        waiting = make_waiting()
        Queue.objects.update(auto_offer=False)
        told = _told_to(ana, davi, act=lambda: _bia_comes(bia, ana, waiting))

        assert told["ana"]["team"][str(bia.public_id)] == "available"
        assert told["ana"]["viewers"] == {str(waiting.public_id): [{"name": "bia", "typing": True}]}
        assert told["davi"]["team"] == {}
        assert told["davi"]["viewers"] == {}

    def test_tells_an_expiry_that_nobody_wrote(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        monkeypatch.setattr(presence, "LIFE", timedelta(seconds=1))
        told = _told_to(ana, act=lambda: presence.beat(bia, now=clock.now()), looks=2)

        assert told["ana"]["team"] == {}


def _bia_comes(bia: Operator, ana: Operator, waiting: Any) -> None:
    now = clock.now()
    presence.view(ana, waiting, typing=False, now=now)
    presence.beat(bia, now=now)
    presence.view(bia, waiting, typing=True, now=now)


def _told_to(*operators: Operator, act: Callable[[], None], looks: int = 1) -> dict[str, Any]:
    """What each one's stream has told last of who is there, two seconds after ``act`` (as often as ``looks``)."""
    streams: dict[str, Stream] = {}
    clients = {operator.username: browser(operator) for operator in operators}

    async def follow(name: str, client: AsyncClient, ready: asyncio.Event) -> None:
        async with listening(client) as streams[name]:
            ready.set()
            while True:
                await streams[name].next()

    async def story() -> None:
        await hub.start()
        ready = [asyncio.Event() for _client in clients]
        tasks = [
            asyncio.create_task(follow(name, client, up))
            for (name, client), up in zip(clients.items(), ready, strict=True)
        ]
        try:
            await asyncio.gather(*(up.wait() for up in ready))
            await sync_to_async(act)()
            await asyncio.sleep(2 * looks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            hub.stop()
            await asyncio.to_thread(hub._pool.shutdown)

    async_to_sync(story)()
    return {name: stream.people for name, stream in streams.items()}
