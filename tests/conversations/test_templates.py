"""Templates: what Twilio keeps, what may be said with it, and that it gets through when nothing else does."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from conversations import clock, delivery, errors, filling, settling, template_sync, templates, work
from conversations.contract import Cause
from conversations.models import (
    Approval,
    Author,
    Contact,
    Conversation,
    Delivery,
    Kind,
    Message,
    Template,
    TemplateSync,
)
from conversations.twilio import client, content
from handoffflow.simulator import checks, contents
from handoffflow.simulator.seeded import CATALOGUE
from handoffflow.simulator.standin import StandIn
from operators import desk
from operators.models import Operator
from tests.builders import fresh, make_held, make_operator, make_sender, says, time_passes
from tests.conversations.outbox import reload, twilio
from tests.templates import close_window, make_template, send

__all__ = ["twilio"]

pytestmark = pytest.mark.django_db

ANA_NAME = {"1": "João"}


@pytest.fixture
def closed(ana: Operator) -> Conversation:
    """A chat of Ana's whose window has closed."""
    return close_window(make_held(ana))


class TestCheck:
    @pytest.mark.parametrize(
        ("given", "wrong"),
        [
            ({}, {"1": "required"}),
            ({"1": "  "}, {"1": "required"}),
            ({"1": "a\nb"}, {"1": "line_break"}),
            ({"1": "a\tb"}, {"1": "line_break"}),
            ({"1": "a\u2028b"}, {"1": "line_break"}),
            ({"1": "a     b"}, {"1": "spaces"}),
            ({"1": "a" * 1025}, {"1": "too_long"}),
            ({"1": "a" * 1020}, {"1": "too_long"}),
            ({"1": "João", "2": "x"}, {"2": "unknown"}),
        ],
    )
    def test_names_the_field(self, given: dict[str, str], wrong: dict[str, str]) -> None:
        with pytest.raises(errors.TemplateVariables) as refused:
            filling.check(["1"], given, "Oi, {{1}}. Tudo bem?")

        assert refused.value.extras["fields"] == wrong

    def test_takes_four_spaces_and_an_emoji(self) -> None:
        assert filling.check(["nome"], {"nome": " a    b 🙂 "}, "Oi, {{nome}}!") == {"nome": "a    b 🙂"}

    def test_finds_gaps_of_both_kinds_in_reading_order(self) -> None:
        assert filling.names(["{{nome}}, {{ pedido }}", "{{nome}}"]) == ["nome", "pedido"]
        assert filling.names(["{{10}} {{2}} {{1}}"]) == ["1", "2", "10"]


class TestRead:
    @pytest.mark.parametrize(
        "row",
        [
            {},
            {"sid": "HX1", "types": None, "variables": [], "approval_requests": "x"},
            {"types": {"twilio/text": {"body": 5}}, "variables": {"1": None}},
            {"types": {"twilio/quick-reply": {"body": "a", "actions": [None, {}, {"title": 3}]}}},
            {"types": {"twilio/location": {"latitude": 1}}, "approval_requests": {"status": 7}},
        ],
    )
    def test_never_fails_on_what_twilio_makes_up(self, row: dict[str, Any]) -> None:
        assert content.read(row).approval

    def test_knows_what_a_card_says_and_which_gaps_its_buttons_have(self) -> None:
        shape = {
            "header_text": "Novidade",
            "body": "Oi, {{1}}",
            "footer": "Casa Aurora",
            "actions": [{"type": "URL", "title": "Abrir", "url": "https://x.example/{{2}}"}],
        }
        review = {"status": "approved", "category": "TRANSACTIONAL", "content_type": "whatsapp/card"}
        types = {"twilio/text": {"body": "…"}, "whatsapp/card": shape}

        read = content.read(
            {
                "sid": "HX1",
                "friendly_name": "n",
                "language": "pt_BR",
                "types": types,
                "variables": {"1": "Ana"},
                "approval_requests": review,
            }
        )

        assert (read.header, read.body, read.footer) == ("Novidade", "Oi, {{1}}", "Casa Aurora")
        assert read.variables == [{"name": "1", "sample": "Ana"}, {"name": "2", "sample": ""}]
        assert (read.category, read.buttons) == ("utility", [{"kind": "url", "title": "Abrir"}])


