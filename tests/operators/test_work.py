"""The work page: what supervisors see of the machinery, and what they decide."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from conversations import clock, delivery
from conversations.models import (
    AuditEntry,
    BotTurn,
    Conversation,
    Delivery,
    Event,
    Handoff,
    InboundWebhook,
    Message,
    Reconciliation,
    Sender,
)
from conversations.twilio.client import Outcome
from operators.models import Operator
from operators.views.work import board, hour, moments
from tests import builders
from tests.operators import backlog

pytestmark = pytest.mark.django_db
PAGE = "/operator/work/"
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _fresh_hour() -> None:
    cache.clear()


@pytest.fixture
def caio() -> Operator:
    return builders.make_operator("caio", staff=True)


@pytest.fixture
def held(ana: Operator) -> Conversation:
    conversation = builders.make_held(ana)
    Delivery.objects.all().delete()
    BotTurn.objects.all().delete()
    return conversation


@pytest.fixture
def panel(client: Client, caio: Operator) -> Client:
    client.force_login(caio)
    return client


@pytest.fixture
def stranger(ana: Operator) -> Client:
    """Davi, who supervises another company."""
    davi = builders.make_stranger()
    Operator.objects.filter(pk=davi.pk).update(is_staff=True)
    client = Client()
    client.force_login(davi)
    return client


def text(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup(response)).split())


def markup(response: Any) -> str:
    return str(response.content.decode())


def of(row: Delivery, action: str) -> str:
    return f"{PAGE}sends/{row.message.public_id}/{action}"


def seen(row: Delivery) -> dict[str, str]:
    return {"attempt": str(row.public_id)}


def status_of(row: Delivery) -> str:
    return Message.objects.get(pk=row.message_id).status


class TestThePage:
    def test_is_for_supervisors(self, client: Client, ana: Operator) -> None:
        client.force_login(ana)

        assert client.get(PAGE).status_code == 404

    def test_says_that_nobody_is_needed(self, panel: Client, held: Conversation) -> None:
        backlog.works()

        page = panel.get(PAGE)

        assert 'id="verdict"' in markup(page)
        assert "Tudo em dia." in text(page)
        assert "Nenhuma mensagem espera uma decisão." in text(page)

    def test_says_how_many_decisions_wait(
        self, panel: Client, held: Conversation, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        backlog.works()
        backlog.unconfirmed(held, ana)
        backlog.failed(held, ana)
        backlog.broken_webhook(monkeypatch)

        page = text(panel.get(PAGE))

        assert "Envios e bot em dia. 2 envios e 1 webhook esperam uma decisão sua." in page

    def test_says_so_when_one_waits(self, panel: Client, held: Conversation, ana: Operator) -> None:
        backlog.works()
        backlog.failed(held, ana)

        assert "Envios e bot em dia. 1 envio espera uma decisão sua." in text(panel.get(PAGE))

    def test_says_first_that_nobody_works(self, panel: Client, held: Conversation, ana: Operator) -> None:
        backlog.works(at=clock.now() - timedelta(seconds=47))
        backlog.failed(held, ana)

        page = panel.get(PAGE)

        assert "Nenhum processo dá sinal: nada sai, e o bot não responde." in text(page)
        assert re.search(r"sem sinal há \d\d s", text(page))
        assert "outro assumiu" not in text(page)

    def test_says_that_another_worker_has_taken_over(self, panel: Client) -> None:
        backlog.works("app-2-9", at=clock.now() - timedelta(seconds=47))
        backlog.works("app-1-7")
        backlog.works("app-3-1", at=clock.now() - timedelta(hours=3))

        page = text(panel.get(PAGE))

        assert "Tudo em dia." in page
        assert re.search(r"sem sinal há \d\d s worker em app-2 · outro assumiu", page)
        assert "app-3" not in page

    def test_tells_of_messages_that_never_reached_us(self, panel: Client, held: Conversation) -> None:
        now, company = clock.now(), held.sender.organization
        row = Reconciliation.objects.create(sender=held.sender, found=3, found_at=now - timedelta(minutes=5))

        def told(**changes: Any) -> str:
            Reconciliation.objects.update(**changes)
            with translation.override("en"):
                return " ".join(board.read(company, now).gaps)

        assert "3 messages had not reached us" in told()
        assert "gap" in markup(panel.get(PAGE))
        assert told(found_at=now - timedelta(hours=2)) == ""
        assert told(failing_since=now - timedelta(minutes=1), cause="server_error") == ""
        assert "has not been readable since" in told(failing_since=now - timedelta(minutes=3))
        assert "has refused the credentials since" in told(cause="credentials")
        row.delete()
        assert told() == ""

    def test_names_a_paused_sender(self, panel: Client, held: Conversation) -> None:
        Sender.objects.update(paused="credentials_refused", name="Loja Centro")

        page = panel.get(PAGE)
        assert f'id="trouble-{held.sender.public_id}"' in markup(page)
        assert "Loja Centro" in text(page)

    def test_pauses_without_script(self, panel: Client) -> None:
        assert "http-equiv" in markup(panel.get(PAGE))

        paused = panel.get(PAGE, {"paused": "1"})

        assert "http-equiv" not in markup(paused)
        assert "Retomar a atualização" in text(paused)

    def test_stands_in_the_rail_of_supervisors_only(self, panel: Client, ana: Operator) -> None:
        assert re.search(r'href="/operator/work/" aria-current="page"', markup(panel.get(PAGE)))
        chats = markup(panel.get("/operator/"))
        assert re.search(r'href="/operator/" aria-current="page"', chats)
        assert 'href="/operator/work/"' in chats

        panel.force_login(ana)

        assert 'href="/operator/work/"' not in markup(panel.get("/operator/"))


class TestATile:
    def shown(self, panel: Client, kind: str) -> str:
        return text_of(panel.get(PAGE), f"tile-{kind}")

    def test_counts_lines_on_their_way(self, panel: Client, held: Conversation, ana: Operator) -> None:
        assert self.shown(panel, "sends") == "Envios 0 na fila em dia"

        backlog.said(held, ana)
        Delivery.objects.update(created_at=clock.now() - timedelta(seconds=3))

        assert re.fullmatch(r"Envios 1 na fila mais antigo há [34] s", self.shown(panel, "sends"))

    def test_is_late_after_a_while(self, panel: Client, held: Conversation, ana: Operator) -> None:
        backlog.said(held, ana)
        Delivery.objects.update(created_at=clock.now() - timedelta(minutes=3))

        assert self.shown(panel, "sends") == "Envios 1 na fila atraso de 3 min"
        assert 'class="tile warn" id="tile-sends"' in markup(panel.get(PAGE))
        backlog.works()
        assert "Envios atrasados." in text(panel.get(PAGE))

    def test_counts_what_bots_owe(self, panel: Client) -> None:
        builders.make_with_bot()
        BotTurn.objects.update(created_at=clock.now() - timedelta(seconds=2))

        assert re.fullmatch(r"Respostas do bot 1 na fila mais antiga há [23] s", self.shown(panel, "answers"))

    def test_says_which_deadline_is_next(self, panel: Client, held: Conversation) -> None:
        Handoff.objects.update(due_at=clock.now() + timedelta(seconds=48.9))

        assert re.fullmatch(r"Prazos 1 marcado próximo em 4[78] s", self.shown(panel, "deadlines"))

    def test_says_that_a_deadline_has_not_been_kept(self, panel: Client, held: Conversation) -> None:
        Handoff.objects.update(due_at=clock.now() - timedelta(minutes=2))

        assert self.shown(panel, "deadlines") == "Prazos 1 marcado atraso de 2 min"

    def test_counts_broken_webhooks(self, panel: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.shown(panel, "webhooks") == "Webhooks 0 falharam todos aplicados"
        backlog.broken_webhook(monkeypatch)
        InboundWebhook.objects.update(received_at=clock.now() - timedelta(minutes=11))

        assert self.shown(panel, "webhooks") == "Webhooks 1 falhou mais antigo há 11 min"
        assert 'class="tile bad" id="tile-webhooks"' in markup(panel.get(PAGE))

    def test_counts_no_further_than_it_shows(
        self, panel: Client, held: Conversation, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("operators.views.work.tiles.MOST", 2)
        for _number in range(4):
            backlog.said(held, ana)

        assert self.shown(panel, "sends").startswith("Envios 2+ na fila")


class TestAMessageThatWaits:
    def test_is_listed_without_its_text(self, panel: Client, held: Conversation, ana: Operator) -> None:
        row = backlog.unconfirmed(held, ana)
        backlog.said(held, ana)

        page = panel.get(PAGE)

        item = text_of(page, f"send-{row.message.public_id}")
        assert item.startswith("João Silva Sem confirmação A Twilio não respondeu em 20 s.")
        assert "Texto de ana · há 2 min · 1 mensagem espera atrás desta" in item
        assert "Já chegou Enviar de novo Descartar" in item
        assert "Segredo" not in markup(page)

    def test_is_not_listed_while_the_product_may_settle_it(
        self, panel: Client, held: Conversation, ana: Operator
    ) -> None:
        row = backlog.ended(held, ana, backlog.UNANSWERED, ago=timedelta(seconds=30))

        assert f"send-{row.message.public_id}" not in markup(panel.get(PAGE))

    def test_comes_first_when_it_holds_the_line(
        self, panel: Client, held: Conversation, ana: Operator
    ) -> None:
        failed, doubtful = backlog.failed(held, ana), backlog.unconfirmed(held, ana)

        page = markup(panel.get(PAGE))

        assert page.index(f"send-{doubtful.message.public_id}") < page.index(
            f"send-{failed.message.public_id}"
        )

    @pytest.mark.parametrize(
        ("code", "retried"), [(63019, True), (63018, True), (63024, False), (63016, False)]
    )
    def test_is_sent_again_only_where_that_can_help(
        self, panel: Client, held: Conversation, ana: Operator, code: int, retried: bool
    ) -> None:
        row = backlog.failed(held, ana, code)

        item = text_of(panel.get(PAGE), f"send-{row.message.public_id}")

        assert ("Tentar de novo Descartar" in item) == retried
        assert ("Ver a conversa Descartar" in item) != retried
        assert str(code) in item

    def test_is_not_sent_again_once_the_window_has_closed(
        self, panel: Client, held: Conversation, ana: Operator
    ) -> None:
        row = backlog.failed(held, ana)
        Conversation.objects.update(window_expires_at=clock.now() - timedelta(hours=1))

        assert "Ver a conversa" in text_of(panel.get(PAGE), f"send-{row.message.public_id}")

    def test_leaves_the_list_after_a_day(self, panel: Client, held: Conversation, ana: Operator) -> None:
        row = backlog.failed(held, ana)
        Message.objects.filter(pk=row.message_id).update(failed_at=clock.now() - timedelta(hours=25))

        assert f"send-{row.message.public_id}" not in markup(panel.get(PAGE))

    def test_of_many_only_the_first_are_listed(
        self, panel: Client, held: Conversation, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("operators.views.work.jobs.LISTED", 2)
        for _number in range(3):
            backlog.failed(held, ana)

        page = panel.get(PAGE)

        assert markup(page).count('<li id="send-') == 2
        assert "Envios que precisam de você 3" in text(page)


class TestADecision:
    def test_that_it_arrived_settles_it(
        self, panel: Client, held: Conversation, ana: Operator, caio: Operator
    ) -> None:
        row = backlog.unconfirmed(held, ana)

        response = panel.post(of(row, "arrived"), seen(row))

        assert (response.status_code, response["Location"]) == (303, PAGE)
        assert status_of(row) == "delivered"
        event = Event.objects.filter(kind="message.status").latest("seq")
        assert (event.actor_kind, event.actor_id) == ("operator", str(caio.public_id))
        assert "Marcada como entregue." in text(panel.get(PAGE))

    def test_to_repeat_asks_first(self, panel: Client, held: Conversation, ana: Operator) -> None:
        row = backlog.unconfirmed(held, ana)

        asked = panel.get(of(row, "again"))

        assert "duas vezes" in text(asked)
        assert str(row.public_id) in markup(asked)
        assert "Segredo" not in markup(asked)
        assert status_of(row) == "unknown"

    def test_to_repeat_puts_it_in_line(self, panel: Client, held: Conversation, ana: Operator) -> None:
        row = backlog.unconfirmed(held, ana)

        panel.post(of(row, "again"), seen(row) | {"unconfirmed": "1"})

        assert status_of(row) == "queued"

    def test_to_try_again_puts_it_in_line(self, panel: Client, held: Conversation, ana: Operator) -> None:
        row = backlog.failed(held, ana)

        panel.post(of(row, "again"), seen(row))

        assert status_of(row) == "queued"

    def test_to_discard_keeps_it_in_the_thread(
        self, panel: Client, held: Conversation, ana: Operator
    ) -> None:
        row = backlog.failed(held, ana)

        panel.post(of(row, "discard"), seen(row))

        assert status_of(row) == "cancelled"
        assert f"send-{row.message.public_id}" not in markup(panel.get(PAGE))

    def test_that_comes_second_changes_nothing_and_names_the_first(
        self, panel: Client, held: Conversation, ana: Operator
    ) -> None:
        """Bia supervises too, and has had it sent again. It waits in line now: Caio's older form must not end it."""
        row = backlog.failed(held, ana)
        bia = builders.make_operator("bia", staff=True)
        other = Client()
        other.force_login(bia)
        other.post(of(row, "again"), seen(row))

        response = panel.post(of(row, "discard"), seen(row), headers=FRAGMENT)

        assert response.status_code == 409
        assert "bia já decidiu esta. Nada mudou." in text(response)
        assert status_of(row) == "queued"

    def test_that_comes_after_twilios_word_says_so(
        self, panel: Client, held: Conversation, ana: Operator
    ) -> None:
        row = backlog.unconfirmed(held, ana)
        delivery.apply_report(
            {"MessageSid": "SM9", "MessageStatus": "read", "AccountSid": row.sender.account_sid},
            mid=row.public_id,
            account_sid=row.sender.account_sid,
            now=clock.now(),
        )

        response = panel.post(of(row, "arrived"), seen(row))

        assert response.status_code == 409
        assert "Já foi resolvida entretanto. Nada mudou." in text(response)
        assert status_of(row) == "read"

    @pytest.mark.parametrize("attempt", [None, "", "x", "12345678-1234-4321-8765-123456789012"])
    def test_names_the_attempt_it_is_about(
        self, panel: Client, held: Conversation, ana: Operator, attempt: str | None
    ) -> None:
        row = backlog.failed(held, ana)

        response = panel.post(of(row, "discard"), {} if attempt is None else {"attempt": attempt})

        assert response.status_code == 409
        assert status_of(row) == "failed"

    def test_cannot_make_the_product_send_what_would_fail_again(
        self, panel: Client, held: Conversation, ana: Operator
    ) -> None:
        row = backlog.failed(held, ana, 63024)

        response = panel.post(of(row, "again"), seen(row))

        assert response.status_code == 409
        assert status_of(row) == "failed"

    @pytest.mark.parametrize("action", ["arrived", "again", "discard"])
    def test_about_anothers_message_is_one_about_none(
        self, stranger: Client, held: Conversation, ana: Operator, action: str
    ) -> None:
        row = backlog.unconfirmed(held, ana)
        nowhere = f"{PAGE}sends/{uuid4()}/{action}"

        theirs, nobodys = stranger.post(of(row, action), seen(row)), stranger.post(nowhere, seen(row))

        assert theirs.status_code == nobodys.status_code == 404
        assert shape(theirs) == shape(nobodys)
        assert status_of(row) == "unknown"

    @pytest.mark.parametrize("action", ["arrived", "again", "discard"])
    def test_is_not_for_operators(
        self, client: Client, held: Conversation, ana: Operator, action: str
    ) -> None:
        row = backlog.unconfirmed(held, ana)
        client.force_login(ana)

        assert client.post(of(row, action), seen(row)).status_code == 404
        assert status_of(row) == "unknown"


