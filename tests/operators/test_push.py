"""Whoever has no console open is called through their browser's push service, and nobody else is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from conversations import clock, handoffs, leases, notes, work
from conversations.contract import Cause
from conversations.models import Conversation, Event
from operators import calling, desk, presence, push, reading, subscribing
from operators.devices import PushCall, PushSubscription, Story
from operators.models import Operator, PresenceStatus
from tests import builders
from tests.operators import pushservice
from tests.operators.pushservice import HOST, Browser, PushService

pytestmark = [pytest.mark.django_db, pytest.mark.engine]

NOW = clock.now()
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0 Safari/537.36"
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _only_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    work.load_handlers()
    kept = {name: work.handlers[name] for name in ("calls", "push")}
    monkeypatch.setattr(work, "handlers", kept)


@pytest.fixture
def service(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushService]:
    settings.PUSH_PRIVATE_KEY = pushservice.PRIVATE_KEY
    settings.PUSH_CONTACT = "mailto:it@example.com"
    with pushservice.serving(tmp_path) as running:
        monkeypatch.setattr(push, "connector", lambda: pushservice.connector(running, tmp_path))
        yield running


def allow(operator: Operator, hers: Browser) -> PushSubscription:
    found = subscribing.subscribe(operator, **hers.keys, agent=CHROME, session="s", now=NOW)
    assert found is not None
    return found


def works(now: datetime = NOW) -> None:
    """The worker reads on in the story, and makes its calls."""
    work.run_once(now)


@pytest.fixture
def hers(ana: Operator, service: PushService) -> Browser:
    made = Browser()
    allow(ana, made)
    return made


def asks(**params: Any) -> Conversation:
    return builders.make_waiting(now=NOW, **params)


class TestACall:
    def test_is_signed_encrypted_and_says_no_word_of_the_customer(
        self, service: PushService, hers: Browser
    ) -> None:
        waiting = asks()

        works()

        [sent] = service.sent
        claims = sent.vouched()
        assert sent.path == pushservice.path_of(hers)
        assert (claims["aud"], claims["sub"]) == (f"https://{HOST}", "mailto:it@example.com")
        assert claims["key"] == push.public_key()
        assert claims["exp"] > NOW.timestamp()
        assert sent.headers["content-encoding"] == "aes128gcm"
        assert (sent.headers["urgency"], sent.headers["topic"]) == ("high", waiting.public_id.hex)
        assert 0 < int(sent.headers["ttl"]) <= 3600
        assert hers.read(sent.body) == {
            "title": "Nova conversa na fila",
            "body": "João Silva",
            "tag": str(waiting.public_id),
            "url": f"/operator/c/{waiting.public_id}/",
            "lang": "pt-br",
        }

    def test_names_nobody_where_names_are_hidden(
        self, ana: Operator, service: PushService, hers: Browser
    ) -> None:
        Operator.objects.filter(pk=ana.pk).update(preferences={"hide": "on"}, language="es")
        asks()

        works()

        told = hers.read(service.sent[0].body)
        assert (told["body"], told["lang"]) == ("", "es")
        assert "João" not in str(told)

    def test_goes_to_each_device_once(self, ana: Operator, service: PushService, hers: Browser) -> None:
        allow(ana, Browser("two"))
        asks()

        works()
        works()
        works(NOW + MINUTE)

        assert sorted(sent.path for sent in service.sent) == ["/send/one", "/send/two"]
        assert set(PushSubscription.objects.values_list("last_ok_at", "failures")) == {(NOW, 0)}

    def test_is_about_what_came_after_the_device(self, ana: Operator, service: PushService) -> None:
        asks()
        allow(ana, Browser())

        works()

        assert service.sent == []

    def test_costs_nobody_anything_while_no_device_has_asked_for_it(self, ana: Operator) -> None:
        asks()

        works()

        assert not Story.objects.exists()


class TestWhoIsCalled:
    def test_are_those_who_serve_the_queue(self, service: PushService, hers: Browser) -> None:
        bia, caio = builders.make_operator("bia"), builders.make_operator("caio", staff=True)
        bia.queues.clear()
        caio.queues.clear()
        davi = builders.make_stranger()
        for person in (bia, caio, davi):
            allow(person, Browser(person.username))
        asks()

        works()

        assert [sent.path for sent in service.sent] == ["/send/one"]

    @pytest.mark.parametrize("status", [PresenceStatus.ON_BREAK, PresenceStatus.OFFLINE])
    def test_is_nobody_on_break_or_off(
        self, status: PresenceStatus, ana: Operator, service: PushService, hers: Browser
    ) -> None:
        presence.choose(ana, status, now=NOW - timedelta(hours=1))
        asks()

        works()

        assert (service.sent, PushCall.objects.get().due_at) == ([], None)

    def test_is_nobody_whose_console_is_open(
        self, ana: Operator, service: PushService, hers: Browser
    ) -> None:
        asks()
        presence.beat(ana, now=NOW + timedelta(seconds=5))

        works(NOW + timedelta(seconds=6))
        works(NOW + timedelta(hours=1))

        assert service.sent == []

    def test_is_whoever_closed_it_just_before(
        self, ana: Operator, service: PushService, hers: Browser
    ) -> None:
        presence.beat(ana, now=NOW - timedelta(seconds=20))
        asks()

        works(NOW)
        assert service.sent == []
        works(NOW + timedelta(seconds=41))

        assert len(service.sent) == 1

    def test_is_not_called_for_what_they_did_themselves(
        self, ana: Operator, service: PushService, hers: Browser
    ) -> None:
        bia = builders.make_operator("bia")
        allow(bia, Browser("bia"))
        held = builders.make_held(ana, now=NOW)
        works()
        service.sent.clear()
        assert held.queue is not None

        desk.transfer(
            held,
            by=desk.cause(ana, "panel"),
            author=ana,
            operator=ana,
            to=held.queue,
            note="Quem puder.",
            now=NOW + MINUTE,
        )
        works(NOW + MINUTE)

        assert [sent.path for sent in service.sent] == ["/send/bia"]

    def test_is_the_one_it_is_offered_to(self, service: PushService, hers: Browser, ana: Operator) -> None:
        bia = builders.make_operator("bia")
        allow(bia, Browser("bia"))
        builders.make_offered(asks(), ana, now=NOW)

        works()

        assert [sent.path for sent in service.sent] == ["/send/one"]
        assert hers.read(service.sent[0].body)["title"] == "Oferecida a você"

    def test_is_whose_customer_wrote(self, service: PushService, hers: Browser, ana: Operator) -> None:
        builders.make_held(ana, now=NOW)
        works()
        service.sent.clear()

        builders.says("e aí?", now=NOW + MINUTE)
        builders.says("alguém?", now=NOW + MINUTE)
        works(NOW + MINUTE)
        builders.says("oi???", now=NOW + MINUTE + timedelta(seconds=5))
        works(NOW + MINUTE + timedelta(seconds=6))
        assert len(service.sent) == 1
        works(NOW + MINUTE + calling.AGAIN_AFTER)

        told = hers.read(service.sent[1].body)
        assert len(service.sent) == 2
        assert "oi???" not in str(told)

    def test_is_whom_a_colleague_whispers_to(
        self, service: PushService, hers: Browser, ana: Operator
    ) -> None:
        caio = builders.make_operator("caio", staff=True)
        held = builders.make_held(ana, now=NOW)
        works()
        service.sent.clear()

        by = desk.cause(caio, "panel")
        notes.add(held, author=caio, body="Cuidado.", cause=by, now=NOW + MINUTE, whisper_to=ana)
        works(NOW + MINUTE)

        assert len(service.sent) == 1
        assert "Cuidado" not in str(hers.read(service.sent[0].body))

    def test_is_whom_a_note_names(self, service: PushService, hers: Browser, ana: Operator) -> None:
        caio = builders.make_operator("caio", staff=True)
        held = builders.make_held(ana, now=NOW)
        works()
        service.sent.clear()

        notes.add(held, author=caio, body="@ana", cause=desk.cause(caio, "panel"), now=NOW + MINUTE)
        told = Event.objects.get(kind="note.added")
        Event.objects.filter(pk=told.pk).update(data={**told.data, "mentioned": [ana.pk]})
        works(NOW + MINUTE)

        assert len(service.sent) == 1


class TestWhatWasSettledMeanwhile:
    def test_calls_nobody_once_somebody_has_taken_it(
        self, service: PushService, hers: Browser, ana: Operator
    ) -> None:
        waiting = asks()
        builders.time_passes("calls", NOW)
        assert PushCall.objects.get().due_at is not None

        desk.claim(waiting, operator=builders.make_operator("bia"), door="panel", now=NOW)
        works()

        assert (service.sent, PushCall.objects.get().due_at) == ([], None)

    def test_calls_nobody_who_gave_the_customer_up(self, service: PushService, hers: Browser) -> None:
        waiting = asks()

        handoffs.cancel(waiting, cause=Cause(kind="customer", door="webhook"), now=NOW)
        works()

        assert service.sent == []

    def test_calls_nobody_who_has_read_it(self, service: PushService, hers: Browser, ana: Operator) -> None:
        held = builders.make_held(ana, now=NOW)
        works()
        service.sent.clear()
        builders.says("e aí?", now=NOW + MINUTE)
        reading.mark_seen(held, operator=ana, seq=builders.fresh(held).seq)

        works(NOW + MINUTE)

        assert service.sent == []


class TestAPushServiceThatDoesNotTakeIt:
    @pytest.mark.parametrize("status", [404, 410])
    def test_ends_the_subscription_that_is_gone(
        self, status: int, service: PushService, hers: Browser
    ) -> None:
        service.answers.append((status, {}))
        asks()

        works()

        assert not PushSubscription.objects.exists()
        assert not PushCall.objects.exists()

    def test_is_asked_again_as_late_as_it_says(self, service: PushService, hers: Browser) -> None:
        service.answers += [(429, {"Retry-After": "90"})]
        asks()

        works()
        works(NOW + timedelta(seconds=80))
        assert len(service.sent) == 1
        works(NOW + timedelta(seconds=91))

        assert len(service.sent) == 2
        assert PushSubscription.objects.get().failures == 0

    def test_is_given_up_in_the_end(self, service: PushService, hers: Browser) -> None:
        service.answers += [(503, {})] * 50
        asks()

        for minutes in range(60):
            works(NOW + minutes * MINUTE)

        assert len(service.sent) == calling.MOST_ATTEMPTS
        assert PushCall.objects.get().due_at is None
        assert PushSubscription.objects.get().failures == 1

    def test_counts_as_gone_after_many_in_a_row(self, service: PushService, hers: Browser) -> None:
        PushSubscription.objects.update(failures=calling.MOST_FAILURES - 1)
        service.answers += [(403, {})]
        asks()

        works()

        assert not PushSubscription.objects.exists()

    def test_is_not_followed_elsewhere(self, service: PushService, hers: Browser) -> None:
        service.answers += [(307, {"Location": f"https://{HOST}/elsewhere"})]
        asks()

        works()

        assert len(service.sent) == 1


class TestADeadWorker:
    def test_leaves_its_call_to_the_next(self, service: PushService, hers: Browser) -> None:
        asks()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(push, "send", _die)
            with pytest.raises(KeyboardInterrupt):
                works()
        row = PushCall.objects.get()
        assert row.leased_until is not None
        works(NOW + timedelta(seconds=1))
        assert service.sent == []  # it may still be at it

        PushCall.objects.update(leased_until=row.leased_until - timedelta(hours=1))
        works(NOW + timedelta(seconds=40))

        assert len(service.sent) == 1

    def test_has_noted_no_call_twice_and_forgotten_none(
        self, service: PushService, hers: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asks()
        with monkeypatch.context() as patched:
            patched.setattr(leases, "finish_or_undo", _die)
            with pytest.raises(KeyboardInterrupt):
                works()
        assert not PushCall.objects.exists()

        Story.objects.update(leased_until=None)
        works()
        works()

        assert len(service.sent) == 1


def _die(*_args: Any, **_kwargs: Any) -> Any:
    raise KeyboardInterrupt


class TestASubscription:
    def test_holds_as_long_as_the_password(self, ana: Operator, service: PushService, hers: Browser) -> None:
        ana.set_password("outra senha bem comprida")
        ana.save()
        asks()

        works()

        assert (service.sent, PushSubscription.objects.count()) == ([], 0)

    def test_of_somebody_who_left_calls_nobody(
        self, ana: Operator, service: PushService, hers: Browser
    ) -> None:
        Operator.objects.filter(pk=ana.pk).update(is_active=False)
        asks()

        works()

        assert service.sent == []

    def test_belongs_to_whoever_used_the_browser_last(self, ana: Operator, service: PushService) -> None:
        bia, hers = builders.make_operator("bia"), Browser()
        allow(ana, hers)
        allow(bia, hers)

        assert PushSubscription.objects.get().operator == bia

    def test_ends_where_one_signs_out(self, ana: Operator, service: PushService, client: Client) -> None:
        allow(ana, Browser("elsewhere"))
        client.force_login(ana)
        assert client.post("/operator/push/subscribe", Browser().keys).status_code == 204

        client.post("/accounts/logout/")

        assert PushSubscription.objects.get().endpoint.endswith("elsewhere")

    def test_is_made_and_taken_back_by_the_browser(
        self, ana: Operator, service: PushService, client: Client
    ) -> None:
        client.force_login(ana)
        hers = Browser()

        client.post("/operator/push/subscribe", hers.keys, headers={"User-Agent": CHROME})
        client.post("/operator/push/subscribe", hers.keys, headers={"User-Agent": CHROME})
        assert PushSubscription.objects.get().device == "Chrome · Linux"
        client.post("/operator/push/unsubscribe", {"endpoint": hers.endpoint})

        assert not PushSubscription.objects.exists()

    def test_can_be_removed_from_any_device_but_nobody_elses(
        self, ana: Operator, service: PushService, client: Client
    ) -> None:
        mine, other = (
            allow(ana, Browser()),
            allow(builders.make_operator("bia"), Browser("bia")),
        )
        client.force_login(ana)

        for device in (mine, other):
            answer = client.post("/operator/settings/devices", {"device": device.public_id})
            assert answer.status_code == 303

        assert PushSubscription.objects.get() == other

    def test_can_be_tried_out_with_a_console_open(
        self, ana: Operator, service: PushService, client: Client
    ) -> None:
        hers = Browser()
        allow(ana, hers)
        presence.beat(ana, now=clock.now())
        client.force_login(ana)

        assert client.post("/operator/settings/test", {"endpoint": hers.endpoint}).status_code == 204
        works(clock.now())

        assert hers.read(service.sent[0].body)["url"] == "/operator/settings/"
        assert not PushCall.objects.exists()

    @pytest.mark.parametrize(
        "endpoint",
        [
            "http://push.example.com/x",
            "https://push.example.com:8443/x",
            "https://user:secret@push.example.com/x",
            "https://127.0.0.1/x",
            "https://[::1]/x",
            "https://2130706433/x",
            "https://localhost/x",
            "https://desk/x",
            "https://push.example.com\\@10.0.0.1/x",
            "https://push example.com/x",
            "file:///etc/passwd",
            "",
        ],
    )
    def test_leads_to_the_internet_by_https(self, endpoint: str, ana: Operator, client: Client) -> None:
        client.force_login(ana)

        assert (
            client.post("/operator/push/subscribe", {**Browser().keys, "endpoint": endpoint}).status_code
            == 422
        )
        assert not PushSubscription.objects.exists()

    @pytest.mark.parametrize(
        ("name", "value"), [("p256dh", "AAAA"), ("auth", "x"), ("auth", "é"), ("p256dh", "")]
    )
    def test_needs_keys_that_something_can_be_encrypted_for(
        self, name: str, value: str, ana: Operator, client: Client
    ) -> None:
        client.force_login(ana)

        answer = client.post("/operator/push/subscribe", {**Browser().keys, name: value})

        assert answer.status_code == 422

    def test_whose_name_leads_into_a_private_network_is_not_called(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.PUSH_PRIVATE_KEY = pushservice.PRIVATE_KEY
        inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 443))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: inside)
        letter = push.Letter(**Browser().keys, text=b"{}", topic="t", seconds=60)

        assert asyncio.run(push.send(letter)).outcome == push.Outcome.REFUSED
