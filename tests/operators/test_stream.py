from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.template.loader import render_to_string
from django.test import AsyncClient, Client

from conversations import clock, cursors, events
from conversations.models import Contact, Conversation, Event, Organization, Queue, Sender
from operators import gauges
from operators import hub as hubs
from operators.models import Operator
from operators.stream import hub
from operators.views import frames
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]
URL = "/operator/stream"
STORM = 2_600
FACTS = ("conversation", "seq", "kind")
says = sync_to_async(builders.says)


def browser(operator: Operator) -> AsyncClient:
    client = AsyncClient()
    client.force_login(operator)
    return client


def live(story: Callable[[], Awaitable[None]]) -> None:
    """Run a story on a loop with the hub beside it."""

    async def told() -> None:
        await hub.start()
        try:
            async with asyncio.timeout(30):
                await story()
        finally:
            hub.stop()
            await asyncio.to_thread(hub._pool.shutdown)

    async_to_sync(told)()


class Stream:
    def __init__(self, content: AsyncIterator[bytes]) -> None:
        self._content = content
        self._frames: list[dict[str, str]] = []
        self.cursor = ""
        self.people: dict[str, Any] = {}
        """What was told last of who is there; it may come between any two frames."""

    async def next(self) -> dict[str, str]:
        frame = await self._next()
        while frame["event"] == "presence":
            self.people = json.loads(frame["data"])
            frame = await self._next()
        return frame

    async def _next(self) -> dict[str, str]:
        while not self._frames:
            chunk = (await anext(self._content)).decode()
            lines = [frame.splitlines() for frame in chunk.strip().split("\n\n")]
            self._frames += [dict(line.split(": ", 1) for line in frame) for frame in lines]
        frame = self._frames.pop(0)
        self.cursor = frame.get("id", self.cursor)
        return frame

    async def shown(self, count: int) -> list[dict[str, Any]]:
        """The data of so many changes; any other frame in between is an error."""
        frames = [await self.next() for _ in range(count)]
        assert {frame["event"] for frame in frames} == {"changed"}
        return [json.loads(frame["data"]) for frame in frames]

    async def changed(self, count: int) -> list[dict[str, Any]]:
        """The same without what is drawn."""
        return [{name: data[name] for name in FACTS if name in data} for data in await self.shown(count)]

    async def close(self) -> None:
        await self._content.aclose()  # type: ignore[attr-defined]  # it is a generator

    async def over(self) -> bool:
        try:
            while (await anext(self._content)).startswith(b"event: presence"):
                pass
        except StopAsyncIteration:
            return True
        return False


@asynccontextmanager
async def listening(client: AsyncClient, url: str = URL, cursor: str = "") -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": cursor} if cursor else {}
    response: Any = await client.get(url, headers=headers)
    assert response.status_code == 200, response.status_code
    content = response.streaming_content
    stream = Stream(content)
    first = await stream.next()
    assert (first["event"], first["retry"].isdigit()) == ("ping", True)
    try:
        yield stream
    finally:
        await content.aclose()


def told(found: list[Event]) -> list[dict[str, Any]]:
    return [
        {"conversation": str(event.conversation.public_id), "seq": event.seq, "kind": event.kind}
        for event in found
    ]


def all_events() -> list[dict[str, Any]]:
    return told(list(Event.objects.select_related("conversation").order_by("pk")))


def write(conversation: Conversation, first: int, count: int = 1, kind: str = "message.received") -> None:
    """Rows as another process leaves them: no bell rings."""
    rows = [
        Event(
            organization_id=conversation.sender.organization_id,
            conversation=conversation,
            seq=first + number,
            kind=kind,
            actor_kind="customer",
            epoch_before=0,
            epoch_after=0,
            created_at=clock.now(),
        )
        for number in range(count)
    ]
    Event.objects.bulk_create(rows)