class TestABrokenWebhook:
    @pytest.fixture
    def raw(self, held: Conversation, monkeypatch: pytest.MonkeyPatch) -> InboundWebhook:
        return backlog.broken_webhook(monkeypatch)

    def place(self, raw: InboundWebhook, action: str) -> str:
        return f"{PAGE}webhooks/{raw.public_id}/{action}"

    def test_is_listed_without_its_text(self, panel: Client, raw: InboundWebhook, held: Conversation) -> None:
        page = panel.get(PAGE)

        item = text_of(page, f"webhook-{raw.public_id}")
        assert item.startswith("Mensagem de João Silva Guardada inteira, mas não entrou na conversa")
        assert re.search(r"\d\d:\d\d:\d\d · 1 tentativa · próxima em (60 s|59 s|1 min|58 s) · KeyError", item)
        assert f"SM…{raw.provider_sid[-4:]}" in item
        assert f"/operator/c/{held.public_id}/" in element(page, f"webhook-{raw.public_id}")
        assert "Segredo" not in markup(page)

    def test_says_that_the_database_was_busy(
        self, panel: Client, held: Conversation, raw: InboundWebhook
    ) -> None:
        InboundWebhook.objects.filter(pk=raw.pk).update(reason="OperationalError")

        assert "O banco de dados estava ocupado." in text(panel.get(PAGE))

    def test_is_tried_at_once(self, panel: Client, raw: InboundWebhook) -> None:
        response = panel.post(self.place(raw, "replay"))

        assert response.status_code == 303
        raw.refresh_from_db()
        assert raw.due_at is not None
        assert raw.due_at <= clock.now()

    def test_is_tried_with_all_the_others(
        self, panel: Client, raw: InboundWebhook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = backlog.broken_webhook(monkeypatch)

        panel.post(f"{PAGE}webhooks/replay")

        due = InboundWebhook.objects.filter(pk__in=[raw.pk, other.pk], due_at__lte=clock.now())
        assert due.count() == 2

    def test_of_another_company_stays_where_it_is(self, stranger: Client, raw: InboundWebhook) -> None:
        before = raw.due_at

        assert stranger.post(f"{PAGE}webhooks/replay").status_code == 409

        raw.refresh_from_db()
        assert raw.due_at == before

    def test_that_has_come_through_is_a_sentence(self, panel: Client, raw: InboundWebhook) -> None:
        InboundWebhook.objects.filter(pk=raw.pk).update(outcome="applied", due_at=None)

        response = panel.post(self.place(raw, "replay"))

        assert response.status_code == 409
        assert "já entrou" in text(response)

    def test_shows_its_original_and_remembers_who_looked(
        self, panel: Client, raw: InboundWebhook, caio: Operator
    ) -> None:
        response = panel.get(self.place(raw, "original"))

        assert "Body Segredo" in text(response)
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor_id) == ("webhook.opened", str(caio.public_id))
        assert (entry.subject_kind, entry.subject_id) == ("inboundwebhook", str(raw.public_id))
        assert "Segredo" not in str(entry.data)

    @pytest.mark.parametrize(("method", "action"), [("GET", "original"), ("POST", "replay")])
    def test_of_another_company_is_like_none(
        self, stranger: Client, raw: InboundWebhook, method: str, action: str
    ) -> None:
        theirs = stranger.generic(method, self.place(raw, action))
        nobodys = stranger.generic(method, f"{PAGE}webhooks/{uuid4()}/{action}")

        assert theirs.status_code == nobodys.status_code == 404
        assert shape(theirs) == shape(nobodys)
        assert not AuditEntry.objects.exists()


