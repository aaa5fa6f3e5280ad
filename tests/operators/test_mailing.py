"""A queue's address is written to when somebody waits and nobody is there: once, without names, and until it works."""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from conversations import clock, work
from conversations.models import Queue
from handoffflow.doctor import installation
from operators import desk, mailing, presence
from operators.devices import QueueAlarm
from operators.models import PresenceStatus
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.engine]

NOW = clock.now()
MINUTE = timedelta(minutes=1)
LATE = NOW + 5 * MINUTE
RUI = "whatsapp:+5511987650001"


@pytest.fixture(autouse=True)
def _only_alarms(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MAIL_READY, settings.APP_URL = True, "https://desk.example.com"
    work.load_handlers()
    monkeypatch.setattr(work, "handlers", {"alarm": work.handlers["alarm"]})


@pytest.fixture
def queue() -> Queue:
    builders.make_sender()
    Queue.objects.update(alert_email="plantao@example.com", alert_minutes=5)
    found = Queue.objects.get()
    mailing.watch(found, NOW)
    return found


def letters(now: Any) -> int:
    work.run_once(now)
    return len(mail.outbox)


class TestAQueueWithAnAddress:
    def test_is_written_about_when_its_time_is_over(self, queue: Queue) -> None:
        builders.make_waiting(now=NOW)
        builders.make_waiting(now=NOW + MINUTE / 2, address=RUI)

        assert letters(NOW) == 0
        assert letters(LATE - MINUTE / 2) == 0
        assert letters(LATE + MINUTE) == 1

        [letter] = mail.outbox
        assert letter.to == ["plantao@example.com"]
        assert "2" in letter.subject
        assert queue.name in letter.subject
        assert "https://desk.example.com/operator/" in letter.body
        said = letter.subject + str(letter.body)
        assert [word for word in ("João", "98765", "endereço", "oi") if word in said.split()] == []

    def test_is_written_about_once_for_each_chat_and_not_too_often(self, queue: Queue) -> None:
        builders.make_waiting(now=NOW)
        assert letters(LATE) == 1
        builders.make_waiting(now=LATE + MINUTE, address=RUI)

        assert letters(LATE + 8 * MINUTE) == 1
        assert letters(LATE + mailing.AT_MOST_EVERY) == 2
        assert letters(LATE + timedelta(hours=3)) == 2

    def test_is_not_written_about_while_somebody_is_there(self, queue: Queue) -> None:
        ana = builders.make_present("ana", now=LATE)
        builders.make_waiting(now=NOW)

        assert letters(LATE) == 0
        presence.choose(ana, PresenceStatus.ON_BREAK, now=LATE)
        assert letters(LATE + MINUTE) == 1

    def test_is_not_written_about_once_the_chat_was_taken(self, queue: Queue) -> None:
        waiting = builders.make_waiting(now=NOW)
        desk.claim(waiting, operator=builders.make_operator("ana"), door="panel", now=NOW + MINUTE)

        assert letters(LATE) == 0

    def test_counts_only_those_who_may_take_from_it(self, queue: Queue) -> None:
        bia = builders.make_present("bia", now=LATE)
        bia.queues.set([builders.make_queue("Trocas")])
        builders.make_waiting(now=NOW)

        assert letters(LATE) == 1

    def test_is_written_about_later_when_the_server_is_away(
        self, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        builders.make_waiting(now=NOW)
        with monkeypatch.context() as patched:
            patched.setattr(mail.EmailMessage, "send", _away)
            assert letters(LATE) == 0
            row = QueueAlarm.objects.get()
            assert row.due_at is not None
            assert row.due_at > LATE

        assert letters(row.due_at) == 1

    def test_is_taken_over_from_a_dead_worker(self, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
        builders.make_waiting(now=NOW)
        work.run_once(NOW)
        with monkeypatch.context() as patched:
            patched.setattr(mail.EmailMessage, "send", _die)
            with pytest.raises(KeyboardInterrupt):
                work.run_once(LATE)
        assert letters(LATE + MINUTE / 2) == 0

        QueueAlarm.objects.update(leased_until=NOW - timedelta(hours=1))

        assert letters(LATE + MINUTE) == 1

    def test_waits_for_a_mail_server(self, queue: Queue, settings: Any) -> None:
        settings.MAIL_READY = False
        builders.make_waiting(now=NOW)

        assert letters(LATE) == 0
        [found] = installation.mail([queue])
        assert (found.code, found.subject) == ("mail_missing", queue.name)
        settings.MAIL_READY = True
        assert list(installation.mail([queue])) == []

    def test_is_set_in_the_admin(self, client: Client) -> None:
        client.force_login(builders.make_operator("caio", staff=True))
        told = {"name": "Entrega", "order": "2", "offer_seconds": "30", "waiting_then": "raise"}
        address = {"alert_email": "plantao@example.com", "alert_minutes": "7"}

        client.post("/admin/conversations/queue/add/", {**told, **address})

        assert QueueAlarm.objects.get().queue.alert_email == "plantao@example.com"

    def test_is_watched_from_the_workers_beginning(self) -> None:
        builders.make_sender()
        Queue.objects.update(alert_email="plantao@example.com")

        work.begin(NOW)

        assert QueueAlarm.objects.count() == 1


def _away(*_args: Any, **_named: Any) -> Any:
    raise SMTPServerDisconnected


def _die(*_args: Any, **_named: Any) -> Any:
    raise KeyboardInterrupt