class TestTheDoor:
    def test_answers_a_stranger_401_and_never_the_login_page(self, client: Client) -> None:
        response = client.get(URL)

        assert (response.status_code, response.content) == (401, b"")

    def test_takes_no_form(self, client: Client) -> None:
        assert client.post(URL).status_code == 405

    def test_is_closed_while_nobody_reads_the_events(self, client: Client, ana: Operator) -> None:
        client.force_login(ana)

        response = client.get(URL)

        assert response.status_code == 503
        assert response["Retry-After"]

    def test_says_that_nobody_may_keep_or_hold_it_back(self, ana: Operator) -> None:
        client = browser(ana)

        async def story() -> None:
            response: Any = await client.get(URL)
            assert response["Content-Type"] == "text/event-stream"
            assert response["X-Accel-Buffering"] == "no"
            assert "no-store" in response["Cache-Control"]
            await response.streaming_content.aclose()

        live(story)


class TestAStream:
    def test_tells_what_changed_and_nothing_more(self, ana: Operator) -> None:
        client = browser(ana)

        async def story() -> None:
            async with listening(client) as stream:
                await says("meu CPF é 123")
                count = await Event.objects.acount()

                assert await stream.changed(count) == await sync_to_async(all_events)()

        live(story)

    def test_tells_everything_once_across_a_cut(self, ana: Operator) -> None:
        client, other = browser(ana), browser(builders.make_operator("bia"))
        seen: list[dict[str, Any]] = []

        async def story() -> None:
            async with listening(other) as witness, listening(client) as stream:
                await says("um")
                seen.extend(await stream.changed(await Event.objects.acount()))
                await stream.close()
                await says("dois")
                away = await Event.objects.acount() - len(seen)
                await witness.changed(
                    await Event.objects.acount()
                )  # the hub has told it, and is done with it
                # The address still has the cursor of the page; the header knows better.
                old = await sync_to_async(events.since)(None, organization=None)
                async with listening(client, f"{URL}?since={old.cursor}", stream.cursor) as again:
                    seen.extend(await again.changed(away))
                    await says("três")
                    seen.extend(await again.changed(await Event.objects.acount() - len(seen)))

        live(story)

        assert seen == all_events()

    def test_begins_where_the_page_was(self, ana: Operator) -> None:
        client = browser(ana)

        async def story() -> None:
            page = await sync_to_async(events.since)(None, organization=None)
            await says("oi")
            async with listening(client, f"{URL}?since={page.cursor}") as stream:
                assert await stream.changed(await Event.objects.acount())

        live(story)

    def test_hears_what_another_process_wrote(self, ana: Operator) -> None:
        client = browser(ana)
        conversation = builders.make_with_bot()

        async def story() -> None:
            async with listening(client) as stream:
                await sync_to_async(write)(conversation, 1_000)

                assert [change["seq"] for change in await stream.changed(1)] == [1_000]

        live(story)

    def test_asks_for_a_fresh_start_after_a_cursor_nobody_knows(self, ana: Operator) -> None:
        client = browser(ana)

        async def story() -> None:
            async with listening(client, cursor="rubbish") as stream:
                assert (await stream.next())["event"] == "resync"
                await says("oi")
                assert await stream.changed(1)

        live(story)

    def test_asks_for_a_fresh_start_after_a_long_absence(self, ana: Operator) -> None:
        client = browser(ana)
        conversation = builders.make_with_bot()
        page = events.since(None, organization=None)
        write(conversation, 1_000, count=events.MOST + 1)

        async def story() -> None:
            async with listening(client, cursor=page.cursor) as stream:
                assert (await stream.next())["event"] == "resync"

        live(story)

    def test_asks_for_a_fresh_start_when_it_cannot_keep_up(self, ana: Operator) -> None:
        client = browser(ana)
        conversation = builders.make_with_bot()

        async def story() -> None:
            async with listening(client) as slow, listening(client) as quick:
                await sync_to_async(write)(conversation, 1_000, count=events.MOST)
                await quick.changed(events.MOST)
                await sync_to_async(write)(conversation, 3_000)
                await quick.changed(1)
                await sync_to_async(write)(conversation, 4_000)
                await quick.changed(1)

                assert (await slow.next())["event"] == "resync"

        live(story)