class TestTheLastHour:
    def test_says_how_many_left_and_how_long_they_waited(
        self, panel: Client, held: Conversation, ana: Operator
    ) -> None:
        now = clock.now()
        for seconds in (0.2, 0.3, 0.9):
            row = backlog.ended(held, ana, accepted())
            Delivery.objects.filter(pk=row.pk).update(
                created_at=now - timedelta(minutes=5.5),
                started_at=now - timedelta(minutes=5.5, seconds=-seconds),
            )
        backlog.failed(held, ana)

        page = text(panel.get(PAGE))

        assert "Enviadas 3 Até sair, metade em 0,3 s Até sair, 95% em 0,9 s Falharam 1 (25%)" in page
        assert "Envios por minuto na última hora: de 0 a 3, agora 0" in markup(panel.get(PAGE))

    def test_draws_what_each_minute_had(self) -> None:
        now = clock.now()
        drawn = hour.Hour(
            per_minute=(*[0] * 58, 4, 2),
            sent=6,
            failed=0,
            median=None,
            p95=None,
            cut=False,
            since=now,
            until=now,
        )

        assert drawn.line.endswith("295,6 300,40")
        assert drawn.area.startswith("M0,74 L0,74 L5,74")
        assert drawn.median_shown == "-"

    def test_has_nothing_of_before(self, held: Conversation, ana: Operator) -> None:
        row = backlog.ended(held, ana, accepted())
        Delivery.objects.filter(pk=row.pk).update(created_at=clock.now() - timedelta(minutes=61))

        assert hour.read([row.sender_id], clock.now()).sent == 0


