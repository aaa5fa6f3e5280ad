"""The same events as they happen: over the panel's hub, in the shape of the pages, and for as long as the key holds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from conversations import clock, cursors, events, intake
from conversations.models import Conversation, Event, Organization, Sender
from handoffflow.models import ApiKey
from operators import hub as hubs
from operators.stream import hub
from tests import builders
from tests.api.calls import code, make_key
from tests.operators.test_stream import Stream, live, says, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]
URL = "/api/v1/events"
LIVE = {"Accept": "text/event-stream"}


@asynccontextmanager
async def listening(token: str = "", client: AsyncClient | None = None, **more: str) -> AsyncIterator[Stream]:
    """``after`` in the address, ``seen`` in the header."""
    headers = LIVE | ({"Authorization": f"Bearer {token}"} if token else {})
    headers |= {"Last-Event-ID": more["seen"]} if "seen" in more else {}
    query = {"after": more["after"]} if "after" in more else {}
    response: Any = await (client or AsyncClient()).get(URL, query, headers=headers)
    assert response.status_code == 200, response.content
    content = response.streaming_content
    assert (await anext(content)).startswith(b"retry: ")
    try:
        yield Stream(content)
    finally:
        await content.aclose()


async def told(stream: Stream, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        frame = await stream.next()
        if frame["event"] == "event":
            found.append(json.loads(frame["data"]))
        else:
            assert frame["event"] == "ping"
    return found


def _theirs() -> Conversation:
    """A conversation of the other company, in which something has happened."""
    sender = Sender.objects.create(
        organization=Organization.objects.get(name="Outra"),
        address="whatsapp:+2",
        account_sid="AC3",
        name="x",
    )
    intake.receive(builders.form("oi", To="whatsapp:+2", AccountSid="AC3"), sender=sender, now=clock.now())
    return Conversation.objects.get(sender=sender)


async def ready(stream: Stream) -> None:
    assert (await stream.next())["event"] == "ping"
    assert stream.cursor


@pytest.fixture
def key() -> tuple[ApiKey, str]:
    return make_key("read")  # of the first company, which has the number


class TestAStream:
    def test_tells_what_happens_as_the_pages_do(self, key: tuple[ApiKey, str]) -> None:
        async def story() -> None:
            async with listening(key[1]) as stream:
                await ready(stream)
                begun = stream.cursor
                await says("meu CPF é 123")
                found = await told(stream, await Event.objects.acount())
                paged: Any = await AsyncClient().get(
                    URL, {"after": begun}, headers={"Authorization": f"Bearer {key[1]}"}
                )
                assert found == paged.json()["items"]
                assert "CPF" not in json.dumps(found)

        live(story)

    def test_goes_on_from_what_was_seen_last(self, key: tuple[ApiKey, str]) -> None:
        async def story() -> None:
            start = (await sync_to_async(events.since)(None, organization=None)).cursor
            await says("um")
            first = await Event.objects.acount()
            async with listening(key[1], after=start) as stream:
                seen = await told(stream, first)
                place = stream.cursor
            await says("dois")
            async with listening(key[1], after=start, seen=place) as stream:
                seen += await told(stream, await Event.objects.acount() - first)
            assert [one["seq"] for one in seen] == sorted({one["seq"] for one in seen})

        live(story)

    def test_reads_on_in_pages_when_much_was_missed(
        self, key: tuple[ApiKey, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(events.since, "__kwdefaults__", {"limit": 2})

        async def story() -> None:
            start = (await sync_to_async(events.since)(None, organization=None)).cursor
            for text in ("um", "dois", "três", "quatro"):
                await says(text)
            async with listening(key[1], after=start) as stream:
                assert len(await told(stream, await Event.objects.acount())) == 4

        live(story)

    def test_says_that_something_is_not_kept_any_more(self, key: tuple[ApiKey, str]) -> None:
        builders.says("oi")

        async def story() -> None:
            latest = await Event.objects.alatest("pk")
            response: Any = await AsyncClient().get(
                URL,
                {"after": str(cursors.Cursor(latest.pk + 1000))},
                headers=LIVE | {"Authorization": f"Bearer {key[1]}"},
            )
            assert response.status_code == 410

        live(story)

    def test_holds_back_what_is_another_companys(self, key: tuple[ApiKey, str]) -> None:
        theirs = make_key("read", organization=builders.make_stranger().organization)[1]
        ours = builders.make_with_bot()

        async def story() -> None:
            async with listening(theirs) as stream, listening(key[1]) as witness:
                await ready(stream)
                await ready(witness)
                await sync_to_async(write)(ours, 900)
                await told(witness, 1)
                own = await sync_to_async(_theirs)()
                [event] = await told(stream, 1)
                assert event["conversation_id"] == str(own.public_id)

        live(story)

    def test_serves_a_logged_in_operator(self) -> None:
        client = AsyncClient()
        client.force_login(builders.make_operator("ana"))

        async def story() -> None:
            async with listening(client=client) as stream:
                await ready(stream)
                await says("oi")
                await told(stream, await Event.objects.acount())

        live(story)


class TestTheEnd:
    @pytest.mark.parametrize("how", ["revoked", "expired", "no longer a reader's"])
    def test_comes_when_the_key_does_not_hold_any_more(
        self, key: tuple[ApiKey, str], how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hubs, "CHECK_SECONDS", 0.05)
        changes: dict[str, Any] = {
            "revoked": {"revoked_at": clock.now()},
            "expired": {"expires_at": clock.now()},
            "no longer a reader's": {"scopes": ["desk"]},
        }

        async def story() -> None:
            async with listening(key[1]) as stream, listening(make_other) as other:
                await ready(stream)
                await ready(other)
                await ApiKey.objects.filter(pk=key[0].pk).aupdate(**changes[how])
                assert await stream.over()
                await says("oi")
                await told(other, await Event.objects.acount())

        make_other = make_key("read")[1]
        live(story)

    def test_comes_before_it_begins_where_no_hub_runs(self, key: tuple[ApiKey, str]) -> None:
        response = Client().get(URL, headers=LIVE | {"Authorization": f"Bearer {key[1]}"})

        assert (response.status_code, code(response), response["Retry-After"]) == (503, "unavailable", "5")
        assert hub.running is False

    def test_is_told_to_a_stranger_as_to_everybody(self) -> None:
        response = Client().get(URL, headers=LIVE)

        assert response.status_code == 401