class TestSync:
    def test_copies_every_page_and_comes_back_later(
        self, twilio: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(content, "PAGE", 5)
        sender, now = make_sender(), clock.now()
        template_sync.ask(sender.organization, now=now)

        time_passes("templates", now)

        row = TemplateSync.objects.get()
        assert Template.objects.count() == row.found == len(CATALOGUE)
        assert (row.last_error, row.due_at) == ("", now + template_sync.EVERY)
        asked = [call for call in twilio.requests() if call["path"] == "/v1/ContentAndApprovals"]
        assert len(asked) == -(-len(CATALOGUE) // 5)
        offered = Template.objects.of(sender).offered()
        assert not offered.filter(name__in=["Código de acesso", "Rascunho"]).exists()
        assert offered.get(name="Cupom de volta").approval == Approval.PAUSED

    def test_keeps_what_is_gone_and_offers_it_no_more(self) -> None:
        sender, now = make_sender(), clock.now()
        gone = make_template(sender, name="velho")
        template_sync.ask(sender.organization, now=now)
        row = TemplateSync.objects.get()

        template_sync.store(row, [], now)

        gone.refresh_from_db()
        assert gone.gone
        assert not Template.objects.of(sender).exists()

    @pytest.mark.parametrize(("token", "said"), [("", "credentials"), ("wrong", "credentials")])
    def test_says_what_went_wrong_and_changes_nothing(
        self, twilio: StandIn, settings: Any, token: str, said: str
    ) -> None:
        sender, now = make_sender(), clock.now()
        known = make_template(sender)
        settings.TWILIO_AUTH_TOKEN = token
        template_sync.ask(sender.organization, now=now)

        time_passes("templates", now)

        row = TemplateSync.objects.get()
        assert (row.last_error, row.last_error_at) == (said, now)
        assert row.due_at is not None
        assert row.due_at > now
        known.refresh_from_db()
        assert not known.gone

    def test_that_was_asked_for_again_is_not_put_off_by_the_one_before(self) -> None:
        sender, now = make_sender(), clock.now()
        template_sync.ask(sender.organization, now=now)
        older = TemplateSync.objects.get()
        template_sync.ask(sender.organization, now=now)

        template_sync.store(older, [], now)

        assert TemplateSync.objects.get().due_at == now

    def test_of_a_worker_that_starts_reads_all_accounts(self) -> None:
        make_sender()
        work.load_handlers()

        work.begin(clock.now())

        assert TemplateSync.objects.get().due_at is not None


class TestSend:
    def test_gets_through_a_closed_window(self, ana: Operator, closed: Conversation, twilio: StandIn) -> None:
        twilio.advance("whatsapp:+5511987654321", hours=30)
        row = next(row for row in CATALOGUE if row["friendly_name"] == "Retomar o atendimento")
        template = make_template(
            make_sender(),
            content_sid=row["sid"],
            body=row["types"]["twilio/quick-reply"]["body"],
            gaps={"1": "Larissa", "2": "Ana"},
            buttons=[{"kind": "reply", "title": "Podemos"}],
        )

        message = send(closed, ana, template, {"1": "João", "2": "Ana"})
        while time_passes("delivery", clock.now()):
            pass  # the lines before it come first, and fail: they are free text

        delivery = reload(Delivery.objects.get(message=message))
        assert delivery.state == "accepted"
        sent = twilio.sent()[-1]
        assert sent.template == row["sid"]
        assert (
            sent.body
            == message.body
            == "Oi, João. Aqui é Ana, da Casa Aurora. Podemos continuar de onde paramos?"
        )
        form = twilio.requests()[-1]["form"]
        assert "Body" not in form
        assert json.loads(form["ContentVariables"][0]) == {"1": "João", "2": "Ana"}
        assert message.kind == Kind.TEMPLATE
        assert message.extras["template"]["buttons"] == [{"kind": "reply", "title": "Podemos"}]
        assert fresh(closed).last_preview.startswith("Oi, João")

    def test_sends_what_was_accepted_whatever_is_synced_meanwhile(
        self, ana: Operator, closed: Conversation
    ) -> None:
        template = make_template(make_sender())
        message = send(closed, ana, template, ANA_NAME)
        Template.objects.update(content_sid="HXother", approval=Approval.REJECTED, body="x")

        delivery = Delivery.objects.get(message=message)

        assert delivery.content_sid == template.content_sid
        assert json.loads(delivery.content_variables) == ANA_NAME
        assert delivery.outside_window

    @pytest.mark.parametrize("approval", ["pending", "rejected", "paused", "disabled", "received"])
    def test_is_refused_while_it_is_not_approved(
        self, ana: Operator, closed: Conversation, approval: str
    ) -> None:
        template = make_template(make_sender(), approval=approval)

        with pytest.raises((errors.TemplateRefused, errors.WindowClosed)):
            send(closed, ana, template, ANA_NAME)

        assert not Message.objects.filter(kind=Kind.TEMPLATE).exists()

    def test_may_be_in_review_while_the_window_is_open(self, ana: Operator) -> None:
        template = make_template(make_sender(), approval="pending")

        message = send(make_held(ana), ana, template, ANA_NAME)

        assert not Delivery.objects.get(message=message).outside_window

    def test_asks_for_consent_before_it_advertises(self, ana: Operator, closed: Conversation) -> None:
        template = make_template(make_sender(), category="marketing")
        with pytest.raises(errors.TemplateRefused) as refused:
            send(closed, ana, template, ANA_NAME)
        assert refused.value.extras["reason"] == "no_consent"

        Contact.objects.update(opted_in_at=clock.now())

        assert send(closed, ana, template, ANA_NAME).pk

    def test_never_goes_to_whoever_opted_out(self, ana: Operator, closed: Conversation) -> None:
        Contact.objects.update(opted_out_at=clock.now())

        with pytest.raises(errors.OptedOut):
            send(closed, ana, make_template(make_sender()), ANA_NAME)

    def test_belongs_to_its_account(self, ana: Operator, closed: Conversation) -> None:
        with pytest.raises(errors.UnknownTemplate):
            send(closed, ana, make_template(make_sender(), account_sid="ACother"), ANA_NAME)

    def test_has_the_fence_of_whoever_speaks(self, ana: Operator, closed: Conversation) -> None:
        template, bia = make_template(make_sender()), make_operator("bia")

        with pytest.raises(errors.NotYours):
            send(closed, bia, template, ANA_NAME)
        with pytest.raises(errors.StaleEpoch):
            send(closed, ana, template, ANA_NAME, epoch=closed.epoch - 1)

    def test_twice_with_one_key_is_sent_once(self, ana: Operator, closed: Conversation) -> None:
        template = make_template(make_sender())

        first = send(closed, ana, template, ANA_NAME, client_key="k")

        assert send(closed, ana, template, ANA_NAME, client_key="k") == first
        with pytest.raises(errors.KeyReused):
            send(closed, ana, template, {"1": "Maria"}, client_key="k")
        assert Delivery.objects.filter(content_sid=template.content_sid).count() == 1

    def test_leaves_free_text_refused(self, ana: Operator, closed: Conversation) -> None:
        send(closed, ana, make_template(make_sender()), ANA_NAME)

        with pytest.raises(errors.WindowClosed):
            desk.reply(
                fresh(closed),
                operator=ana,
                door="panel",
                body="oi",
                epoch=closed.epoch,
                client_key=None,
                now=clock.now(),
            )

    def test_of_a_bot_is_dropped_once_a_person_was_asked_for(self) -> None:
        says("oi")
        conversation = Conversation.objects.get()
        template = make_template(make_sender())

        message = templates.send(
            fresh(conversation),
            cause=Cause(kind="bot", door="api"),
            author=Author.BOT,
            template=template,
            values=ANA_NAME,
            now=clock.now(),
            epoch=conversation.epoch,
        )

        assert Delivery.objects.get(message=message).fenced


def test_the_list_is_never_half_read(twilio: StandIn, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A second page that fails fails the whole: what it would have held must not count as gone."""
    make_sender()
    row = TemplateSync.objects.create(
        organization=make_sender().organization, account_sid=settings.TWILIO_SID, due_at=clock.now()
    )
    known, now = make_template(make_sender(), name="na segunda página"), clock.now()
    monkeypatch.setattr(content, "PAGE", 5)
    whole = contents.page

    def broken(ledger: Any, account: Any, query: Any) -> Any:
        if query.get("Page", ["0"])[-1] == "1":
            raise checks.Refused(20500, status=500)
        return whole(ledger, account, query)

    monkeypatch.setattr(contents, "page", broken)

    async_to_sync(template_sync.run)(row, now)

    known.refresh_from_db()
    row.refresh_from_db()
    assert not known.gone
    assert row.last_error == "server_error"
    assert Template.objects.count() == 1
    assert row.due_at is not None
    assert row.due_at < now + timedelta(minutes=1)


class TestAfterwards:
    def test_one_that_failed_may_be_sent_again_though_the_window_is_closed(
        self, ana: Operator, closed: Conversation
    ) -> None:
        message = send(closed, ana, make_template(make_sender()), ANA_NAME)
        Message.objects.filter(pk=message.pk).update(status="failed", error_code=63018)
        Delivery.objects.filter(message=message).update(state="failed", error_code=63018, due_at=None)

        again = delivery.retry(message, cause=desk.cause(ana, "panel"), now=clock.now())

        assert again.status == "queued"

    @pytest.mark.parametrize(("listed", "state"), [("worded otherwise", "accepted"), ("Já vejo.", "unknown")])
    def test_one_that_is_unconfirmed_is_known_by_whatever_no_other_line_says(
        self, ana: Operator, monkeypatch: pytest.MonkeyPatch, listed: str, state: str
    ) -> None:
        held, now = make_held(ana), clock.now()
        desk.reply(
            held, operator=ana, door="panel", body="Já vejo.", epoch=held.epoch, client_key=None, now=now
        )
        message = send(held, ana, make_template(make_sender()), ANA_NAME)
        Message.objects.filter(pk=message.pk).update(status="unknown")
        Delivery.objects.filter(message=message).update(state="unknown", started_at=now, unknown_since=now)
        found = client.Listed(sid="SMx", status="sent", body=listed, created_at=now, error_code=None)
        monkeypatch.setattr(client, "listing", lambda *_account, **_asked: _soon([found]))

        async_to_sync(settling.settle)(reload(Delivery.objects.get(message=message)), now)

        assert reload(Delivery.objects.get(message=message)).state == state


async def _soon(rows: Any) -> Any:
    return rows