class TestAStorm:
    def test_makes_the_hub_tell_nothing_twice(self, ana: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between two holes that were joined everything is read again, however much that is."""
        monkeypatch.setattr(cursors, "MOST_HOLES", 1)
        conversation = builders.make_held(ana)
        before = Event.objects.latest("pk")
        reading, cursor = hubs.Hub(lambda _wanted, _now: {}), str(cursors.Cursor(before.pk))

        looks = []
        for number in range(4):
            if number < 2:
                write(conversation, 1000 + number * STORM, STORM)
                Event.objects.filter(seq=1001 + number * STORM).delete()  # still under way somewhere
            feed = events.since(cursor, organization=None, limit=2 * STORM)
            looks.append((len(feed.events), sum(map(reading._is_news, feed.events))))
            cursor = feed.cursor
            reading._forget(cursor)

        assert looks == [(STORM - 1, STORM - 1), (STORM - 1, STORM - 1), (STORM - 1, 0), (STORM - 1, 0)]

    def test_is_forgotten_when_it_is_over(self, ana: Operator) -> None:
        write(builders.make_held(ana), 1000, 20)
        feed = events.since(str(cursors.Cursor(Event.objects.earliest("pk").pk)), organization=None)
        reading = hubs.Hub(lambda _wanted, _now: {})
        assert all(map(reading._is_news, feed.events))

        reading._forget(feed.cursor)

        assert reading._told == set()


class TestWhatIsDrawn:
    """The last event of "oi" is the message's: its first one tells of a person asked for, or of nothing shown."""

    def of(
        self, *operators: Operator, text: str = "oi", held_by: Operator | None = None
    ) -> list[dict[str, Any]]:
        """What each operator is shown of a customer's message."""
        if held_by:
            builders.make_held(held_by)
        clients = [browser(operator) for operator in operators]
        found: list[dict[str, Any]] = []

        async def story() -> None:
            async with AsyncExitStack() as around:
                streams = [await around.enter_async_context(listening(client)) for client in clients]
                await says(text)
                found.extend([(await stream.shown(1))[0] for stream in streams])

        live(story)
        return found

    def test_is_the_bubble_and_the_row(self, ana: Operator) -> None:
        [frame] = self.of(ana, held_by=ana, text="meu <b>pedido</b>")

        assert "meu &lt;b&gt;pedido&lt;/b&gt;" in frame["bubble"]
        assert f'id="m-{frame["message"]}"' in frame["bubble"]
        assert f'id="row-{frame["conversation"]}"' in frame["row"]
        assert frame["first"] == frame["seq"] - 1
        assert frame["until"]

    def test_is_drawn_once_for_all_who_see_the_same(
        self, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drawn: list[str] = []

        def draw(name: str, context: dict[str, Any]) -> str:
            drawn.append(name)
            return render_to_string(name, context)

        monkeypatch.setattr(frames, "render_to_string", draw)
        team = [builders.make_operator(name) for name in ("bia", "caio", "eva")]

        self.of(ana, *team, held_by=ana)

        # For the holder, and for the three others.
        assert sorted(drawn) == ["operator/_items.html"] * 2 + ["operator/_row.html"] * 2

    def test_is_in_the_language_and_by_the_clock_of_who_looks(self, ana: Operator) -> None:
        bia = builders.make_operator("bia")
        _update(bia, language="en", time_zone="Asia/Tokyo")
        bia.refresh_from_db()

        hers, theirs = self.of(ana, bia)

        assert "Hoje" in hers["bubble"]
        assert re.search("Today|Tomorrow|day", theirs["bubble"])
        assert _time(hers["bubble"]) != _time(theirs["bubble"])

    def test_is_a_fact_alone_when_it_was_missed(self, ana: Operator) -> None:
        client = browser(ana)

        async def story() -> None:
            async with listening(client) as stream:
                await stream.next() if stream._frames else None
                cursor = stream.cursor
            await says("oi")
            async with listening(client, cursor=cursor) as again:
                [data] = await again.shown(1)
                assert not {"bubble", "row"} & set(data)

        live(story)

    def test_survives_a_bubble_that_cannot_be_drawn(
        self, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_given: Any) -> str:
            raise ValueError("of this bubble")

        monkeypatch.setattr(frames, "render_to_string", broken)

        [frame] = self.of(ana)

        assert not {"bubble", "row"} & set(frame)

    def test_is_nothing_but_a_nudge_where_a_conversation_goes_out_of_sight(self, ana: Operator) -> None:
        finance = Queue.objects.create(organization=ana.organization, name="Financeiro")
        hidden = builders.make_with_bot()
        Conversation.objects.filter(pk=hidden.pk).update(queue=finance)
        client = browser(ana)

        async def story() -> None:
            async with listening(client) as stream:
                await sync_to_async(write)(hidden, 1_000, kind="handoff.requested")

                assert await stream.shown(1) == [{}]

        live(story)


class TestTheNumbers:
    def test_count_who_listens_and_how_late_they_hear(self, ana: Operator) -> None:
        client, before = browser(ana), sum(gauges.hub.lags)

        async def story() -> None:
            async with listening(client) as stream:
                await says("oi")
                await stream.changed(1)
                assert gauges.hub.streams == 1
                assert gauges.hub.idle_seconds() < 30

        live(story)

        assert sum(gauges.hub.lags) == before + Event.objects.count()


class TestAForeignEar:
    def test_hears_nothing_of_another_company(self, ana: Operator) -> None:
        davi = builders.make_stranger()
        client = browser(davi)
        theirs = _thread_of(davi.organization)

        async def story() -> None:
            async with listening(client) as stream:
                await says("oi")
                await sync_to_async(write)(theirs, 1)

                assert await stream.changed(1) == [
                    {"conversation": str(theirs.public_id), "seq": 1, "kind": "message.received"}
                ]

        live(story)

    def test_hears_nothing_of_a_queue_that_is_not_theirs(self, ana: Operator) -> None:
        caio = builders.make_operator("caio", staff=True)
        client, supervisor = browser(ana), browser(caio)
        hidden = builders.make_with_bot(address="whatsapp:+5511987650001")
        shown = builders.make_with_bot()
        finance = Queue.objects.create(organization=ana.organization, name="Financeiro")
        Conversation.objects.filter(pk=hidden.pk).update(queue=finance)

        async def story() -> None:
            async with listening(client) as stream, listening(supervisor) as all_seeing:
                await sync_to_async(write)(hidden, 1_000)
                await sync_to_async(write)(shown, 1_001)

                assert [change["seq"] for change in await stream.changed(1)] == [1_001]
                assert [change["seq"] for change in await all_seeing.changed(2)] == [1_000, 1_001]

        live(story)


class TestAccessThatIsTakenAway:
    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert hubs.CHECK_SECONDS < 5
        monkeypatch.setattr(hubs, "CHECK_SECONDS", 0.05)

    def ends(self, operator: Operator, change: Callable[[AsyncClient], None]) -> None:
        client = browser(operator)

        async def story() -> None:
            async with listening(client) as stream:
                await sync_to_async(change)(client)

                assert await stream.over()
                assert (await client.get(URL)).status_code == 401

        live(story)

    def test_ends_the_stream_with_the_account(self, ana: Operator) -> None:
        self.ends(ana, lambda _client: _update(ana, is_active=False))

    def test_ends_the_stream_with_the_session(self, ana: Operator) -> None:
        self.ends(ana, lambda client: client.session.delete())

    def test_ends_the_stream_with_the_password(self, ana: Operator) -> None:
        def change(_client: AsyncClient) -> None:
            ana.set_password("another password")
            ana.save()

        self.ends(ana, change)

    def test_narrows_the_stream_with_the_queue(self, ana: Operator) -> None:
        client = browser(ana)
        waiting = builders.make_waiting()
        shown = builders.make_with_bot(address="whatsapp:+5511987650001")

        async def story() -> None:
            async with listening(client) as stream:
                await ana.queues.aclear()
                [listener] = hub._listeners
                while listener.grants.queues:  # noqa: ASYNC110 (nothing announces it)
                    await asyncio.sleep(0.01)
                await sync_to_async(write)(waiting, 1_000)
                await sync_to_async(write)(shown, 1_001)

                assert [change["seq"] for change in await stream.changed(1)] == [1_001]

        live(story)


def _time(html: str) -> str:
    found = re.search(r"<time[^>]*>(.*?)</time>", html)
    assert found
    return found[1]


def _update(operator: Operator, **changes: Any) -> None:
    Operator.objects.filter(pk=operator.pk).update(**changes)


def _thread_of(organization: Organization) -> Conversation:
    sender = Sender.objects.create(
        organization=organization, name="Outra", address="whatsapp:+551150289999", account_sid="AC2"
    )
    contact = Contact.objects.create(organization=organization, name="Rui")
    return Conversation.objects.create(sender=sender, contact=contact, reply_address=builders.JOAO)