class TestAnotherCompany:
    def test_sees_nothing_of_ours(
        self, stranger: Client, held: Conversation, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        backlog.works()
        backlog.ended(held, ana, accepted())
        backlog.failed(held, ana)
        backlog.unconfirmed(held, ana)
        backlog.said(held, ana)
        backlog.broken_webhook(monkeypatch)
        builders.make_with_bot(address="whatsapp:+5511987650001")
        Handoff.objects.update(due_at=clock.now())

        page = stranger.get(PAGE)

        assert "Tudo em dia." in text(page)
        assert "João" not in text(page)
        for kind in ("sends", "answers", "deadlines", "webhooks"):
            assert " 0 " in text_of(page, f"tile-{kind}")
        assert "Enviadas 0" in text(page)


class TestTheRefresh:
    def test_is_a_304_while_nothing_happens(self, panel: Client, held: Conversation, ana: Operator) -> None:
        backlog.works()
        backlog.unconfirmed(held, ana)
        first = panel.get(PAGE, headers=FRAGMENT)
        assert 'hx-target="#work-board"' in markup(first)

        second = panel.get(PAGE, headers=FRAGMENT | {"If-None-Match": first["ETag"]})

        assert (second.status_code, second.content) == (304, b"")

    def test_is_the_page_when_something_has(self, panel: Client, held: Conversation, ana: Operator) -> None:
        first = panel.get(PAGE, headers=FRAGMENT)
        backlog.unconfirmed(held, ana)

        second = panel.get(PAGE, headers=FRAGMENT | {"If-None-Match": first["ETag"]})

        assert second.status_code == 200
        assert "Sem confirmação" in text(second)

    def test_costs_the_same_however_much_waits(
        self, panel: Client, held: Conversation, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        backlog.works()
        backlog.failed(held, ana)
        backlog.broken_webhook(monkeypatch)
        cache.clear()
        with CaptureQueriesContext(connection) as few:
            panel.get(PAGE, headers=FRAGMENT)
        for _number in range(25):
            backlog.failed(held, ana)
        backlog.unconfirmed(held, ana)
        backlog.broken_webhook(monkeypatch)
        cache.clear()

        with CaptureQueriesContext(connection) as many:
            panel.get(PAGE, headers=FRAGMENT)

        assert len(few) <= 16
        assert len(many) <= len(few) + 2  # the two counts of what is not listed

    def test_finds_what_is_due_by_what_is_due(
        self, panel: Client, held: Conversation, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Never by the company or its sender: that index leads to all that was ever sent. Only SQLite says what it
        would do without any rows to judge by."""
        if connection.vendor != "sqlite":
            return
        backlog.failed(held, ana)
        backlog.broken_webhook(monkeypatch)
        with CaptureQueriesContext(connection) as asked:
            panel.get(PAGE, headers=FRAGMENT)

        plans = [plan(one["sql"]) for one in asked if one["sql"].startswith("SELECT")]

        first = [next(step for step in steps if step.startswith(("SEARCH", "SCAN"))) for steps in plans]
        due = [
            step for step in first if re.search("_(delivery|botturn|handoff|inboundwebhook|message) ", step)
        ]
        by_key = [step for step in due if "due_at" not in step and "failed_at" not in step]
        assert len(due) == 8
        assert ["rowid>" in step for step in by_key] == [True]  # the last hour's: the newest rows only


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (0.9, "0 s"), (47, "47 s"), (659, "10 min"), (7500, "2 h 05 min"), (260_000, "3 d")],
)
def test_a_span_is_spelt_in_few_words(seconds: float, text: str) -> None:
    assert moments.spelt(timedelta(seconds=seconds)) == text


def accepted() -> Outcome:
    return Outcome("accepted", sid=f"SM{uuid4().hex}", status="queued")


def plan(sql: str) -> list[str]:
    """The steps in which SQLite answers this."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
        return [str(row[3]) for row in cursor.fetchall()]


def shape(response: Any) -> str:
    """A page without what differs between two askings of the very same address."""
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"|[0-9a-f]{8}-[0-9a-f-]{27}', "", markup(response))


def element(response: Any, id_: str) -> str:
    """The list item or section with this id."""
    found = re.search(rf'<(li|section)[^>]*id="{id_}".*?</\1>', markup(response), re.DOTALL)
    assert found
    return found[0]


def text_of(response: Any, id_: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", element(response, id_)).split())
